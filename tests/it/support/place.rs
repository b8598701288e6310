//! A folder of its own for each test, and the program run in it.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A program that runs longer than this hangs.
const LONGEST_RUN: Duration = Duration::from_secs(300);

/// The name of the one account.
pub(crate) const ACCOUNT: &str = "work";

/// Configuration, state and Maildir of one test.
pub(crate) struct Place {
    dir: TempDir,
}

/// What the configuration says of the account.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) server: String,
    pub(crate) port: u16,
    pub(crate) tls: &'static str,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) keep: &'static str,
    pub(crate) timeout: &'static str,
}

impl Account {
    /// A server on a port of this machine without TLS.
    pub(crate) fn plain(port: u16, keep: &'static str) -> Self {
        Self {
            server: "127.0.0.1".to_owned(),
            port,
            tls: "none",
            ca_file: None,
            user: "alice".to_owned(),
            password: "not-to-be-shown".to_owned(),
            keep,
            timeout: "30s",
        }
    }
}

/// How a run of the program ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    pub(crate) fn was_killed(&self) -> bool {
        self.status.signal() == Some(9)
    }

    /// The run must have succeeded.
    #[track_caller]
    pub(crate) fn ok(self) {
        assert_eq!(self.code(), Some(0), "{self:?}");
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { dir: TempDir::with_prefix("fetchonce-it-").unwrap() }
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where the account delivers; made by the program.
    pub(crate) fn maildir(&self) -> PathBuf {
        self.path("Mail")
    }

    /// Where the index lies; made by the program.
    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.state().join(format!("{ACCOUNT}.sqlite"))
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("config.toml")
    }

    /// Writes the configuration, which only its owner may read since it holds the password.
    pub(crate) fn configure(&self, account: &Account) {
        self.configure_with(account, &self.state(), &self.maildir());
    }

    /// The same with the state and the Maildir elsewhere.
    pub(crate) fn configure_with(&self, account: &Account, state: &Path, maildir: &Path) {
        let mut text = format!("state_dir = {:?}\n\n[account.{ACCOUNT}]\n", state.to_str().unwrap());
        let values = [
            ("server", account.server.as_str()),
            ("tls", account.tls),
            ("user", &account.user),
            ("password", &account.password),
            ("deliver", &format!("maildir:{}", maildir.display())),
            ("keep", account.keep),
            ("timeout", account.timeout),
            ("deadline", "5m"),
        ];
        for (key, value) in values {
            writeln!(text, "{key} = {value:?}").unwrap();
        }
        writeln!(text, "port = {}", account.port).unwrap();
        if let Some(ca_file) = &account.ca_file {
            writeln!(text, "ca_file = {:?}", ca_file.to_str().unwrap()).unwrap();
        }
        let _ = fs::remove_file(self.config());
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(self.config()).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// The program, about to fetch.
    pub(crate) fn fetch_command(&self) -> Command {
        self.fetch_command_of(Path::new(env!("CARGO_BIN_EXE_fetchonce")))
    }

    /// The same with another file as the program.
    pub(crate) fn fetch_command_of(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.arg("--config").arg(self.config()).arg("fetch");
        self.settle_command(&mut command);
        command
    }

    /// An empty environment, no input, and output into files: a full pipe cannot block anyone.
    pub(crate) fn settle_command(&self, command: &mut Command) {
        let output = |name: &str| Stdio::from(File::create(self.path(name)).unwrap());
        command.env_clear().env("HOME", self.root()).current_dir(self.root());
        command.stdin(Stdio::null()).stdout(output("stdout")).stderr(output("stderr"));
    }

    pub(crate) fn run(&self, command: &mut Command) -> Ran {
        let child = command.spawn().unwrap();
        self.wait(child)
    }

    pub(crate) fn fetch(&self) -> Ran {
        self.run(&mut self.fetch_command())
    }

    /// Fetches with the process killed at its step number `step`.
    pub(crate) fn fetch_killed_at(&self, step: u32) -> Ran {
        self.run(self.fetch_command().env("FETCHONCE_KILL_AT_STEP", step.to_string()))
    }

    /// Waits for the end of a process; one that hangs is killed and fails the test.
    pub(crate) fn wait(&self, mut child: Child) -> Ran {
        let status = wait_at_most(&mut child, LONGEST_RUN);
        let stderr = String::from_utf8_lossy(&fs::read(self.path("stderr")).unwrap()).into_owned();
        assert!(!stderr.contains("not-to-be-shown"), "I9: the password is in {stderr}");
        Ran { status: status.unwrap_or_else(|| panic!("the program hangs: {stderr}")), stderr }
    }

    /// The rows of the index as text, all columns that describe messages.
    pub(crate) fn rows(&self) -> Vec<String> {
        let db = open_read_only(&self.index());
        let mut statement = db.prepare("SELECT * FROM message ORDER BY id").unwrap();
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let values = (0..columns).map(|at| row.get::<_, rusqlite::types::Value>(at));
            Ok(format!("{:?}", values.collect::<Result<Vec<_>, _>>()?))
        };
        statement.query_map([], row).unwrap().map(Result::unwrap).collect()
    }

    /// How many messages of the index fulfil an SQL condition.
    pub(crate) fn count_rows(&self, condition: &str) -> i64 {
        let query = format!("SELECT count(*) FROM message WHERE {condition}");
        open_read_only(&self.index()).query_row(&query, [], |row| row.get(0)).unwrap()
    }
}

fn open_read_only(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// Waits for the end of a child; one that takes longer is killed and gives `None`.
pub(crate) fn wait_at_most(child: &mut Child, longest: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + longest;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if Instant::now() >= end {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
