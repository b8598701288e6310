//! I9: whatever a user, a server or a disk does, no output and no file holds the password, as it is or encoded.
//!
//! A password that no text has by chance is put into each place where one may stand, and into the wrong ones. Each time
//! all that the program says at its most talkative is searched for it: both outputs, the log, the trace, and every file
//! of the state folder and the Maildir.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fetchonce::demo::{Credentials, Faults, Listener, Login, Maildrop, samples};
use fetchonce::model::hex;

use crate::support::home::Home;
use crate::support::terminal::Terminal;

/// The part of the password that is looked for. Percent-encoding, quoting and escaping leave it as it is.
const CORE: &str = "qXz7Kq9Jw3vT";
/// With what shells, TOML, URLs and terminals have a meaning for.
const PASSWORD: &str = "$p%w:@\"\\ qXz7Kq9Jw3vT é";
/// The most talkative way to run.
const TALK: [&str; 5] = ["-v", "--log-level", "trace", "--trace", "trace"];

/// What of the password must be nowhere, in lower case.
fn forms() -> Vec<String> {
    let digits: Vec<String> = CORE.bytes().map(|byte| hex(&[byte])).collect();
    let encoded = (0..3).map(|before| {
        let text = STANDARD.encode([&vec![0; before], CORE.as_bytes()].concat());
        // Its ends also depend on what stands before and behind.
        text[4..text.len() - 4].to_owned()
    });
    let forms = [CORE.to_owned(), digits.concat(), digits.join(" "), digits.join("%"), digits.join("\\x")];
    forms.into_iter().chain(encoded).map(|form| form.to_lowercase()).collect()
}

#[track_caller]
fn assert_free_of_the_password(what: &str, octets: &[u8]) {
    let text = String::from_utf8_lossy(octets).to_lowercase();
    for form in forms() {
        assert!(!text.contains(&form), "{what} holds {form}:\n{text}");
    }
}

#[test]
fn the_search_finds_the_password_in_every_form() {
    let message = STANDARD.encode(format!("\0alice\0{PASSWORD}"));
    let percent = PASSWORD.bytes().map(|byte| hex(&[byte]).to_uppercase()).collect::<Vec<_>>().join("%");
    let escaped = format!("{PASSWORD:?}");
    for text in [PASSWORD, &PASSWORD.to_uppercase(), &message, &STANDARD.encode(PASSWORD), &percent, &escaped] {
        let found = std::panic::catch_unwind(|| assert_free_of_the_password("this", text.as_bytes()));
        assert!(found.is_err(), "not found in {text}");
    }
}

/// Where the password comes from.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Source {
    Text,
    File,
    Env,
    Command,
    Credential,
    Prompt,
    OneShotVariable,
    OneShotCommand,
}

const SOURCES: [Source; 8] = [
    Source::Text,
    Source::File,
    Source::Env,
    Source::Command,
    Source::Credential,
    Source::Prompt,
    Source::OneShotVariable,
    Source::OneShotCommand,
];

/// A home folder and a server that knows the password.
struct Rig {
    home: Home,
}

impl Rig {
    fn new(faults: Faults) -> Self {
        let mut maildrop = Maildrop::new();
        for sample in &samples()[..2] {
            maildrop.add(sample);
        }
        let maildrop = Arc::new(Mutex::new(maildrop));
        let credentials = Credentials { user: "alice".to_owned(), password: PASSWORD.to_owned() };
        let listener = Listener::start_for(Some(credentials), Arc::clone(&maildrop), move |_| faults.clone()).unwrap();
        let home = Home { folder: tempfile::tempdir().unwrap(), maildrop, listener };
        fs::create_dir(home.path("secrets")).unwrap();
        for name in ["mail", "password"] {
            fs::write(home.path("secrets").join(name), PASSWORD).unwrap();
            fs::set_permissions(home.path("secrets").join(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self { home }
    }

    /// The account with `password` for its password, as TOML.
    fn account(&self, password: &str) -> String {
        format!(
            "[account.work]\nserver = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"alice\"\n{password}\n\
             deliver = \"maildir:Mail\"\ntimeout = \"20s\"\n",
            self.home.listener.port()
        )
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fetchonce"));
        self.settle(&mut command);
        command
    }

    fn settle(&self, command: &mut Command) {
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.home.folder.path());
        command.env("CREDENTIALS_DIRECTORY", self.home.path("secrets")).env("MAIL_PASSWORD", PASSWORD);
        command.current_dir(self.home.folder.path()).stdin(Stdio::null());
        let output = |name: &str| Stdio::from(fs::File::create(self.home.path(name)).unwrap());
        command.stdout(output("stdout")).stderr(output("stderr"));
    }

    /// Fetches, and gives the exit code.
    fn fetch(&self, source: Source, options: &[&str]) -> Option<i32> {
        let password = match source {
            Source::Text => format!("password = '{PASSWORD}'"),
            Source::File => "password = { file = \"secrets/password\" }".to_owned(),
            Source::Env => "password = { env = \"MAIL_PASSWORD\" }".to_owned(),
            Source::Command => "password = { command = [\"cat\", \"secrets/password\"] }".to_owned(),
            Source::Credential => "password = { credential = \"mail\" }".to_owned(),
            Source::Prompt => String::new(),
            Source::OneShotVariable | Source::OneShotCommand => return self.fetch_one_shot(source, options),
        };
        self.home.configure(&self.account(&password));
        let words = ["--config", "config.toml", "fetch"];
        if source == Source::Prompt {
            return self.fetch_asked(&[&words[..], options].concat());
        }
        self.command().args(words).args(options).status().unwrap().code()
    }

    fn fetch_one_shot(&self, source: Source, options: &[&str]) -> Option<i32> {
        let url = format!("pop3s://alice@127.0.0.1:{}", self.home.listener.port());
        let mut command = self.command();
        command.args(["fetch", &url, "--tls", "none", "--into", "maildir:Once", "--state-dir", "once"]).args(options);
        match source {
            Source::OneShotVariable => command.env("FETCHONCE_PASSWORD", PASSWORD),
            _ => command.args(["--password-command", "cat", "secrets/password"]),
        };
        command.status().unwrap().code()
    }

    /// The program in a terminal of its own, which asks for the password.
    fn fetch_asked(&self, words: &[&str]) -> Option<i32> {
        let (mut terminal, stdin) = Terminal::open();
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(env!("CARGO_BIN_EXE_fetchonce")).args(words);
        self.settle(&mut command);
        let mut child = command.stdin(stdin).spawn().unwrap();
        drop(command);
        terminal.type_unseen(PASSWORD);
        let code = child.wait().unwrap().code();
        let shown = terminal.shown();
        assert!(shown.starts_with(b"Password of work: "), "{}", shown.escape_ascii());
        assert_free_of_the_password("the terminal", &shown);
        code
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.home.path(name)).unwrap()
    }

    /// Searches both outputs of the last command and every file but those that are to hold the password.
    #[track_caller]
    fn search(&self, what: &str) {
        for (path, content) in self.home.snapshot() {
            let name = path.strip_prefix(self.home.folder.path()).unwrap();
            if name != Path::new("config.toml") && !name.starts_with("secrets") {
                assert_free_of_the_password(&format!("{what}: {}", name.display()), &content);
            }
        }
    }

    /// The commands that look at what a fetch left, each searched.
    fn look_around(&self, what: &str) {
        for words in [
            &["status"][..],
            &["status", "--json"],
            &["list"],
            &["check"],
            &["check", "--json"],
            &["fetch", "--dry-run", "--json"],
        ] {
            let options = if words[0] == "fetch" { &TALK[..] } else { &TALK[1..] };
            let mut command = self.command();
            command.args(["--config", "config.toml"]).args(words).args(options).status().unwrap();
            self.search(&format!("{what}, then {words:?}"));
        }
    }
}

/// Fetches with the password from each source, expects the exit code, and these words in the trace.
fn fetch_from_each_source(faults: &Faults, code: i32, noted: &[&str]) {
    let rig = Rig::new(faults.clone());
    for source in SOURCES {
        let what = format!("{source:?}, {faults:?}");
        let _ = fs::remove_file(rig.home.path("trace"));
        assert_eq!(rig.fetch(source, &TALK), Some(code), "{what}: {}", rig.read("stderr"));
        rig.search(&what);
        let (trace, log) = (rig.read("trace"), rig.read("stderr"));
        for words in noted {
            assert!(trace.contains(words), "{what}: no {words} in\n{trace}");
        }
        assert!(log.contains("TRACE ") && log.contains("AUTH PLAIN ***"), "{what}: {log}");
        assert_eq!(rig.fetch(source, &["--dry-run", "-v"]), Some(code), "{what}: {}", rig.read("stderr"));
        rig.search(&what);
    }
    rig.look_around(&format!("{faults:?}"));
}

const WITHHELD: &str = "(withheld: it repeats the password)";

#[test]
fn i9_a_password_that_is_accepted_lies_nowhere() {
    fetch_from_each_source(&Faults::default(), 0, &["C: AUTH PLAIN ***\n", "S: +OK 2 messages"]);
}

#[test]
fn i9_a_password_that_is_rejected_lies_nowhere() {
    let faults = Faults { login: Login::Rejected, ..Faults::default() };
    fetch_from_each_source(&faults, 77, &["C: AUTH PLAIN ***\n", "C: PASS ***\n", "S: -ERR wrong user"]);
}

#[test]
fn i9_a_password_that_the_server_repeats_lies_nowhere() {
    let faults = Faults { repeat_password: true, ..Faults::default() };
    let (status, list) = (format!("S: +OK {WITHHELD}"), format!("S: {WITHHELD}"));
    fetch_from_each_source(&faults, 0, &["C: AUTH PLAIN ***\n", &status, &list]);
}

#[test]
fn i9_a_password_that_the_server_rejects_and_repeats_lies_nowhere() {
    let faults = Faults { repeat_password: true, login: Login::Rejected, ..Faults::default() };
    fetch_from_each_source(&faults, 77, &["C: PASS ***\n", &format!("S: -ERR {WITHHELD}")]);
}

/// Runs with a configuration that has the password in the wrong place, and searches.
fn with_configuration(rig: &Rig, what: &str, text: &str) {
    assert!(text.contains(CORE), "{what}: no password in {text}");
    for words in [&["fetch"][..], &["check"], &["status"], &["status", "--json"]] {
        rig.home.configure(text);
        let talk = if words[0] == "fetch" { &TALK[..] } else { &TALK[1..] };
        let code = rig.command().args(["--config", "config.toml"]).args(words).args(talk).status().unwrap().code();
        assert!(words[0] != "fetch" || matches!(code, Some(77 | 78)), "{what}: {code:?}, {}", rig.read("stderr"));
        rig.search(what);
    }
}

/// Names of hosts, users and files are no secrets and are shown: a password that is a valid one of these is not known.
#[test]
fn i9_a_password_in_the_wrong_place_of_the_configuration_is_not_repeated() {
    let rig = Rig::new(Faults::default());
    let right = rig.account("password = { file = \"secrets/password\" }");
    let in_place_of = |key: &str, value: &str| {
        let changed = |line: &str| if line.starts_with(key) { format!("{key} = {value}") } else { line.to_owned() };
        let text: Vec<String> = right.lines().map(changed).collect();
        text.join("\n") + "\n"
    };
    let quoted = format!("'{PASSWORD}'");
    for key in ["server", "port", "tls", "deliver", "timeout"] {
        with_configuration(&rig, key, &in_place_of(key, &quoted));
        with_configuration(&rig, key, &in_place_of(key, CORE));
        with_configuration(&rig, key, &in_place_of(key, &format!("[{quoted}]")));
    }
    for key in ["keep", "deadline", "allow_cleartext", "pasword", "secret", "colour"] {
        with_configuration(&rig, key, &format!("{right}{key} = {quoted}\n"));
    }
    for value in ["'pop3s://alice:PW@127.0.0.1'", "'127.0.0.1 PW'", "'127.0.0.1:PW'", "\"127.0.0.1\" PW", "\"PW"] {
        with_configuration(&rig, value, &in_place_of("server", &value.replace("PW", CORE)));
    }
    for value in [
        "PW",
        "\"PW",
        "'PW' 'PW'",
        "['PW']",
        "{ PW }",
        "{ 'PW' }",
        "{ 'PW' = 1 }",
        "{ pw = 'PW' }",
        "{ command = 'PW' }",
        "{ command = ['PW'] }",
        "{ command = ['PW', 'PW'] }",
        "{ file = 'PW' }",
        "{ env = 'PW' }",
        "{ credential = 'PW' }",
        "{ env = 'PW', file = 'PW' }",
        "\"\\q PW\"",
        "'''PW",
        "# PW",
    ] {
        with_configuration(&rig, value, &in_place_of("password", &value.replace("PW", CORE)));
    }
    for line in
        ["password", "password 'PW'", "'PW'", "PW", "[PW", "password: PW", "password = 'x' # PW\npassword = 'PW'"]
    {
        let line = line.replace("password", "password ").replace("PW", &format!("{CORE}!"));
        with_configuration(&rig, &line, &format!("{right}{line}  {CORE}\n"));
    }
}

#[test]
fn i9_a_password_on_the_command_line_is_not_repeated() {
    let rig = Rig::new(Faults::default());
    rig.home.configure(&rig.account("password = { env = \"UNSET\" }"));
    let (url, into) = (format!("pop3s://alice:{CORE}@127.0.0.1"), "--into=maildir:Once");
    let joined = format!("--password={CORE}");
    for words in [
        &["--password", CORE, "fetch"][..],
        &["fetch", "--password", CORE],
        &["fetch", &joined],
        &["fetch", "-p", CORE],
        &["fetch", &format!("-p{CORE}")],
        &["fetch", &url],
        &["fetch", &url, into],
        &["fetch", &url.replace("pop3s", "imap"), into],
        &["fetch", &url.replace('@', ""), into],
        &["fetch", "pop3s://alice@127.0.0.1:1", into, "--state-dir", "once", "--password-command", CORE],
        &["fetch", "pop3s://alice@127.0.0.1:1", into, "--keep", CORE],
    ] {
        let code = rig.command().args(&TALK[1..]).args(words).status().unwrap().code();
        let expected = if words.contains(&"--password-command") { 77 } else { 2 };
        assert_eq!(code, Some(expected), "{words:?}: {}", rig.read("stderr"));
        rig.search(&format!("{words:?}"));
    }
}

/// The variables that hold passwords do not come to a password command, though all of them are in the environment.
#[test]
fn i9_no_process_that_is_started_has_the_password_in_its_environment() {
    let rig = Rig::new(Faults::default());
    let other = "[account.other]\nserver = \"127.0.0.1\"\ntls = \"none\"\nuser = \"bob\"\ndeliver = \"maildir:Other\"\n\
                 password = { env = \"MAIL_PASSWORD\" }\n";
    let seen = "password = { command = [\"sh\", \"-c\", \"env >seen; cat secrets/password\"] }";
    rig.home.configure(&format!("{}{other}", rig.account(seen)));
    let mut command = rig.command();
    command.args(["--config", "config.toml", "fetch", "work"]).args(TALK).env("FETCHONCE_PASSWORD", PASSWORD);
    assert_eq!(command.status().unwrap().code(), Some(0), "{}", rig.read("stderr"));
    assert!(rig.read("seen").contains("HOME="));
    rig.search("the environment of a password command");
}

/// Not even while it runs is there a place where another user could see it.
#[test]
fn i9_the_running_program_shows_the_password_to_nobody() {
    let rig = Rig::new(Faults { silent_at_reply: Some(5), ..Faults::default() });
    rig.home.configure(&rig.account("password = { file = \"secrets/password\" }"));
    let mut child = rig.command().args(["--config", "config.toml", "fetch"]).args(TALK).spawn().unwrap();
    while !rig.read("stderr").contains("PASS ***") && !rig.read("stderr").contains("PLAIN ***") {
        assert!(child.try_wait().unwrap().is_none(), "{}", rig.read("stderr"));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let process = Path::new("/proc").join(child.id().to_string());
    for name in ["cmdline", "comm"] {
        let mut content = Vec::new();
        fs::File::open(process.join(name)).unwrap().read_to_end(&mut content).unwrap();
        assert_free_of_the_password(name, &content);
    }
    rig.search("while it runs");
    child.kill().unwrap();
    child.wait().unwrap();
    rig.search("after it was killed");
}
