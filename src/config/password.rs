//! Where an account's password comes from, and getting it from there without letting it show (I9).

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, IsTerminal as _, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;

use crate::model::{escaped, limits, shown_path};
use crate::process::{self, Cut, Ended, Patience};

/// Longest run of a password command.
pub const COMMAND_TIME: Duration = Duration::from_secs(60);
/// Most octets read from a password command or file.
pub const OUTPUT_OCTETS: u64 = 64 * 1024;
/// Permission bits that let others than the owner read a file.
const OTHERS_READ: u32 = 0o044;
/// Where systemd says in which directory a service's credentials lie (systemd.exec(5)).
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// Where an account's password comes from.
#[derive(Clone)]
pub enum PasswordSource {
    /// The configuration file itself.
    Text(SecretString),
    /// The first line that a program prints; the program and its arguments, run without a shell.
    Command(Vec<String>),
    /// The first line of a file that only its owner may read.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A systemd credential: the first line of `$CREDENTIALS_DIRECTORY/NAME`.
    Credential(String),
    /// The user, at the terminal.
    Prompt,
}

impl fmt::Debug for PasswordSource {
    /// Shows neither a password nor the arguments of a command, which may hold one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text([redacted])"),
            Self::Command(_) | Self::File(_) | Self::Env(_) | Self::Credential(_) | Self::Prompt => {
                write!(f, "PasswordSource({self})")
            }
        }
    }
}

impl fmt::Display for PasswordSource {
    /// Names the source for people, such as ``command `pass` ``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| escaped(text.as_bytes(), limits::SHOWN_CHARS);
        match self {
            Self::Text(_) => f.write_str("configuration file"),
            Self::Command(argv) => write!(f, "command `{}`", shown(argv.first().map_or("", String::as_str))),
            Self::File(path) => write!(f, "file {}", shown_path(path)),
            Self::Env(name) => write!(f, "environment variable {}", shown(name)),
            Self::Credential(name) => write!(f, "systemd credential {}", shown(name)),
            Self::Prompt => f.write_str("terminal"),
        }
    }
}

/// A password that could not be had, with the source named and nothing of what it gave.
#[derive(Debug)]
pub struct PasswordError {
    origin: String,
    problem: PasswordProblem,
}

/// Why a source gave no password.
#[derive(Debug)]
pub enum PasswordProblem {
    /// It could not be run or read.
    Io(io::Error),
    /// The command ended without success.
    Exit(ExitStatus),
    /// The command ran longer than [`COMMAND_TIME`] and was killed.
    TimedOut,
    /// There is more than [`OUTPUT_OCTETS`].
    TooLong,
    /// Its first line is empty.
    Empty,
    /// It is not UTF-8, or holds a line end or NUL, which no login command can carry.
    NotText,
    /// The file may be read by others than its owner.
    Exposed,
    /// The path leads to no regular file.
    NotAFile,
    /// The environment variable is not set; for a credential, no directory of credentials is given.
    NotSet,
    /// Nobody can be asked: standard input is no terminal.
    NoTerminal,
}

impl PasswordError {
    /// Why the source gave no password.
    #[must_use]
    pub fn problem(&self) -> &PasswordProblem {
        &self.problem
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self.problem {
            PasswordProblem::Io(_) | PasswordProblem::NotAFile => None,
            PasswordProblem::Exit(_) => Some("run the command in a terminal to see what it wants"),
            PasswordProblem::TimedOut => {
                Some("it may be waiting for an answer that nobody can give, such as a passphrase")
            }
            PasswordProblem::TooLong | PasswordProblem::Empty => Some("the first line must be the password"),
            PasswordProblem::NotText => Some("the first line must be the password, in UTF-8"),
            PasswordProblem::Exposed => Some("take the right to read it from the others: `chmod 600 FILE`"),
            PasswordProblem::NotSet => Some("set it where this program is started, for example in the systemd unit"),
            PasswordProblem::NoTerminal => {
                Some("write a source for it, such as `password = { command = [\"pass\", \"show\", \"mail\"] }`")
            }
        }
    }
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no password from {}: ", self.origin)?;
        match &self.problem {
            PasswordProblem::Io(error) => write!(f, "{error}"),
            PasswordProblem::Exit(status) => write!(f, "{status}"),
            PasswordProblem::TimedOut => write!(f, "killed after {} seconds", COMMAND_TIME.as_secs()),
            PasswordProblem::TooLong => write!(f, "more than {OUTPUT_OCTETS} octets"),
            PasswordProblem::Empty => f.write_str("the first line is empty"),
            PasswordProblem::NotText => f.write_str("not a line of text"),
            PasswordProblem::Exposed => f.write_str("others than its owner may read it"),
            PasswordProblem::NotAFile => f.write_str("not a regular file"),
            PasswordProblem::NotSet => f.write_str("not set"),
            PasswordProblem::NoTerminal => f.write_str("standard input is no terminal"),
        }
    }
}

impl std::error::Error for PasswordError {}

/// The process environment, or a test's.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

impl PasswordSource {
    /// Gets the password; `account` is named in the prompt.
    ///
    /// Blocks for at most [`COMMAND_TIME`], or until the user answers. The error names the source and what it lacks.
    ///
    /// A command does not see the variables in `secret_variables`: they hold the passwords of other accounts (I9).
    pub fn obtain(&self, account: &str, secret_variables: &[String]) -> Result<SecretString, PasswordError> {
        self.obtain_from(account, secret_variables, &|name| std::env::var_os(name), COMMAND_TIME)
    }

    fn obtain_from(
        &self,
        account: &str,
        secret_variables: &[String],
        lookup: Lookup<'_>,
        time: Duration,
    ) -> Result<SecretString, PasswordError> {
        let secret = match self {
            Self::Text(secret) => checked(secret.expose_secret()),
            Self::Command(argv) => run(argv, secret_variables, time).and_then(|output| first_line(&output)),
            Self::File(path) => read_file(path, true).and_then(|content| first_line(&content)),
            Self::Env(name) => lookup(name)
                .ok_or(PasswordProblem::NotSet)
                .and_then(|value| first_line(&Zeroizing::new(value.into_encoded_bytes()))),
            Self::Credential(name) => lookup(CREDENTIALS_DIRECTORY)
                .ok_or(PasswordProblem::NotSet)
                // systemd guards the directory, and shows the access list of a credential as group rights.
                .and_then(|directory| read_file(&Path::new(&directory).join(name), false))
                .and_then(|content| first_line(&content)),
            Self::Prompt => ask(account),
        };
        secret.map_err(|problem| PasswordError { origin: self.origin(&problem), problem })
    }

    /// The source as an error names it. A name that leads to nothing is not repeated: it may be a password in the wrong
    /// place (I9).
    fn origin(&self, problem: &PasswordProblem) -> String {
        let leads_nowhere = matches!(problem, PasswordProblem::Io(_) | PasswordProblem::NotSet);
        match self {
            Self::Command(_) if leads_nowhere => "the program that is named".to_owned(),
            Self::File(_) if leads_nowhere => "the file that is named".to_owned(),
            Self::Env(_) if leads_nowhere => "the environment variable that is named".to_owned(),
            Self::Credential(_) if leads_nowhere => "the systemd credential that is named".to_owned(),
            _ => self.to_string(),
        }
    }
}

/// Whether others than the owner may read a file.
pub(super) fn is_exposed(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & OTHERS_READ != 0
}

/// Takes a password that can be sent: some text in one line.
pub(super) fn checked(text: &str) -> Result<SecretString, PasswordProblem> {
    if text.is_empty() {
        return Err(PasswordProblem::Empty);
    }
    if text.contains(['\0', '\r', '\n']) {
        return Err(PasswordProblem::NotText);
    }
    Ok(SecretString::from(text))
}

/// The first line of what a source gave, without its line end.
fn first_line(octets: &[u8]) -> Result<SecretString, PasswordProblem> {
    let line = octets.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    checked(std::str::from_utf8(line).map_err(|_| PasswordProblem::NotText)?)
}

fn ask(account: &str) -> Result<SecretString, PasswordProblem> {
    if !io::stdin().is_terminal() {
        return Err(PasswordProblem::NoTerminal);
    }
    let prompt = format!("Password of {}: ", escaped(account.as_bytes(), limits::SHOWN_CHARS));
    let echo = Echo::kept().map_err(PasswordProblem::Io)?;
    let text = rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(PasswordProblem::Io)?;
    drop(echo);
    checked(&text)
}

/// Brings the terminal back as it was should a signal end the program while a password is typed unseen.
struct Echo {
    signals: Handle,
    watcher: Option<thread::JoinHandle<()>>,
}

impl Echo {
    fn kept() -> io::Result<Self> {
        let settings = tcgetattr(io::stdin())?;
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let handle = signals.handle();
        let watch = move || {
            for signal in &mut signals {
                // The program ends here; what cannot be brought back stays.
                let _ = tcsetattr(io::stdin(), OptionalActions::Now, &settings);
                let _ = emulate_default_handler(signal);
            }
        };
        Ok(Self { signals: handle, watcher: Some(thread::Builder::new().spawn(watch)?) })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.signals.close();
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}

fn read_file(path: &Path, private: bool) -> Result<Zeroizing<Vec<u8>>, PasswordProblem> {
    // Asked before the file is opened, since opening a pipe waits for its writer.
    if !fs::metadata(path).map_err(PasswordProblem::Io)?.is_file() {
        return Err(PasswordProblem::NotAFile);
    }
    let file = File::open(path).map_err(PasswordProblem::Io)?;
    if private && is_exposed(&file.metadata().map_err(PasswordProblem::Io)?) {
        return Err(PasswordProblem::Exposed);
    }
    read_capped(file)
}

/// A buffer for what a source gives. It never moves, so that no copy of it stays behind in memory.
fn empty_capped() -> Zeroizing<Vec<u8>> {
    const SLACK: u64 = 64;
    Zeroizing::new(Vec::with_capacity(usize::try_from(OUTPUT_OCTETS + SLACK).unwrap_or_default()))
}

fn read_capped(source: impl Read) -> Result<Zeroizing<Vec<u8>>, PasswordProblem> {
    let mut content = empty_capped();
    source.take(OUTPUT_OCTETS + 1).read_to_end(&mut content).map_err(PasswordProblem::Io)?;
    if content.len() as u64 > OUTPUT_OCTETS {
        return Err(PasswordProblem::TooLong);
    }
    Ok(content)
}

/// Runs a program for at most `time` and returns what it printed.
///
/// It stays in the process group of this one, so that it can ask for a passphrase at the terminal.
fn run(argv: &[String], secret_variables: &[String], time: Duration) -> Result<Zeroizing<Vec<u8>>, PasswordProblem> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(PasswordProblem::Io(io::Error::new(io::ErrorKind::InvalidInput, "no program is named")));
    };
    let (output, child_output) = io::pipe().map_err(PasswordProblem::Io)?;
    let mut command = Command::new(program);
    for name in secret_variables {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null()).stdout(child_output).stderr(Stdio::inherit());
    let child = command.spawn().map_err(PasswordProblem::Io)?;
    // The end of the output shows only when this process does not hold it open itself.
    drop(command);
    let mut content = empty_capped();
    let mut take = |octets: &[u8]| {
        let room = content.capacity() - content.len();
        content.extend_from_slice(&octets[..octets.len().min(room)]);
        content.len() as u64 <= OUTPUT_OCTETS
    };
    let patience = Patience { timeout: time, grace: Duration::ZERO, interrupted: &|| false, group: false };
    let Ended { cut, status } = process::supervise(child, output, patience, &mut take);
    match cut {
        Some(Cut::Enough) => return Err(PasswordProblem::TooLong),
        Some(Cut::TimedOut | Cut::Interrupted) => return Err(PasswordProblem::TimedOut),
        None => {}
    }
    match status.map_err(PasswordProblem::Io)? {
        status if status.success() => Ok(content),
        status => Err(PasswordProblem::Exit(status)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const CANARY: &str = "canary-7f3a";

    fn sh(script: &str) -> PasswordSource {
        PasswordSource::Command(["/bin/sh", "-c", script].map(str::to_owned).to_vec())
    }

    fn obtain(source: &PasswordSource) -> Result<String, PasswordError> {
        obtain_with(source, &|_| None)
    }

    fn obtain_with(source: &PasswordSource, lookup: Lookup<'_>) -> Result<String, PasswordError> {
        let secret = source.obtain_from("work", &[], lookup, Duration::from_secs(20))?;
        Ok(secret.expose_secret().to_owned())
    }

    fn secret_file(directory: &Path, content: &[u8], mode: u32) -> PathBuf {
        let path = directory.join(format!("{mode:o}"));
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_command_gives_its_first_line() {
        for (script, expected) in [
            ("echo secret", "secret"),
            ("printf secret", "secret"),
            ("printf 'secret\\r\\nuser: alice\\n'", "secret"),
            ("printf ' two words \\n'", " two words "),
            ("printf 'paßwort\\n'", "paßwort"),
            ("cat; echo no-input", "no-input"),
        ] {
            assert_eq!(obtain(&sh(script)).unwrap(), expected, "{script}");
        }
    }

    #[test]
    fn a_command_is_run_without_a_shell() {
        let source = PasswordSource::Command(vec!["echo".to_owned(), "$HOME;`id`".to_owned()]);
        assert_eq!(obtain(&source).unwrap(), "$HOME;`id`");
    }

    /// I9: what a failed command printed is in no error.
    #[test]
    fn a_failed_command_is_named_and_its_output_is_not() {
        type Expected = fn(&PasswordProblem) -> bool;
        let cases: &[(&str, Expected)] = &[
            ("echo canary-7f3a; exit 3", |p| matches!(p, PasswordProblem::Exit(status) if status.code() == Some(3))),
            ("echo canary-7f3a; kill -9 $$", |p| matches!(p, PasswordProblem::Exit(_))),
            ("echo; echo canary-7f3a", |p| matches!(p, PasswordProblem::Empty)),
            ("true", |p| matches!(p, PasswordProblem::Empty)),
            ("printf 'canary-7f3a\\377\\n'", |p| matches!(p, PasswordProblem::NotText)),
            ("printf 'canary-7f3a\\rx\\n'", |p| matches!(p, PasswordProblem::NotText)),
            ("printf 'canary-7f3a\\0x\\n'", |p| matches!(p, PasswordProblem::NotText)),
            ("while echo canary-7f3a; do :; done", |p| matches!(p, PasswordProblem::TooLong)),
        ];
        for (script, expected) in cases {
            let error = obtain(&sh(script)).unwrap_err();
            assert!(expected(error.problem()), "{script}: {error:?}");
            let shown = format!("{error} {error:?} {:?}", error.hint());
            assert!(!shown.contains(CANARY) && shown.contains("/bin/sh"), "{shown}");
        }
        let missing = PasswordSource::Command(vec!["/nonexistent/pass".to_owned()]);
        assert!(matches!(obtain(&missing).unwrap_err().problem(), PasswordProblem::Io(_)));
        assert!(matches!(obtain(&PasswordSource::Command(vec![])).unwrap_err().problem(), PasswordProblem::Io(_)));
    }

    /// I9: no account's command sees the password of another account.
    #[test]
    fn a_command_does_not_see_the_secrets_of_other_accounts() {
        let script = "test -z \"$HOME\" && echo hidden";
        let secret = sh(script).obtain("work", &["HOME".to_owned()]).unwrap();
        assert_eq!(secret.expose_secret(), "hidden");
        assert!(sh(script).obtain("work", &[]).is_err());
    }

    /// I8: a command that hangs is killed, whether or not it has closed its output.
    #[test]
    fn a_hanging_command_is_killed() {
        for script in ["exec sleep 600", "exec sleep 600 >&-", "echo x; sleep 5 & exec sleep 5"] {
            let begun = Instant::now();
            let result = sh(script).obtain_from("work", &[], &|_| None, Duration::from_millis(200));
            assert!(matches!(result.unwrap_err().problem(), PasswordProblem::TimedOut), "{script}");
            assert!(begun.elapsed() < Duration::from_secs(30), "{script}");
        }
    }

    /// `pass` starts an agent that lives on.
    #[test]
    fn a_command_may_leave_a_child_behind_that_holds_its_output() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        let script = format!("mkfifo {0}; echo secret; cat {0} &", fifo.to_str().unwrap());
        assert_eq!(obtain(&sh(&script)).unwrap(), "secret");
        // It has waited for this, and ends.
        drop(File::options().write(true).open(fifo).unwrap());
    }

    #[test]
    fn a_file_gives_its_first_line_when_only_its_owner_can_read_it() {
        let directory = tempfile::tempdir().unwrap();
        for mode in [0o600, 0o400] {
            let path = secret_file(directory.path(), b"secret\nsecond\n", mode);
            assert_eq!(obtain(&PasswordSource::File(path)).unwrap(), "secret");
        }
        for mode in [0o640, 0o604, 0o644] {
            let path = secret_file(directory.path(), CANARY.as_bytes(), mode);
            let error = obtain(&PasswordSource::File(path)).unwrap_err();
            assert!(matches!(error.problem(), PasswordProblem::Exposed));
            assert!(error.hint().unwrap().contains("chmod 600"));
        }
    }

    #[test]
    fn other_files_give_none() {
        let directory = tempfile::tempdir().unwrap();
        let problem = |path: PathBuf| obtain(&PasswordSource::File(path)).unwrap_err();
        assert!(matches!(problem(directory.path().join("absent")).problem(), PasswordProblem::Io(_)));
        assert!(matches!(problem(directory.path().to_owned()).problem(), PasswordProblem::NotAFile));
        let empty = secret_file(directory.path(), b"", 0o600);
        assert!(matches!(problem(empty).problem(), PasswordProblem::Empty));
        let long = secret_file(directory.path(), &vec![b'a'; 64 * 1024 + 1], 0o400);
        assert!(matches!(problem(long).problem(), PasswordProblem::TooLong));
    }

    #[test]
    fn the_environment_gives_a_variable() {
        let source = PasswordSource::Env("MAIL_PASSWORD".to_owned());
        let set = |name: &str| (name == "MAIL_PASSWORD").then(|| OsString::from("secret"));
        assert_eq!(obtain_with(&source, &set).unwrap(), "secret");
        let error = obtain(&source).unwrap_err();
        assert!(matches!(error.problem(), PasswordProblem::NotSet));
        let error = obtain_with(&source, &|_| Some("".into())).unwrap_err();
        assert!(matches!(error.problem(), PasswordProblem::Empty));
        assert!(error.to_string().contains("MAIL_PASSWORD"));
    }

    #[test]
    fn systemd_gives_a_credential() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("mail"), "secret\n").unwrap();
        let source = PasswordSource::Credential("mail".to_owned());
        let set = |name: &str| (name == CREDENTIALS_DIRECTORY).then(|| directory.path().as_os_str().to_owned());
        assert_eq!(obtain_with(&source, &set).unwrap(), "secret");
        assert!(matches!(obtain(&source).unwrap_err().problem(), PasswordProblem::NotSet));
        let absent = PasswordSource::Credential("other".to_owned());
        assert!(matches!(obtain_with(&absent, &set).unwrap_err().problem(), PasswordProblem::Io(_)));
    }

    /// I9: no representation of a source shows a password or an argument that may be one.
    #[test]
    fn sources_are_shown_without_secrets() {
        let text = PasswordSource::Text(SecretString::from(CANARY));
        let command = PasswordSource::Command(vec!["pass".to_owned(), CANARY.to_owned()]);
        for (source, shown) in [(text, "configuration file"), (command, "command `pass`")] {
            assert_eq!(source.to_string(), shown);
            assert!(!format!("{source:?} {source:#?}").contains(CANARY));
        }
    }

    /// I9: whoever takes `env`, `file` or `command` for the place of the password itself.
    #[test]
    fn a_password_in_the_place_of_a_name_is_not_repeated() {
        for source in [
            PasswordSource::Command(vec![CANARY.to_owned()]),
            PasswordSource::File(CANARY.into()),
            PasswordSource::Env(CANARY.to_owned()),
            PasswordSource::Credential(CANARY.to_owned()),
        ] {
            for lookup in
                [&|_: &str| None, &|name: &str| (name == CREDENTIALS_DIRECTORY).then(|| "/".into())] as [Lookup<'_>; 2]
            {
                let error = obtain_with(&source, lookup).unwrap_err();
                let shown = format!("{error} {error:?} {:?}", error.hint());
                assert!(!shown.contains(CANARY) && shown.contains(" that is named: "), "{shown}");
            }
        }
    }

    #[test]
    fn a_prompt_without_a_terminal_says_what_else_to_do() {
        if !io::stdin().is_terminal() {
            let error = obtain(&PasswordSource::Prompt).unwrap_err();
            assert!(matches!(error.problem(), PasswordProblem::NoTerminal));
            assert!(error.hint().unwrap().contains("password = { command"));
        }
    }
}
