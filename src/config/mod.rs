//! The configuration file: TOML into validated types.
//!
//! `keys` says once which keys there are, `raw` reads the shape (known keys, right types, places), `check` the meaning;
//! what leaves this room is valid.
//!
//! ```toml
//! state_dir = "~/.local/state/fetchonce"     # optional
//! after     = ["notmuch", "new"]             # optional
//!
//! [account.work]
//! server   = "pop.example.com"
//! tls      = "implicit"                      # or "starttls", "none"
//! user     = "alice@example.com"
//! password = { command = ["pass", "show", "mail/work"] }
//! deliver  = "maildir:~/Mail/work"
//! keep     = "14 days"                       # or "forever", "none"
//! timeout  = "30s"
//! deadline = "1h"
//! ```
//!
//! No error quotes a value of the file, since any value may be a password in the wrong place (I9).

mod check;
mod deliver;
mod error;
pub mod keys;
mod names;
mod password;
mod raw;
mod route;
mod rules;
mod size;
mod target;
mod url;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use directories::{BaseDirs, ProjectDirs};
use secrecy::zeroize::Zeroizing;

use crate::model::{Target, TraceHeader, quoted};
use crate::policy::{Intake, Retention};
use crate::route::Routes;

pub use error::{ConfigError, ConfigErrorKind, ValueError};
pub use names::AccountName;
pub use password::{COMMAND_TIME, OUTPUT_OCTETS, PasswordError, PasswordProblem, PasswordSource};
pub use rules::{RetentionWords, parse_keep, parse_time};
pub use size::parse_size;
pub use target::parse_targets;
pub use url::{OneShot, UrlError, parse_url};

/// Largest configuration file, in octets.
pub const FILE_OCTETS: u64 = 1024 * 1024;
/// Shortest `timeout` and `deadline`.
pub const SHORTEST_TIME: Duration = Duration::from_secs(1);
/// Longest `timeout` and `deadline`.
pub const LONGEST_TIME: Duration = Duration::from_secs(24 * 3600);

/// A valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the indexes and locks of the accounts lie.
    pub state_dir: PathBuf,
    /// What is run for all accounts.
    pub hooks: Hooks,
    /// The accounts in the order of the file, each name once; none in an empty file.
    pub accounts: Vec<Account>,
}

/// One maildrop and where its mail goes.
#[derive(Clone, Debug)]
pub struct Account {
    /// Names the account's files: a changed server or user is the same account.
    pub name: AccountName,
    /// Host name or address, an IPv6 address without brackets.
    pub server: String,
    /// TCP port; by default [`Tls::default_port`].
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// Whether a password may be sent over a connection without TLS.
    pub allow_cleartext: bool,
    /// Certificates to trust besides the system's (PEM).
    pub ca_file: Option<PathBuf>,
    /// Login name: not empty, no control characters.
    pub user: String,
    /// Where the password comes from.
    pub password: PasswordSource,
    /// All its targets, each place once: its own ones, and those of its routes. There is one in every valid
    /// configuration, and in a one-shot that does more than look.
    pub deliver: Vec<Target>,
    /// Which of the targets a message goes to.
    pub routes: Routes,
    /// What is put before each message.
    pub trace_headers: Vec<TraceHeader>,
    /// When delivered mail may leave the server.
    pub retention: Retention,
    /// Whether what is removed from the Maildir, then the only target, is deleted on the server too.
    pub delete_when_removed_locally: bool,
    /// What a run takes from the server.
    pub intake: Intake,
    /// Longest silence on the wire, [`SHORTEST_TIME`] to [`LONGEST_TIME`].
    pub timeout: Duration,
    /// Longest run of this account, [`SHORTEST_TIME`] to [`LONGEST_TIME`].
    pub deadline: Duration,
    /// What is run for it alone.
    pub hooks: Hooks,
}

/// Programs that are run after a fetch, each with its arguments and without a shell.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hooks {
    /// Where mail was delivered.
    pub after: Option<Vec<String>>,
    /// Where an account's run failed.
    pub on_error: Option<Vec<String>>,
}

/// How a connection is protected.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Tls {
    /// TLS from the first octet (RFC 8314 §3.2).
    #[default]
    Implicit,
    /// STLS (RFC 2595 §4), mandatory: a server that refuses it ends the session.
    StartTls,
    /// None.
    None,
}

impl Tls {
    /// The registered port: 995 for implicit TLS, otherwise 110.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Implicit => 995,
            Self::StartTls | Self::None => 110,
        }
    }
}

/// What a configuration takes from the process: folders that relative paths and defaults count from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Environment {
    /// The user's home folder, for `~/`.
    pub home: Option<PathBuf>,
    /// The default of `state_dir`, `$XDG_STATE_HOME/fetchonce`.
    pub state_dir: Option<PathBuf>,
    /// What the name of the configuration file counts from when it is relative.
    pub current_dir: PathBuf,
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            home: BaseDirs::new().map(|dirs| dirs.home_dir().to_owned()),
            state_dir: project_dirs().and_then(|dirs| dirs.state_dir().map(Path::to_owned)),
            current_dir: std::env::current_dir().unwrap_or_default(),
        }
    }
}

fn project_dirs() -> Option<ProjectDirs> {
    ProjectDirs::from("", "", "fetchonce")
}

/// Where the configuration lies when no file is named: `$XDG_CONFIG_HOME/fetchonce/config.toml`. `None` without a home.
#[must_use]
pub fn default_path() -> Option<PathBuf> {
    project_dirs().map(|dirs| dirs.config_dir().join("config.toml"))
}

/// Reads and checks a configuration file.
///
/// Errors: the file is missing, unreadable, larger than [`FILE_OCTETS`] or invalid, or holds a password and may be
/// read by others than its owner.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let of_file = |kind, problem| ConfigError::of_file(kind, path, problem);
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => {
            let hint = "write it, or fetch without one: `fetchonce fetch pop3s://USER@HOST --into maildir:FOLDER`";
            of_file(ConfigErrorKind::NotFound, ValueError::new("no such configuration file").with_hint(hint))
        }
        _ => of_file(ConfigErrorKind::Unreadable, ValueError::new(format!("cannot be read: {error}"))),
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    // One buffer that never moves and is wiped: the file may hold passwords.
    let room = metadata.len().min(FILE_OCTETS) + 64;
    let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(room).unwrap_or_default()));
    file.take(FILE_OCTETS + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > FILE_OCTETS {
        let problem = ValueError::new(format!("larger than {FILE_OCTETS} octets: not a configuration file"));
        return Err(of_file(ConfigErrorKind::Unreadable, problem));
    }
    let text = std::str::from_utf8(&content).map_err(|error| {
        let line = content.iter().take(error.valid_up_to()).filter(|b| **b == b'\n').count() + 1;
        let problem = ValueError::new(format!("not UTF-8 in line {line}")).with_hint("save the file as UTF-8");
        of_file(ConfigErrorKind::Unreadable, problem)
    })?;
    let config = parse(text, path, &Environment::of_process())?;
    let holds_password = config.accounts.iter().any(|account| matches!(account.password, PasswordSource::Text(_)));
    if holds_password && password::is_exposed(&metadata) {
        let hint = format!("take the right to read it from the others: `chmod 600 {}`", quoted(path));
        let problem = ValueError::new("holds a password, and others than its owner may read it").with_hint(hint);
        return Err(of_file(ConfigErrorKind::Exposed, problem));
    }
    Ok(config)
}

/// Checks the text of a configuration; `file` names it in errors, and its folder is what relative paths count from.
///
/// The error is the first one found. Nothing is looked up outside of `environment`.
pub fn parse(text: &str, file: &Path, environment: &Environment) -> Result<Config, ConfigError> {
    let source = raw::Source { file, text };
    let raw = source.read()?;
    let folder = environment.current_dir.join(file.parent().unwrap_or(Path::new("")));
    check::Checker { source, folder: &folder, environment }.config(raw)
}
