//! All that people read, as they see it: tests/it/snapshots/*.txt, written anew with `FETCHONCE_REWRITE=1`.
//!
//! Read them after a change: is each line true, is it plain, does it say what is safe and what to do next?

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use fetchonce::demo::{BadMessage, Faults, Login, MessageFault, Quit};

use crate::generated::assert_kept;
use crate::support::scene::{Scene, account, index, maildir, state};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Compares what was seen with the file of that name.
#[track_caller]
fn seen(name: &str, scenes: impl IntoIterator<Item = Scene>) {
    let told: Vec<String> = scenes.into_iter().map(Scene::told).collect();
    assert_kept(&format!("tests/it/snapshots/{name}.txt"), &told.join("\n\n"));
}

fn correct(_: u32) -> Faults {
    Faults::default()
}

fn bad_message(fault: MessageFault) -> Faults {
    Faults { bad_message: Some(BadMessage { uid: b"demo-0004".to_vec(), fault }), ..Faults::default() }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// One more message in the maildrop.
fn mail_arrives(scene: &mut Scene) {
    scene.note("One message arrives.");
    scene.each(|home| home.maildrop.lock().unwrap().add(b"Subject: new\n\nnew\n"));
}

#[test]
fn fetch() {
    let mut scene = Scene::new("Fetching", correct);
    scene.run("fetchonce fetch --limit 2");
    scene.run("fetchonce");
    scene.run("fetchonce");
    scene.run("fetchonce -q");
    mail_arrives(&mut scene);
    scene.run("fetchonce -v");
    scene.note("`keep = \"none\"` is written into the configuration.");
    scene.configure(&format!("{}keep = \"none\"\n", account("work")));
    scene.run("fetchonce");
    scene.run("fetchonce");
    scene.run("fetchonce -v");

    let mut several = Scene::new("Several accounts, one of them failing", correct);
    let broken = account("broken").replace("PORT", "REFUSED");
    several.configure(&format!("{}{broken}{}", account("work"), account("hobby")));
    several.run("fetchonce --jobs 1");
    several.run("fetchonce --jobs 1 -v");
    several.run("fetchonce work");
    seen("fetch", [scene, several]);
}

#[test]
fn plans() {
    let mut scene = Scene::new("What would be done: --dry-run and list", correct);
    scene.run("fetchonce --dry-run");
    scene.run("fetchonce --dry-run --limit 2");
    scene.configure(&format!("{}keep = \"14 days\"\n", account("work")));
    scene.note("Fetched, with `keep = \"14 days\"`.");
    scene.run("fetchonce -q");
    scene.each(|home| home.maildrop.lock().unwrap().add_with_uid(&[b'u'; 70], b"Subject: long\n\nx\n"));
    scene.note("A message arrives under a unique-id of 70 characters.");
    scene.run("fetchonce list");
    scene.later("15 days later.", 15 * DAY);
    scene.run("fetchonce list work");
    scene.note("`keep = \"none\"` is written into the configuration.");
    scene.configure(&format!("{}keep = \"none\"\n", account("work")));
    scene.run("fetchonce fetch --dry-run");
    scene.run("fetchonce list pop3://bob@127.0.0.1:PORT --tls none");
    scene.run("fetchonce list nobody");
    let mut large = Scene::new("What is too large, announced by its header", correct);
    large.configure(&format!("{}max_size = \"20 kB\"\noversize = \"headers\"\n", account("work")));
    large.run("fetchonce list");
    large.run("fetchonce -v");
    large.run("fetchonce");
    large.run("fetchonce list");
    large.configure(&format!("{}oversize = \"headers\"\n", account("work")));
    large.run("fetchonce");
    seen("plans", [scene, large]);
}

#[test]
fn server() {
    let mut scenes = Vec::new();
    let mut one = |title: &str, faults: fn(u32) -> Faults, lines: &[&str]| {
        let mut scene = Scene::new(title, faults);
        for line in lines {
            scene.run(line);
        }
        scenes.push(scene);
    };
    let cut_once = |connection| match connection {
        0 => bad_message(MessageFault::RetrCut),
        _ => Faults::default(),
    };
    one("The connection is cut within a message", cut_once, &["fetchonce", "fetchonce"]);
    let refused = |_| bad_message(MessageFault::RetrRefused);
    one(
        "A message is refused",
        refused,
        &["fetchonce", "fetchonce list", "fetchonce seen skip work demo-0004", "fetchonce"],
    );
    one(
        "The connection is cut whenever the message is asked for",
        |_| bad_message(MessageFault::RetrCut),
        &["fetchonce", "fetchonce", "fetchonce", "fetchonce list", "fetchonce status"],
    );
    one("The login is rejected", |_| Faults { login: Login::Rejected, ..Faults::default() }, &["fetchonce"]);
    one(
        "The maildrop is in use",
        |_| Faults { login: Login::InUse, resp_codes: true, ..Faults::default() },
        &["fetchonce"],
    );
    one(
        "The login comes too soon",
        |_| Faults { login: Login::LoginDelay, resp_codes: true, ..Faults::default() },
        &["fetchonce"],
    );
    one(
        "The maildrop is broken",
        |_| Faults { login: Login::SysPerm, resp_codes: true, ..Faults::default() },
        &["fetchonce"],
    );
    one("The server has no UIDL", |_| Faults { no_uidl: true, ..Faults::default() }, &["fetchonce"]);
    one(
        "The server talks nonsense",
        |_| Faults { garbage_instead_of_reply: Some(3), ..Faults::default() },
        &["fetchonce"],
    );
    seen("server", scenes);
}

#[test]
fn deletions() {
    let configured = |title: &str, faults: fn(u32) -> Faults| {
        let scene = Scene::new(title, faults);
        scene.configure(&format!("{}keep = \"none\"\n", account("work")));
        scene
    };
    let mut rejected = configured("The server refuses QUIT", |_| Faults { quit: Quit::Rejected, ..Faults::default() });
    rejected.run("fetchonce");
    rejected.run("fetchonce status");
    let lost =
        |connection| Faults { quit: if connection == 0 { Quit::Lost } else { Quit::Applied }, ..Faults::default() };
    let mut lost = configured("The answer to QUIT is lost", lost);
    lost.run("fetchonce");
    lost.run("fetchonce status");
    lost.run("fetchonce");
    let mut refused = configured("The server refuses DELE", |_| bad_message(MessageFault::DeleRefused));
    refused.run("fetchonce");
    seen("deletions", [rejected, lost, refused]);
}

#[test]
fn connection() {
    let mut scene = Scene::new("No connection", correct);
    let with = |from: &str, to: &str| account("work").replace(from, to);
    scene.note("Nobody listens on that port.");
    scene.configure(&with("PORT", "REFUSED"));
    scene.run("fetchonce");
    scene.note("The host name is too long for any resolver.");
    scene.configure(&with("127.0.0.1", &format!("{}.invalid", "a".repeat(64))));
    scene.run("fetchonce");
    scene.note("The configuration says implicit TLS.");
    scene.configure(&with("tls = \"none\"", "tls = \"implicit\""));
    scene.run("fetchonce");
    scene.note("The configuration says STARTTLS.");
    scene.configure(&with("tls = \"none\"", "tls = \"starttls\""));
    scene.run("fetchonce");
    scene.note("The password is wrong.");
    scene.configure(&with("canary", "another"));
    scene.run("fetchonce");
    scene.note("The password command fails.");
    scene.configure(&with("password = \"canary-7f3a-password\"", "password = { command = [\"false\"] }"));
    scene.run("fetchonce");
    seen("connection", [scene]);
}

#[test]
fn targets() {
    let mut gone = Scene::new("A Maildir is gone", correct);
    gone.run("fetchonce -q");
    gone.each(|home| fs::remove_dir_all(maildir(home, "work")).unwrap());
    gone.note("The Maildir is removed.");
    gone.run("fetchonce");
    gone.run("fetchonce account accept-target work");
    gone.run("fetchonce");
    gone.run("fetchonce account accept-target work --fetch-interrupted-again");

    let mut other = Scene::new("Another Maildir lies there", correct);
    other.run("fetchonce -q");
    other.each(|home| fs::write(maildir(home, "work").join("fetchonce-maildir"), "0123456789abcdef\n").unwrap());
    other.note("Another Maildir takes its place.");
    other.run("fetchonce");
    other.note("The place holds something else.");
    other.each(|home| fs::remove_dir_all(maildir(home, "work")).unwrap());
    other.each(|home| fs::create_dir(maildir(home, "work")).unwrap());
    other.each(|home| fs::write(maildir(home, "work").join("letter"), "x").unwrap());
    other.configure(&format!("{}{}", account("work"), account("new").replace("Mail/new", "Mail/work")));
    other.run("fetchonce new --as-new");

    let mut old = Scene::new("The index is an old copy", correct);
    old.run("fetchonce -q");
    old.each(|home| fs::copy(state(home, "work.sqlite"), home.path("backup")).unwrap());
    mail_arrives(&mut old);
    old.run("fetchonce -q");
    old.note("The index is restored from a backup.");
    old.each(|home| fs::copy(home.path("backup"), state(home, "work.sqlite")).unwrap());
    old.run("fetchonce");
    old.run("fetchonce account accept-target work");
    old.run("fetchonce account accept-target nobody");

    let mut refusing = Scene::new("A Maildir refuses mail", correct);
    refusing.run("fetchonce -q --limit 1");
    refusing.as_nobody();
    let lock = |mode: u32| move |home: &_| set_mode(&maildir(home, "work").join("tmp"), mode);
    refusing.each(lock(0o500));
    refusing.note("Nobody may write into its tmp/.");
    refusing.run("fetchonce");
    refusing.run("fetchonce status");
    refusing.run("fetchonce list");
    refusing.each(lock(0o700));
    refusing.note("It can be written to again.");
    refusing.run("fetchonce");
    refusing.note("The state folder cannot be written to.");
    refusing.each(|home| set_mode(&home.path(".local/state/fetchonce"), 0o500));
    refusing.each(|home| fs::remove_file(state(home, "work.lock")).is_ok());
    refusing.each(|home| set_mode(&state(home, "work.sqlite"), 0o400));
    refusing.run("fetchonce");
    seen("targets", [gone, other, old, refusing]);
}

#[test]
fn indexes() {
    let mut lost = Scene::new("The index is lost", correct);
    lost.run("fetchonce -q");
    let remove = |ends: &[&str]| {
        let ends: Vec<String> = ends.iter().map(|end| format!("work.sqlite{end}")).collect();
        move |home: &_| ends.iter().for_each(|name| drop(fs::remove_file(state(home, name))))
    };
    lost.each(remove(&["", "-wal", "-shm"]));
    lost.note("The index is removed.");
    lost.run("fetchonce");
    lost.run("fetchonce status");

    let mut broken = Scene::new("The index is broken, or newer, or in use", correct);
    broken.run("fetchonce -q");
    broken.each(|home| fs::copy(state(home, "work.sqlite"), home.path("backup")).unwrap());
    broken.each(|home| fs::write(state(home, "work.sqlite"), b"no database at all\n".repeat(99)).unwrap());
    broken.note("Something else is written over it.");
    broken.run("fetchonce");
    broken.run("fetchonce status");
    broken.each(|home| fs::copy(home.path("backup"), state(home, "work.sqlite")).unwrap());
    broken.sql("work", "PRAGMA user_version = 999");
    broken.note("It was written by a newer version.");
    broken.run("fetchonce");
    broken.each(|home| fs::copy(home.path("backup"), state(home, "work.sqlite")).unwrap());
    let held = broken.each(|home| fs::File::open(state(home, "work.lock")).unwrap());
    for lock in &held {
        lock.try_lock().unwrap();
    }
    broken.note("Another process holds the lock.");
    broken.run("fetchonce");
    broken.run("fetchonce account rename work job");
    seen("indexes", [lost, broken]);
}

#[test]
fn accounts() {
    let mut scene = Scene::new("Accounts and their names", correct);
    scene.run("fetchonce wrok");
    scene.run("fetchonce nobody");
    scene.run("fetchonce work status");
    scene.run("fetchonce account rename work job");
    scene.run("fetchonce -q");
    scene.note("The account is called `job` in the configuration.");
    scene.configure(&account("job").replace("Mail/job", "Mail/work"));
    scene.run("fetchonce");
    scene.run("fetchonce account rename work job");
    scene.run("fetchonce account rename work job");
    scene.run("fetchonce account rename job a/b");
    scene.run("fetchonce");
    scene.configure(&account("job"));
    scene.run("fetchonce account rename job work");
    seen("accounts", [scene]);
}

#[test]
fn configuration() {
    let mut scene = Scene::new("Mistakes in the configuration", correct);
    let work = account("work");
    let without = |key: &str| -> String {
        work.lines().filter(|line| !line.starts_with(key)).flat_map(|line| [line, "\n"]).collect()
    };
    let unlocked = "deliver = { maildir = \"~/Mail\", locking = \"flock\" }";
    for (mistake, text) in [
        ("A misspelt key.", work.replace("port =", "prot =")),
        ("An unknown key.", work.replace("port =", "colour =")),
        ("A wrong type.", work.replace("port = PORT", "port = \"pop3\"")),
        ("A port that is none.", work.replace("port = PORT", "port = 70000")),
        ("No TOML.", work.replace("server =", "server")),
        ("A string without an end.", work.replace("\"alice\"", "\"alice")),
        ("No server.", without("server")),
        ("No user.", without("user")),
        ("No password.", without("password")),
        ("An unknown source of the password.", work.replace("password = ", "password.prompt = ")),
        ("No target.", without("deliver")),
        ("An unknown kind of TLS.", work.replace("\"none\"", "\"ssl\"")),
        ("A target that is not known.", work.replace("maildir:", "imap:")),
        ("A path without its kind of target.", work.replace("maildir:", "")),
        ("A program that needs a shell.", work.replace("maildir:", "pipe:sort >")),
        ("An option of another kind of target.", format!("{}{unlocked}\n", without("deliver"))),
        ("An unknown retention.", format!("{work}keep = \"two weeks\"\n")),
        ("A time-out that is too short.", format!("{work}timeout = \"0s\"\n")),
        ("A URL for a server.", work.replace("\"127.0.0.1\"", "\"pop3s://pop.example.com\"")),
        ("A name that cannot name a file.", work.replace("[account.work]", "[account.\"a/b\"]")),
        ("No account.", "state_dir = \"state\"\n".to_owned()),
        ("Nothing at all.", String::new()),
    ] {
        scene.note(mistake);
        scene.configure(&text);
        scene.run("fetchonce");
    }
    scene.note("Others may read a file that holds a password.");
    scene.configure(&work);
    scene.each(|home| {
        set_mode(&home.path(".config/fetchonce/config.toml"), 0o644);
    });
    scene.run("fetchonce");
    scene.note("There is no such file.");
    scene.each(|home| fs::remove_file(home.path(".config/fetchonce/config.toml")).unwrap());
    scene.run("fetchonce");
    scene.run("fetchonce --config nowhere.toml");
    scene.run("fetchonce status");
    seen("configuration", [scene]);
}

#[test]
fn command_line() {
    let mut scene = Scene::new("Mistakes on the command line", correct);
    for line in [
        "fetchonce --no-such-option",
        "fetchonce -q -v",
        "fetchonce --jobs 65",
        "fetchonce --dry-run status",
        "fetchonce stauts",
        "fetchonce account",
        "fetchonce account rename work",
        "fetchonce seen verify work",
        "fetchonce pop3s://alice@pop.example.com",
        "fetchonce pop3s://alice@pop.example.com work --into maildir:Mail",
        "fetchonce pop3s://alice:secret@pop.example.com --into maildir:Mail",
        "fetchonce pop3s://pop.example.com --into maildir:Mail",
        "fetchonce imaps://alice@pop.example.com --into maildir:Mail",
        "fetchonce pop3s://alice@pop.example.com --into Mail",
        "fetchonce pop3s://alice@pop.example.com --into maildir:Mail --into maildir:./Mail/",
        "fetchonce pop3s://alice@pop.example.com --into smtp:mail.example.com",
        "fetchonce pop3s://alice@pop.example.com --into stdout: --json",
        "fetchonce pop3s://alice@pop.example.com --into maildir:Mail --keep soon",
        "fetchonce work --into maildir:Mail",
    ] {
        scene.run(line);
    }
    seen("command_line", [scene]);
}

#[test]
fn one_shot() {
    let mut scene = Scene::new("Fetching without a configuration", correct);
    scene.each(|home| fs::remove_file(home.path(".config/fetchonce/config.toml")).unwrap());
    let line =
        "fetchonce pop3://alice@127.0.0.1:PORT --tls none --into maildir:Mail/once --password-command cat secret";
    scene.run(&line.replace(" --password-command cat secret", ""));
    scene.run(line);
    scene.each(|home| fs::write(home.path("secret"), format!("{}\n", crate::support::home::PASSWORD)).unwrap());
    scene.note("The password lies there now.");
    scene.run(line);
    scene.run("fetchonce status");
    scene.note("The Maildir is removed.");
    scene.each(|home| fs::remove_dir_all(maildir(home, "once")).unwrap());
    scene.run(line);
    scene.run("fetchonce account accept-target alice@127.0.0.1 --into maildir:Mail/once");
    seen("one_shot", [scene]);
}

#[test]
fn status() {
    let mut scene = Scene::new("What is known: status", correct);
    scene.configure(&format!("{}keep = \"14 days\"\n{}", account("work"), account("hobby")));
    scene.run("fetchonce status");
    scene.run("fetchonce -q work");
    scene.run("fetchonce status work");
    scene.later("Two hours later one message arrives, and is fetched.", 2 * HOUR);
    scene.each(|home| home.maildrop.lock().unwrap().add(b"Subject: new\n\nnew\n"));
    scene.run("fetchonce -q work");
    scene.run("fetchonce status --runs 1");
    scene.later("Four days later the server does not answer.", 4 * DAY);
    scene.configure(&format!("{}keep = \"14 days\"\n", account("work").replace("PORT", "REFUSED")));
    scene.run("fetchonce -q work");
    scene.later("Nine days later.", 9 * DAY + 23 * HOUR);
    scene.run("fetchonce status work");
    scene.note("Of four messages the disk or a server made trouble, and the last run was cut off.");
    for (uid, change) in [
        ("demo-0001", "state = 'held'"),
        ("demo-0002", "state = 'untrusted'"),
        ("demo-0003", "state = 'new', lost_sessions = 3, retry_after = 9999999999"),
        ("demo-0004", "delete_sent = 1"),
    ] {
        scene.sql("work", &format!("UPDATE message SET {change} WHERE uid = CAST('{uid}' AS BLOB)"));
    }
    scene.sql("work", "INSERT INTO run (started_at) VALUES (1773600000)");
    scene.run("fetchonce status");
    scene.run("fetchonce status wrok");
    seen("status", [scene]);
}

#[test]
fn seen_messages() {
    let mut scene = Scene::new("Giving up and repairing: seen", correct);
    scene.run("fetchonce seen skip work demo-0001");
    scene.run("fetchonce -q --limit 6");
    scene.run("fetchonce seen skip work demo-0001");
    scene.run("fetchonce seen skip work demo-0007");
    scene.run("fetchonce seen verify --repair work");
    scene.note("A sync failed after three messages were delivered.");
    let damaged = "UPDATE message SET state = 'untrusted' WHERE uid IN (CAST('demo-0001' AS BLOB), CAST('demo-0002' AS BLOB), CAST('demo-0003' AS BLOB))";
    scene.sql("work", damaged);
    scene.run("fetchonce");
    scene.run("fetchonce list");
    scene.note("The file of one of them is lost, and one is not on the server any more.");
    scene.each(|home| {
        let find = "SELECT delivery FROM message WHERE uid IN (CAST('demo-0002' AS BLOB), CAST('demo-0003' AS BLOB))";
        let index = index(home, "work");
        let mut statement = index.prepare(find).unwrap();
        let lost: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        for file in fs::read_dir(maildir(home, "work").join("new")).unwrap() {
            let path = file.unwrap().path();
            if lost.iter().any(|delivery| path.display().to_string().contains(delivery)) {
                fs::remove_file(path).unwrap();
            }
        }
        home.maildrop.lock().unwrap().messages.retain(|message| message.uid != b"demo-0003");
    });
    scene.run("fetchonce -q");
    scene.run("fetchonce seen verify --repair work");
    scene.run("fetchonce");
    seen("seen", [scene]);
}

#[test]
fn check() {
    let mut scene = Scene::new("Looking whether all is in order: check", correct);
    scene.run("fetchonce check");
    scene.configure(&account("work").replace("canary", "another"));
    scene.note("The password is wrong.");
    scene.run("fetchonce check work");
    scene.configure(&account("work").replace("PORT", "REFUSED"));
    scene.note("Nobody listens on that port.");
    scene.run("fetchonce check");
    scene.run("fetchonce check nobody");
    seen("check", [scene]);
}

#[test]
fn demo() {
    let mut scene = Scene::new("The demonstration", correct);
    scene.run("fetchonce demo");
    seen("demo", [scene]);
}
