//! A home folder, a server with the sample mail, and the program as its user runs it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assert_cmd::Command;
use fetchonce::demo::{Credentials, Event, Faults, Listener, Maildrop, samples};
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "canary-7f3a-password";

/// A home folder, and a server with the sample mail.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
    pub(crate) maildrop: Arc<Mutex<Maildrop>>,
    pub(crate) listener: Listener,
}

/// What a run of the program gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self::with_faults(|_| Faults::default())
    }

    /// A server that misbehaves by connection, and the configuration of account `work`.
    pub(crate) fn with_faults(plan: impl FnMut(u32) -> Faults + Send + 'static) -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), plan)
    }

    pub(crate) fn in_folder(folder: TempDir, plan: impl FnMut(u32) -> Faults + Send + 'static) -> Self {
        let mut maildrop = Maildrop::new();
        for sample in samples() {
            maildrop.add(&sample);
        }
        let maildrop = Arc::new(Mutex::new(maildrop));
        let credentials = Credentials { user: "alice".to_owned(), password: PASSWORD.to_owned() };
        let listener = Listener::start_for(Some(credentials), Arc::clone(&maildrop), plan).unwrap();
        let home = Self { folder, maildrop, listener };
        home.configure(&home.account("work"));
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn account(&self, name: &str) -> String {
        account(name, self.listener.port())
    }

    pub(crate) fn configure(&self, text: &str) {
        let text = format!("state_dir = \"state\"\n{text}");
        fs::write(self.path("config.toml"), text).unwrap();
        fs::set_permissions(self.path("config.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::from_std(self.std_command());
        command.timeout(Duration::from_secs(120));
        command
    }

    /// The same for a test that starts it itself.
    pub(crate) fn std_command(&self) -> process::Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_fetchonce")))
    }

    /// The same with a copy of the program.
    pub(crate) fn command_of(&self, program: &Path) -> process::Command {
        let mut command = process::Command::new(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.folder.path());
        command.env("XDG_CONFIG_HOME", self.path("xdg-config")).env("XDG_STATE_HOME", self.path("xdg-state"));
        command.current_dir(self.folder.path());
        command
    }

    /// Runs the program with the configuration.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        self.run_bare(&[&["--config", "config.toml"], words].concat())
    }

    pub(crate) fn run_bare(&self, words: &[&str]) -> Ran {
        ran(self.command().args(words))
    }

    /// The content of the files in a Maildir's `new/`, sorted.
    pub(crate) fn mail(&self, maildir: &str) -> Vec<Vec<u8>> {
        let folder = self.path(maildir).join("new");
        let files = fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().path()).collect());
        let mut mail: Vec<Vec<u8>> =
            files.unwrap_or_else(|_| Vec::new()).iter().map(|path: &PathBuf| fs::read(path).unwrap()).collect();
        mail.sort();
        mail
    }

    pub(crate) fn all_samples() -> Vec<Vec<u8>> {
        let mut all = samples();
        all.sort();
        all
    }

    pub(crate) fn retrieved(&self) -> usize {
        self.listener.log().iter().filter(|logged| matches!(logged.event, Event::Retr(_))).count()
    }

    /// Every file below the home folder with its content.
    pub(crate) fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(self.folder.path(), &mut files);
        files
    }
}

pub(crate) fn account(name: &str, port: u16) -> String {
    format!(
        "\n[account.{name}]\nserver = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nuser = \"alice\"\n\
         password = \"{PASSWORD}\"\ndeliver = \"maildir:Mail-{name}\"\n"
    )
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.insert(path.clone(), Vec::new());
            collect(&path, files);
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
}

/// I9 is checked on the way: no output of any test holds the password.
pub(crate) fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    let ran = Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
    assert!(!ran.out.contains("canary") && !ran.err.contains("canary"), "{ran:?}");
    ran
}

impl Ran {
    #[track_caller]
    pub(crate) fn is_fine_and_silent(&self) {
        assert!(self.code == Some(0) && self.out.is_empty() && self.err.is_empty(), "{self:?}");
    }

    #[track_caller]
    pub(crate) fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words.iter().chain(&["error: ", "\nhint: "]) {
            assert!(self.err.contains(word), "{word}: {self:?}");
        }
    }
}

/// A port on which nobody listens.
pub(crate) fn refused_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
