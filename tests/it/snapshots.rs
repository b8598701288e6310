//! What people read, kept in `snapshots/` as they would see it, and compared: one file a topic, each command above what it
//! says. `FETCHONCE_REWRITE=1` writes the files anew.
//!
//! The environment is empty, the clock stands still, and the terminal has 80 columns. Only the port, the home folder (of
//! the same length) and the free space are not what they were.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use fetchonce::demo::{BadMessage, Faults, Login, MessageFault, Quit};

use crate::generated::assert_kept;
use crate::support::home::{Home, PASSWORD, ran};
use crate::support::terminal::play;

/// 2026-03-02 08:00 UTC, a Monday.
const MONDAY: i64 = 1_772_438_400;
const DAY: i64 = 86_400;
const HOUR: i64 = 3600;

/// What the home folder is called in the files.
const HOME: &str = "/home/alice";

/// A home with what was said in it so far.
struct Scene {
    home: Home,
    /// A name of the home folder that is as long on every machine.
    folder: PathBuf,
    faults: Arc<Mutex<Faults>>,
    now: i64,
    text: String,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.folder);
    }
}

impl Scene {
    /// A home with nothing in it but a server to ask.
    fn new(title: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let faults = Arc::new(Mutex::new(Faults::default()));
        let of_connection = Arc::clone(&faults);
        let home = Home::with_faults(move |_| of_connection.lock().unwrap().clone());
        let folder = (0..100).find_map(|_| {
            let number = std::process::id().wrapping_mul(31).wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed));
            let folder = PathBuf::from(format!("/tmp/f{:05}", number % 100_000));
            symlink(home.folder.path(), &folder).ok().map(|()| folder)
        });
        let folder = folder.expect("a free name in /tmp");
        assert_eq!(folder.as_os_str().len(), HOME.len());
        Self { home, folder, faults, now: MONDAY, text: format!("# {title}\n") }
    }

    /// The same with a configuration of one account.
    fn configured(title: &str, more: &str) -> Self {
        let scene = Self::new(title);
        scene.configure(&scene.account("work", more));
        scene
    }

    fn account(&self, name: &str, more: &str) -> String {
        format!(
            "[account.{name}]\nserver = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"alice\"\n\
             password = \"{PASSWORD}\"\ndeliver = \"maildir:~/Mail/{name}\"\n{more}\n",
            self.home.listener.port()
        )
    }

    fn configure(&self, text: &str) {
        let path = self.home.path("xdg-config/fetchonce/config.toml");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }

    /// The server misbehaves from now on.
    fn with(&mut self, faults: Faults) -> &mut Self {
        *self.faults.lock().unwrap() = faults;
        self
    }

    fn later(&mut self, seconds: i64) -> &mut Self {
        self.now += seconds;
        self
    }

    /// Words between two commands.
    fn note(&mut self, words: &str) -> &mut Self {
        writeln!(self.text, "\n({words})").unwrap();
        self
    }

    fn arrives(&mut self, subject: &str) -> &mut Self {
        let text = format!("From: bob@example.org\nSubject: {subject}\n\n{subject}\n");
        self.home.maildrop.lock().unwrap().add(text.as_bytes());
        self.note(&format!("a message arrives on the server: {subject}"))
    }

    /// Runs the program on a terminal.
    fn run(&mut self, words: &[&str]) -> &mut Self {
        let mut command = self.home.std_command();
        self.settle(&mut command);
        command.args(words).env("TERM", "xterm").env("NO_COLOR", "1");
        let played = play(80, command);
        played.fits(80);
        let end =
            if played.code == Some(0) { String::new() } else { format!("[exit code {}]\n", played.code.unwrap()) };
        self.record("$", words, &(played.screen() + &end))
    }

    /// Runs the program as cron does.
    fn run_by_cron(&mut self, words: &[&str]) -> &mut Self {
        let mut command = self.home.std_command();
        self.settle(&mut command);
        let ran = ran(assert_cmd::Command::from_std(command).args(words));
        let marked = |mark: &str, text: &str| text.lines().fold(String::new(), |all, line| all + mark + line + "\n");
        let end = if ran.code == Some(0) { String::new() } else { format!("[exit code {}]\n", ran.code.unwrap()) };
        let said = marked("1> ", &ran.out) + &marked("2> ", &ran.err) + &end;
        self.record("cron$", words, &said)
    }

    fn settle(&self, command: &mut Command) {
        command.env("HOME", &self.folder).env("XDG_CONFIG_HOME", self.folder.join("xdg-config"));
        command.env("XDG_STATE_HOME", self.folder.join("state")).env("TZ", "UTC");
        command.env("FETCHONCE_CLOCK", self.now.to_string()).current_dir(&self.folder);
    }

    fn record(&mut self, prompt: &str, words: &[&str], said: &str) -> &mut Self {
        let word = |word: &&str| if word.contains(' ') { format!("\"{word}\"") } else { (*word).to_owned() };
        let line: Vec<String> = words.iter().map(word).collect();
        let text = format!(
            "\n{prompt} {}\n{said}",
            ["fetchonce".to_owned()].into_iter().chain(line).collect::<Vec<_>>().join(" ")
        );
        let port = self.home.listener.port().to_string();
        assert_eq!(port.len(), 5);
        let text = text.replace(self.folder.to_str().unwrap(), HOME).replace(&port, "10995");
        let is_of_disk = |line: &str| line.contains(" space  ") && line.ends_with("iB free");
        for line in text.split_inclusive('\n') {
            let place = line.find(" space  ").filter(|_| is_of_disk(line.trim_end()));
            match place {
                Some(place) => writeln!(self.text, "{} space          120.0 GiB free", &line[..place]).unwrap(),
                None => self.text.push_str(line),
            }
        }
        self
    }

    #[track_caller]
    fn is_kept_as(&self, name: &str) {
        assert_kept(&format!("tests/it/snapshots/{name}.txt"), &self.text);
    }
}

fn bad(uid: &str, fault: MessageFault) -> Faults {
    Faults { bad_message: Some(BadMessage { uid: uid.into(), fault }), ..Faults::default() }
}

#[test]
fn the_first_days() {
    let mut scene = Scene::new("The first days");
    scene.run(&[]).run(&["status"]).note("the configuration is written");
    scene.configure(&scene.account("work", "keep = \"14 days\""));
    scene.run(&["list"]).run(&["--limit", "2", "work"]).run(&["-v"]).run(&[]).run(&["status"]);
    scene.later(HOUR).arrives("lunch").run(&[]).later(HOUR).run(&["-q"]).run(&["status", "--runs", "1"]);
    scene.later(13 * DAY).run(&["list"]).later(DAY).arrives("two weeks later").run(&["fetch", "--dry-run"]);
    scene.run(&["-v"]).later(HOUR).run(&["list"]).run(&["status"]).run(&["check"]);
    scene.is_kept_as("first-days");
}

#[test]
fn what_a_server_does() {
    let mut scene = Scene::configured("What a server does", "keep = \"none\"");
    scene.note("it closes the connection within the fourth message").with(bad("demo-0004", MessageFault::RetrCut));
    scene.run(&[]).run(&["-v"]).run(&["list"]).run(&["status"]);
    scene.note("it refuses the fourth message").later(2 * DAY).with(bad("demo-0004", MessageFault::RetrRefused));
    scene.run(&[]).run(&["seen", "skip", "work", "demo-0004"]).run(&["seen", "skip", "work", "nothing"]).run(&[]);
    scene.note("it refuses QUIT").arrives("one").with(Faults { quit: Quit::Rejected, ..Faults::default() }).run(&[]);
    scene.note("it rejects the login");
    let login = |login| Faults { login, resp_codes: true, ..Faults::default() };
    scene.with(login(Login::Rejected)).run(&[]);
    scene.note("the maildrop is in use").with(login(Login::InUse)).run(&[]);
    scene.note("its trouble needs a person").with(login(Login::SysPerm)).run(&[]);
    scene.note("it talks nonsense").with(Faults { garbage_instead_of_reply: Some(3), ..Faults::default() }).run(&[]);
    scene.note("it has no UIDL").with(Faults { no_uidl: true, ..Faults::default() }).run(&[]).run(&["check"]);
    scene.note("it is well again").with(Faults::default()).run(&[]).run(&["list"]).run(&["status"]);
    scene.is_kept_as("servers");
}

#[test]
fn what_a_configuration_may_get_wrong() {
    let mut scene = Scene::new("What a configuration may get wrong");
    let account = scene.account("work", "");
    for (what, text) in [
        ("an unknown key", account.replace("port =", "prot =")),
        ("another program's word for a key", account.replace("server =", "host =")),
        ("a missing key", account.replace("user = \"alice\"\n", "")),
        ("a wrong type", account.replace("\"alice\"", "7")),
        ("no quotes", account.replace("\"alice\"", "alice")),
        ("a bad value", format!("{account}keep = \"two weeks\"\n")),
        ("an unknown kind of mailbox", account.replace("maildir:", "maildri:")),
        ("a key twice", format!("{account}user = \"bob\"\n")),
        ("a server that is none", account.replace("127.0.0.1", "pop example")),
        ("no account", String::new()),
    ] {
        scene.configure(&text);
        scene.note(what).run(&[]);
    }
    let exposed = scene.home.path("xdg-config/fetchonce/config.toml");
    scene.configure(&account);
    fs::set_permissions(exposed, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    scene.note("others may read it, and the password stands in it").run(&[]).run(&["check"]);
    scene.run(&["--config", "elsewhere.toml"]);
    scene.is_kept_as("configuration");
}

#[test]
fn what_a_command_line_may_get_wrong() {
    let mut scene = Scene::configured("What a command line may get wrong", "");
    for words in [
        &["wrok"][..],
        &["stauts"],
        &["work", "status"],
        &["--dry-run", "list"],
        &["--no-such-option"],
        &["-q", "-v"],
        &["--limit", "many"],
        &["--keep", "none", "work"],
        &["pop3s://alice@pop.example.com"],
        &["pop3s://alice:secret@pop.example.com", "--into", "maildir:M"],
        &["imaps://alice@pop.example.com", "--into", "maildir:M"],
        &["fetch", "pop3s://alice@pop.example.com", "--into", "M"],
        &["account"],
        &["account", "rename", "home", "work"],
        &["status", "home"],
        &["seen", "skip", "work", "x"],
        &["seen", "verify", "work"],
        &["--log-to", "journal"],
        &["--trace", "/"],
    ] {
        scene.run(words);
    }
    scene.is_kept_as("command-line");
}

#[test]
fn what_a_disk_may_do() {
    let mut scene = Scene::configured("What a disk may do", "");
    let (mail, index) = (scene.home.path("Mail/work"), scene.home.path("state/fetchonce/work.sqlite"));
    scene.run(&[]).note("the Maildir is not mounted");
    fs::rename(&mail, scene.home.path("away")).unwrap();
    scene.run(&[]).run(&["check"]).note("it is gone for good").run(&["account", "accept-target", "work"]).run(&[]);
    let old = fs::read(&index).unwrap();
    scene.arrives("one").run(&[]).note("an old copy of the index is brought back");
    fs::write(&index, old).unwrap();
    scene.run(&[]).run(&["account", "accept-target", "work"]).run(&[]);

    scene.note("a failed disk operation left two messages in doubt");
    let database = rusqlite::Connection::open(&index).unwrap();
    let doubt = "UPDATE message SET state = 'untrusted' WHERE id <= 2";
    assert_eq!(database.execute(doubt, []).unwrap(), 2);
    drop(database);
    scene.run(&[]).run(&["list"]).run(&["status"]).run(&["seen", "verify", "--repair", "work"]).run(&[]);

    scene.note("the index is no database any more");
    let whole = fs::read(&index).unwrap();
    fs::write(&index, "this is no database, however long one looks at it\n".repeat(40)).unwrap();
    scene.run(&[]).run(&["status"]).run(&["check"]).note("the index is lost");
    fs::remove_file(&index).unwrap();
    scene.run(&[]).run(&["list"]).run(&["status"]).note("the index is of a newer fetchonce");
    fs::write(&index, whole).unwrap();
    let newer = rusqlite::Connection::open(&index).unwrap();
    newer.pragma_update(None, "user_version", 999).unwrap();
    drop(newer);
    scene.run(&[]).run(&["status"]);
    scene.is_kept_as("disks");
}

#[test]
fn several_accounts_and_their_names() {
    let mut scene = Scene::new("Several accounts and their names");
    let (work, hobby) = (scene.account("work", "keep = \"2 days\""), scene.account("hobby", ""));
    scene.configure(&format!("{work}{hobby}"));
    scene.run(&["--jobs", "1"]).run(&["status"]).note("another fetchonce is at work on one of them");
    let lock = fs::File::open(scene.home.path("state/fetchonce/work.lock")).unwrap();
    lock.try_lock().unwrap();
    scene.run(&["--jobs", "1"]).run(&["check", "work"]).run(&["account", "rename", "work", "job"]);
    lock.unlock().unwrap();
    drop(lock);
    scene.run(&["account", "rename", "work", "hobby"]).note("`work` is called `job` in the configuration");
    scene.configure(&format!("{}{hobby}", work.replace("[account.work]", "[account.job]")));
    scene.run(&["--jobs", "1"]).run(&["account", "rename", "work", "job"]).run(&["--jobs", "1"]);
    scene.note("nothing runs for five days").later(5 * DAY).run(&["status"]);
    scene.is_kept_as("accounts");
}

#[test]
fn what_cron_sends() {
    let mut scene = Scene::configured("What cron sends", "");
    scene.run_by_cron(&[]).run_by_cron(&["status"]).run_by_cron(&["list"]).note("the server closes the connection");
    scene.arrives("one").with(bad("demo-0008", MessageFault::RetrCut)).run_by_cron(&[]);
    scene.note("it is well again").with(Faults::default()).run_by_cron(&["-v"]).run_by_cron(&["check"]);
    scene.arrives("two").run_by_cron(&["--json"]).run_by_cron(&["list", "--json"]).run_by_cron(&["status", "--json"]);
    scene.is_kept_as("cron");
}
