//! `check`: each thing that can be out of order is named with what to do about it, and nothing is changed by looking.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use fetchonce::demo::{Credentials, Event, Faults, ListOnly, Login, Quit};
use rustix::process::{Pid, Signal};
use serde_json::Value;

use crate::support::home::{Home, PASSWORD, Ran, account, ran, refused_port};
use crate::support::tls::{Authority, TlsServer, self_signed};

/// Waits longer than this fail the test.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What a check of account `work` finds, as scripts read it.
struct Found {
    ran: Ran,
    records: Vec<Value>,
}

impl Found {
    fn by(home: &Home, words: &[&str]) -> Self {
        Self::of(home.run(&[&["check", "--json"], words].concat()))
    }

    /// A finding is in the text as it is in the JSON, and the exit code is that of the worst.
    fn of(ran: Ran) -> Self {
        let mut records: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let end = records.pop().unwrap_or_else(|| panic!("no output: {ran:?}"));
        assert_eq!((&end["type"], end["exit_code"].as_i64()), (&"end".into(), ran.code.map(i64::from)), "{ran:?}");
        assert!(records.iter().all(|record| record["type"] == "check"), "{ran:?}");
        assert_eq!(ran.err, "");
        let is_bad = |record: &Value| record["verdict"] == "failed" && record["exit_code"] != 0;
        assert_eq!(records.iter().any(is_bad), ran.code != Some(0), "{ran:?}");
        Self { ran, records }
    }

    fn all(&self, area: &str) -> Vec<&Value> {
        self.records.iter().filter(|record| record["area"] == area).collect()
    }

    /// The verdict on an area: the one that is not `ok`, where there is one.
    fn verdict(&self, area: &str) -> &str {
        let verdicts = self.all(area).into_iter().map(|record| record["verdict"].as_str().unwrap());
        verdicts.max_by_key(|verdict| *verdict != "ok").unwrap_or_else(|| panic!("no {area}: {:?}", self.ran))
    }

    /// Asserts that an area has a finding of this verdict with all the words in its texts.
    #[track_caller]
    fn has(&self, area: &str, verdict: &str, words: &[&str]) -> &Self {
        let is_it = |record: &&Value| {
            let text = format!("{} {} {}", record["what"], record["caused_by"], record["hint"]);
            record["verdict"] == verdict && words.iter().all(|word| text.contains(word))
        };
        assert!(self.all(area).iter().any(is_it), "no {area} {verdict} with {words:?}: {:#?}", self.records);
        let advises = |record: &Value| record["hint"].as_str().is_some_and(|hint| !hint.is_empty());
        let is_bad = |record: &&Value| record["verdict"] == "warning" || record["verdict"] == "failed";
        assert!(self.records.iter().filter(is_bad).all(advises), "no hint: {:#?}", self.records);
        self
    }

    #[track_caller]
    fn failed(&self, code: i32, area: &str, words: &[&str]) -> &Self {
        assert_eq!(self.ran.code, Some(code), "{:?}", self.ran);
        self.has(area, "failed", words)
    }

    #[track_caller]
    fn warns(&self, area: &str, words: &[&str]) -> &Self {
        assert_eq!(self.ran.code, Some(0), "{:?}", self.ran);
        self.has(area, "warning", words)
    }

    /// Asserts that exactly these areas were skipped.
    #[track_caller]
    fn skipped(&self, areas: &[&str]) -> &Self {
        let skipped = self.records.iter().filter(|record| record["verdict"] == "skipped");
        assert_eq!(skipped.map(|record| record["area"].as_str().unwrap()).collect::<Vec<_>>(), areas);
        self
    }
}

fn commands(home: &Home) -> Vec<String> {
    let command = |event| if let Event::Command(line) = event { Some(line) } else { None };
    home.listener.log().into_iter().filter_map(|logged| command(logged.event)).collect()
}

/// The areas in their order; what the clock of this machine shows is left out.
const AREAS: [&str; 12] = [
    "configuration",
    "state",
    "index",
    "target",
    "space",
    "password",
    "connection",
    "tls",
    "login",
    "capabilities",
    "maildrop",
    "quit",
];

#[test]
fn where_all_is_well_each_thing_has_its_line_and_nothing_is_changed() {
    let home = Home::new();
    let before = home.snapshot();
    let text = home.run(&["check"]);
    assert_eq!((text.code, text.err.as_str(), home.snapshot() == before), (Some(0), "", true), "{text:?}");
    let lines: Vec<&str> = text.out.lines().filter(|line| !line.contains("  clock  ")).collect();
    assert_eq!(lines.len(), AREAS.len(), "{text:?}");
    for (line, area) in lines.iter().zip(AREAS) {
        assert!(line.starts_with(&format!("work  ok       {area:13}  ")), "{line}");
        assert!(line.len() <= 80 || line.contains('/'), "{line}");
    }
    let port = home.listener.port();
    assert!(lines[6].ends_with(&format!("127.0.0.1 port {port}")), "{text:?}");
    assert!(lines[9].ends_with("UIDL, TOP (fetchonce-demo)") && lines[10].ends_with(", 7 of them new"), "{text:?}");
    assert_eq!(commands(&home).join(" "), "CAPA AUTH *** *** CAPA UIDL STAT LIST QUIT");

    home.run(&[]).is_fine_and_silent();
    let before = home.snapshot();
    let found = Found::by(&home, &["work"]);
    found.has("index", "ok", &["7 messages delivered, last run "]).has(
        "maildrop",
        "ok",
        &["7 messages", "0 of them new"],
    );
    assert_eq!(home.snapshot(), before);
    assert_eq!(home.retrieved(), 7);
}

#[test]
fn each_refusal_of_the_server_has_its_exit_code_and_its_hint() {
    let with_login = |login| Home::with_faults(move |_| Faults { login, resp_codes: true, ..Faults::default() });
    let rest = ["capabilities", "maildrop", "quit"];
    for (login, code, words) in [
        (Login::Rejected, 77, ["rejects the credentials", "look at user and password"]),
        (Login::InUse, 75, ["holds this mailbox", "another program reads this mailbox"]),
        (Login::LoginDelay, 75, ["a moment ago", "wants a pause between two logins"]),
        (
            Login::SysTemp,
            75,
            ["just now", "in passing trouble: run `fetchonce --config config.toml check work` again later"],
        ),
        (Login::SysPerm, 69, ["the mailbox is broken", "ask the provider"]),
    ] {
        Found::by(&with_login(login), &[]).failed(code, "login", &words).skipped(&rest);
    }
    let home = Home::new();
    home.configure(&home.account("work").replace("tls = \"none\"", "tls = \"starttls\""));
    let found = Found::by(&home, &[]);
    found.failed(76, "tls", &["does not offer STLS", "no password was sent"]);
    found.has("connection", "ok", &[]).skipped(&["login", "capabilities", "maildrop", "quit"]);
    home.configure(&home.account("work").replace("tls = \"none\"", "tls = \"implicit\""));
    Found::by(&home, &[]).failed(76, "tls", &["does not speak TLS there", "995 is for implicit TLS"]);
    assert!(!commands(&home).iter().any(|line| line.starts_with("AUTH")));
}

#[test]
fn a_server_that_is_not_there_is_told_and_what_rests_on_it_is_skipped() {
    let rest = ["tls", "login", "capabilities", "maildrop", "quit"];
    let home = Home::new();
    home.configure(&account("work", refused_port()));
    Found::by(&home, &[]).failed(69, "connection", &["no connection to 127.0.0.1", "995"]).skipped(&rest);
    // A label of 64 octets: no resolver needs to be asked.
    let nowhere = format!("\"{}.invalid\"", "a".repeat(64));
    home.configure(&home.account("work").replace("\"127.0.0.1\"", &nowhere));
    Found::by(&home, &[]).failed(68, "connection", &["was not found", "look at the name"]).skipped(&rest);

    let mute = Home::with_faults(|_| Faults { silent_at_reply: Some(0), ..Faults::default() });
    mute.configure(&format!("{}timeout = \"1s\"\n", mute.account("work")));
    Found::by(&mute, &[]).failed(75, "connection", &["no answer within 1s during the greeting", "`port` and `tls`"]);
    let rude = Home::with_faults(|_| Faults { refuse_command: Some(0), ..Faults::default() });
    Found::by(&rude, &[]).failed(69, "connection", &["the server refused the connection"]).skipped(&rest);
}

#[test]
fn what_a_server_lacks_or_does_of_its_own_is_told() {
    let with = |faults: Faults| Home::with_faults(move |_| faults.clone());
    let home = with(Faults { no_uidl: true, ..Faults::default() });
    Found::by(&home, &[])
        .failed(76, "capabilities", &["has no UIDL", "tells messages apart by UIDL"])
        .skipped(&["maildrop", "quit"]);
    let home = with(Faults { no_top: true, delete_on_retr_quit: true, ..Faults::default() });
    Found::by(&home, &[])
        .warns("capabilities", &["no TOP", "second download"])
        .warns("capabilities", &["EXPIRE 0", "backups"]);
    let home = with(Faults { no_capa: true, ..Faults::default() });
    let found = Found::by(&home, &[]);
    found.has("capabilities", "ok", &["none announced"]).has("login", "ok", &["alice by USER and PASS"]);
    let home = with(Faults { list_only: Some(ListOnly::InUidl(3)), ..Faults::default() });
    Found::by(&home, &[]).warns("maildrop", &["lists disagree"]).has("maildrop", "ok", &["3 messages"]);
    let home = with(Faults { quit: Quit::Rejected, ..Faults::default() });
    Found::by(&home, &[]).failed(69, "quit", &["says at QUIT"]);
    let home = with(Faults { quit: Quit::Lost, ..Faults::default() });
    Found::by(&home, &[]).warns("quit", &["connection closed during QUIT"]);
    let home = with(Faults { drop_at_reply: Some(5), ..Faults::default() });
    Found::by(&home, &[]).failed(76, "maildrop", &["connection closed during "]).skipped(&["quit"]);
}

/// RFC 2449 §6.7.
#[test]
fn what_a_server_may_delete_although_it_is_to_stay_is_told_once() {
    let announced = Arc::new(Mutex::new("14 USER"));
    let shared = Arc::clone(&announced);
    let expire = move || Some((*shared.lock().unwrap()).to_owned());
    let home = Home::with_faults(move |_| Faults { expire: expire(), ..Faults::default() });
    let keep = |keep: &str| home.configure(&format!("{}keep = \"{keep}\"\n", home.account("work")));
    let warned = |days: &str| {
        let ran = home.run(&[]);
        let warning = format!("warning: work: the server may delete mail that is {days} old (EXPIRE), and `keep` asks");
        assert!(ran.code == Some(0) && ran.err.contains(&warning), "{ran:?}");
    };
    keep("13 days");
    home.run(&[]).is_fine_and_silent();
    Found::by(&home, &[]).has("capabilities", "ok", &["14 days old", "asks for no longer"]);

    keep("14 days");
    assert!(home.run(&["--dry-run"]).err.contains("14 days old"));
    warned("14 days");
    home.run(&[]).is_fine_and_silent();
    assert_eq!(home.run(&["--dry-run"]).err, "");
    Found::by(&home, &[]).warns("capabilities", &["14 days old", "asks for longer"]);

    *announced.lock().unwrap() = "1";
    warned("1 day");
    home.run(&[]).is_fine_and_silent();
    *announced.lock().unwrap() = "NEVER";
    home.run(&[]).is_fine_and_silent();
    *announced.lock().unwrap() = "1";
    warned("1 day");
}

#[test]
fn odd_unique_ids_are_counted() {
    let home = Home::new();
    for uid in [&b"demo-0001"[..], b"with space", "\u{e4}".as_bytes(), &[b'x'; 71], &[b'x'; 70]] {
        home.maildrop.lock().unwrap().add_with_uid(uid, b"Subject: odd\n\nodd\n");
    }
    Found::by(&home, &[])
        .has("maildrop", "ok", &["12 messages", "12 of them new"])
        .warns("maildrop", &["2 messages share unique-ids"])
        .warns("maildrop", &["3 messages with a unique-id that RFC 1939 does not allow"]);
    home.maildrop.lock().unwrap().add_with_uid(&[b'x'; 600], b"Subject: long\n\nlong\n");
    Found::by(&home, &[]).warns("maildrop", &["1 message without a unique-id that can be used", "is not fetched"]);
}

/// A server with a certificate, and an account that trusts its authority.
struct Protected {
    home: Home,
    server: TlsServer,
}

impl Protected {
    fn new(issue: impl Fn(&Authority, &Path)) -> Self {
        let home = Home::new();
        let authority = Authority::new();
        authority.write(&home.path("ca.pem"));
        issue(&authority, &home.path("server"));
        let credentials = Credentials { user: "alice".to_owned(), password: PASSWORD.to_owned() };
        let server = TlsServer::start(&home.path("server"), credentials);
        let text = account("work", server.port).replace("tls = \"none\"", "tls = \"implicit\"");
        home.configure(&format!("{text}ca_file = \"ca.pem\"\n"));
        Self { home, server }
    }

    /// I9: of a server whose certificate is refused nothing but that certificate is wanted.
    #[track_caller]
    fn is_refused(&self, words: &[&str]) {
        let found = Found::by(&self.home, &[]);
        found.failed(76, "tls", words).has("connection", "ok", &[]).has("tls", "failed", &["no password was sent"]);
        found.skipped(&["login", "capabilities", "maildrop", "quit"]);
        let talked = |event: &Event| matches!(event, Event::Command(line) if line != "CAPA");
        assert!(!self.server.log().iter().any(talked), "{:?}", self.server.log());
    }
}

#[test]
fn a_certificate_is_told_with_its_issuer_and_its_end() {
    let good = Protected::new(|authority, path| authority.issue(path, &["127.0.0.1"], -1..30));
    let found = Found::by(&good.home, &[]);
    assert_eq!((found.ran.code, found.verdict("tls")), (Some(0), "ok"), "{:?}", found.ran);
    found.has("tls", "ok", &["implicit, verified for 127.0.0.1"]);
    found.has("tls", "ok", &["certificate by test authority, until 20"]).has("quit", "ok", &[]);

    let soon = Protected::new(|authority, path| authority.issue(path, &["127.0.0.1"], -1..13));
    Found::by(&soon.home, &[]).warns("tls", &["until 20", "renew"]).has("login", "ok", &[]);

    good.home.configure(&good.home.account("work").replace("\"none\"", "\"implicit\"\nca_file = \"none.pem\""));
    let found = Found::by(&good.home, &[]);
    found.failed(78, "tls", &["cannot read the CA certificates", "PEM"]);
    found.skipped(&["connection", "login", "capabilities", "maildrop", "quit"]);
}

#[test]
fn i9_a_refused_certificate_is_told_with_what_is_wrong_and_gets_no_password() {
    let names = ["pop.example.com", "mail.example.com", "127.0.0.9"];
    let misnamed = Protected::new(|authority, path| authority.issue(path, &names, -1..30));
    misnamed.is_refused(&[
        "another name",
        "a certificate for pop.example.com, mail.example.com and 1 more",
        "by test authority",
    ]);
    let expired = Protected::new(|authority, path| authority.issue(path, &["127.0.0.1"], -20..-10));
    expired.is_refused(&["has expired", "must renew it", "until 20"]);
    let itself = Protected::new(|_, path| self_signed(path, &["127.0.0.1"], -1..30));
    itself.is_refused(&["signed by itself", "by 127.0.0.1, until 20", "`ca_file`"]);
    let stranger = Protected::new(|_, path| Authority::new().issue(path, &["127.0.0.1"], -1..30));
    stranger.is_refused(&["the certificate of 127.0.0.1 is not valid", "`ca_file`"]);
}

#[test]
fn a_check_is_logged_and_traced() {
    let itself = Protected::new(|_, path| self_signed(path, &["127.0.0.1"], -1..30));
    let ran = itself.home.run(&["check", "--trace", "trace.txt", "--log-level", "info"]);
    let trace = fs::read_to_string(itself.home.path("trace.txt")).unwrap();
    let second = trace.lines().filter(|line| line.contains(" work 2 ")).collect::<Vec<_>>();
    assert!(second.iter().any(|line| line.ends_with("-- only to look at the certificate, which is not verified")));
    assert!(!trace.contains(" AUTH ") && !trace.contains(" work 3 ") && !trace.contains("canary"), "{trace}");
    let logged = |words: &str| ran.err.lines().any(|line| line.contains(words) && line.contains("account=work"));
    assert!(logged("it is signed by itself") && logged("area=\"tls\""), "{ran:?}");
}

#[test]
fn a_password_that_cannot_be_had_leaves_the_server_to_be_looked_at() {
    let home = Home::new();
    home.configure(&home.account("work").replace(&format!("\"{PASSWORD}\""), "{ env = \"NOT_SET\" }"));
    let found = Found::by(&home, &[]);
    found.failed(77, "password", &["environment variable", "not set"]);
    found.has("tls", "ok", &[]).skipped(&["login", "capabilities", "maildrop", "quit"]);
}

#[test]
fn a_maildir_that_a_fetch_would_not_take_is_told() {
    let home = Home::new();
    fs::write(home.path("Mail-work"), "").unwrap();
    Found::by(&home, &[]).failed(73, "target", &["Mail-work"]).skipped(&["space"]);
    fs::remove_file(home.path("Mail-work")).unwrap();
    fs::create_dir_all(home.path("Mail-work/photos")).unwrap();
    Found::by(&home, &[]).failed(73, "target", &["exists and is not a Maildir"]);
    fs::remove_dir_all(home.path("Mail-work")).unwrap();

    home.run(&[]).is_fine_and_silent();
    fs::rename(home.path("Mail-work"), home.path("Mail-away")).unwrap();
    let before = home.snapshot();
    Found::by(&home, &[]).failed(73, "target", &["has disappeared", "account accept-target work"]);
    assert_eq!(home.snapshot(), before);
    for sub in ["tmp", "new", "cur"] {
        fs::create_dir_all(home.path("Mail-work").join(sub)).unwrap();
    }
    fs::write(home.path("Mail-work/fetchonce-maildir"), "another\n").unwrap();
    Found::by(&home, &[]).failed(73, "target", &["is not the Maildir that this account delivered to"]);

    // One that moved with its configuration is recognised.
    home.configure(&home.account("work").replace("Mail-work", "Mail-away"));
    Found::by(&home, &[]).has("target", "ok", &["Mail-away (moved here from ", "Mail-work)"]);
}

/// Every target is looked at, those of routes too, and nothing is made or handed over by it.
#[test]
fn each_target_that_a_fetch_would_not_take_is_told() {
    let home = Home::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let socket = elsewhere.path().join("lmtp");
    let listener = UnixListener::bind(&socket).unwrap();
    let greeter = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.write_all(b"220 here\r\n").unwrap();
        let mut said = BufReader::new(client.try_clone().unwrap()).lines().map(Result::unwrap);
        let hello = said.next().unwrap();
        client.write_all(b"250 here\r\n").unwrap();
        let last = said.next().unwrap();
        client.write_all(b"221 bye\r\n").unwrap();
        (hello, last)
    });
    let with = |deliver: &str| {
        let rule = format!("[[account.work.route]]\nlist_id = \"a\"\ndeliver = {deliver}\n");
        home.configure(&format!("{}{rule}", home.account("work")));
    };
    let before = |home: &Home| home.snapshot().into_keys().collect::<Vec<_>>();
    with(&format!(r#"["eml:messages", "mbox:inbox", "pipe:/bin/cat", "lmtp:{}"]"#, socket.display()));
    let files = before(&home);
    let found = Found::by(&home, &[]);
    assert_eq!((found.ran.code, before(&home)), (Some(0), files), "{:?}", found.ran);
    for words in ["Mail-work (new: it", "messages (new: it", "inbox (new: it", "the program /bin/cat", "lmtp answers"] {
        found.has("target", "ok", &[words]);
    }
    let (hello, last) = greeter.join().unwrap();
    assert!(hello.starts_with("LHLO ") && last == "QUIT", "{hello} {last}");

    fs::write(home.path("file"), "").unwrap();
    for (deliver, code, words) in [
        ("\"eml:file\"", 73, &["cannot read", "file"][..]),
        ("\"mbox:none/inbox\"", 73, &["none/inbox does not exist"]),
        ("\"mbox:/dev/null\"", 73, &["/dev/null is not a regular file"]),
        ("\"pipe:no-such-program\"", 73, &["no-such-program"]),
        ("\"lmtp:/nonexistent/lmtp\"", 69, &["no connection to the socket /nonexistent/lmtp"]),
    ] {
        with(deliver);
        Found::by(&home, &[]).failed(code, "target", words).has("target", "ok", &["Mail-work"]).skipped(&["space"]);
    }
}

/// Changes the index behind the program's back.
fn tamper(home: &Home, sql: &str) {
    rusqlite::Connection::open(home.path("state/work.sqlite")).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn what_an_earlier_run_left_is_told() {
    let home = Home::new();
    home.run(&[]).is_fine_and_silent();
    tamper(
        &home,
        "UPDATE message SET state = 'held', held = 'x' WHERE id = 1; UPDATE message SET state = 'intent' WHERE id = 2",
    );
    Found::by(&home, &[])
        .warns("target", &["1 message kept safe in the held Maildir"])
        .warns("target", &["the delivery of 1 message was interrupted", "settles it"]);
    tamper(&home, "UPDATE message SET state = 'untrusted' WHERE id < 3");
    Found::by(&home, &[]).failed(
        74,
        "target",
        &["what the disk holds of 2 messages is not known", "seen verify --repair"],
    );

    // Interrupted deliveries into a Maildir that is gone stop a fetch, also when another one is configured now.
    tamper(
        &home,
        "UPDATE message SET state = 'intent' WHERE id = 2; UPDATE message SET state = 'delivered' WHERE id = 1",
    );
    fs::rename(home.path("Mail-work"), home.path("Mail-away")).unwrap();
    home.configure(&home.account("work").replace("Mail-work", "Mail-new"));
    let words = ["1 message interrupted on the way into ", "--fetch-interrupted-again"];
    Found::by(&home, &[]).failed(73, "target", &words);
}

#[test]
fn an_index_that_cannot_be_used_is_told_and_left_as_it_is() {
    let home = Home::new();
    home.run(&[]).is_fine_and_silent();
    let index = home.path("state/work.sqlite");
    let whole = fs::read(&index).unwrap();
    for (sql, code, words) in [
        ("PRAGMA user_version = 999", 78, "written by a newer fetchonce"),
        ("PRAGMA application_id = 7", 65, "a database of another program"),
    ] {
        tamper(&home, sql);
        let before = home.snapshot();
        Found::by(&home, &[]).failed(code, "index", &[words]).skipped(&["target", "space"]);
        assert_eq!(home.snapshot(), before);
        fs::write(&index, &whole).unwrap();
    }
    fs::write(&index, b"this is no database at all\n".repeat(80)).unwrap();
    Found::by(&home, &[]).failed(65, "index", &["is not a usable index", "from a backup"]);
    fs::remove_file(&index).unwrap();
    Found::by(&home, &[]).failed(65, "index", &["is gone or empty", "bring it back"]);
    assert!(!index.exists());

    fs::write(&index, &whole).unwrap();
    home.configure(&home.account("job"));
    let words = ["`work` has fetched the same mailbox", "account rename work job"];
    Found::by(&home, &[]).failed(78, "index", &words);
}

/// The maildrop belongs to the fetch that is running: a second login would disturb it.
#[test]
fn a_running_fetch_is_told_and_left_alone() {
    let home = Home::new();
    home.run(&[]).is_fine_and_silent();
    let connections = commands(&home).len();
    let lock = fs::File::open(home.path("state/work.lock")).unwrap();
    lock.try_lock().unwrap();
    let found = Found::by(&home, &[]);
    found.warns("index", &["another fetchonce is at work on this account", "nothing is wrong"]);
    found.has("target", "ok", &[]).has("password", "ok", &[]);
    found.skipped(&["connection", "tls", "login", "capabilities", "maildrop", "quit"]);
    assert_eq!(commands(&home).len(), connections);
}

#[test]
fn the_configuration_is_checked_for_the_whole_command() {
    let home = Home::new();
    home.configure(&home.account("work").replace("port =", "prot ="));
    let found = Found::by(&home, &[]);
    found.failed(78, "configuration", &["config.toml:5: unknown key `prot`", "did you mean `port`?"]);
    assert_eq!((&found.records[0]["account"], found.records.len()), (&Value::Null, 1));
    let text = home.run(&["check"]);
    assert_eq!((text.code, text.err.as_str()), (Some(78), ""));
    assert!(text.out.starts_with("failed   configuration  config.toml:5: "), "{text:?}");
    fs::remove_file(home.path("config.toml")).unwrap();
    Found::by(&home, &[]).failed(78, "configuration", &["no such configuration file"]);
    home.run(&["chekc"]).failed(78, &[]);
}

#[test]
fn accounts_are_checked_one_after_the_other_and_the_worst_is_the_exit_code() {
    let home = Home::new();
    home.configure(&format!("{}{}", account("broken", refused_port()), home.account("work")));
    let found = Found::by(&home, &[]);
    assert_eq!(found.ran.code, Some(69));
    let of = |name: &str| found.records.iter().filter(|record| record["account"] == name).count();
    assert_eq!((of("broken"), of("work")), (AREAS.len() + 1, AREAS.len() + 1));
    assert_eq!(found.records.last().unwrap()["account"], "work");
    home.run(&["check", "wrok"]).failed(2, &["did you mean `work`?"]);
    assert_eq!(Found::by(&home, &["work"]).ran.code, Some(0));
}

#[test]
fn a_url_is_checked_without_a_configuration() {
    let home = Home::new();
    let url = format!("pop3://alice@127.0.0.1:{}", home.listener.port());
    let words = ["check", "--json", &url, "--tls", "none"];
    let before = home.snapshot();
    let with_password = |words: &[&str]| Found::of(ran(home.command().args(words).env("FETCHONCE_PASSWORD", PASSWORD)));
    let found = with_password(&words);
    assert_eq!(found.ran.code, Some(0), "{:?}", found.ran);
    found.has("configuration", "ok", &["command line"]).skipped(&["target", "space"]);
    found.has("password", "ok", &["from the environment variable FETCHONCE_PASSWORD"]);
    let found = with_password(&[&words[..], &["--into", "maildir:Mail"]].concat());
    found.has("target", "ok", &["Mail (new: it will be made)"]).skipped(&[]);
    Found::of(home.run_bare(&words)).failed(77, "password", &["standard input is no terminal"]);
    assert_eq!(home.snapshot(), before);
}

#[test]
fn a_signal_ends_a_check_in_order() {
    let home = Home::with_faults(|_| Faults { silent_at_reply: Some(3), ..Faults::default() });
    home.configure(&format!("{}{}", home.account("work"), home.account("next")));
    let child = std::process::Command::new(assert_cmd::cargo::cargo_bin("fetchonce"))
        .args(["--config", "config.toml", "check", "--json"])
        .env_clear()
        .current_dir(home.folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let end = Instant::now() + LONGEST_WAIT;
    while !commands(&home).iter().any(|line| line.starts_with("AUTH")) {
        assert!(Instant::now() < end, "no login");
        std::thread::sleep(Duration::from_millis(5));
    }
    rustix::process::kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    let ran = Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
    let found = Found::of(ran);
    found.failed(130, "login", &["interrupted"]).skipped(&["capabilities", "maildrop", "quit"]);
    assert!(found.records.iter().all(|record| record["account"] == "work"), "{:?}", found.ran);
}
