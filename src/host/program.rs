//! Programs that take a message, or that are run after a fetch.
//!
//! A program reads its input from a file without a name, never from a pipe: were this process killed while it wrote into
//! a pipe, the program would take half a message for a whole one.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Seek as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::{Access, AtFlags, CWD, accessat};

use crate::model::{escaped, limits};
use crate::process::{self, Cut, Ended, Patience};

/// The variables of its own environment that this program hands on to others, besides those that begin with
/// one of [`KEPT_PREFIXES`].
pub const KEPT_VARIABLES: [&str; 8] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR"];
/// What the other variables begin with that are handed on.
pub const KEPT_PREFIXES: [&str; 2] = ["LC_", "XDG_"];
/// The exit code of a program that could not do it now (sysexits(3)).
pub const EX_TEMPFAIL: i32 = 75;
/// Where programs are looked for without a `PATH`.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A program to run: without a shell, in `/`, in a process group of its own.
#[derive(Clone, Debug)]
pub struct Program<'p> {
    /// Where it is, as [`super::Host::find_program`] found it.
    pub file: &'p Path,
    /// Its name and its arguments.
    pub argv: &'p [String],
    /// What its environment holds besides [`KEPT_VARIABLES`].
    pub variables: &'p [(&'static str, String)],
    /// Variables that hold passwords: it sees none of them (I9).
    pub secret_variables: &'p [String],
    /// Longest time that it may run.
    pub timeout: Duration,
    /// What is left to it when it is told to end.
    pub grace: Duration,
    /// A folder on a disk, for a copy of its input.
    pub scratch: &'p Path,
}

/// A program ran, and this came of it.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub end: End,
    /// The last [`limits::PRINTED_OCTETS`] that it wrote to standard output and standard error.
    pub printed: Vec<u8>,
}

/// How a program ended.
#[derive(Debug)]
pub enum End {
    /// By itself, with this exit code.
    Code(i32),
    /// By a signal that came from elsewhere.
    Signal(i32),
    /// Its time was up, and it was told to end. It may have given an exit code then.
    TimedOut(Option<i32>),
    /// The user asked to stop, and it was told to end. It may have given an exit code then.
    Interrupted(Option<i32>),
    /// The system does not tell.
    Unknown(io::Error),
}

/// Why a program did not run at all.
#[derive(Debug)]
pub enum RunError {
    /// Its input could not be read or copied.
    Input(io::Error),
    /// It could not be started.
    Start(io::Error),
}

/// Why a program did not do what it was run for.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is not there, or may not be run.
    #[error("the program {program} cannot be run")]
    NotRun {
        /// Its name, escaped.
        program: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It ended with another exit code than 0.
    #[error("the program {program} ended with exit code {code}{}", said(printed))]
    Failed {
        /// Its name, escaped.
        program: String,
        /// Its exit code.
        code: i32,
        /// What it printed last, escaped.
        printed: String,
    },
    /// A signal ended it.
    #[error("the program {program} was ended by signal {signal}{}", said(printed))]
    Killed {
        /// Its name, escaped.
        program: String,
        /// The number of the signal.
        signal: i32,
        /// What it printed last, escaped.
        printed: String,
    },
    /// It ran too long.
    #[error("the program {program} was stopped after {} seconds{}", timeout.as_secs(), said(printed))]
    TimedOut {
        /// Its name, escaped.
        program: String,
        /// What it was given.
        timeout: Duration,
        /// What it printed last, escaped.
        printed: String,
    },
    /// The user asked to stop.
    #[error("the program {program} was stopped, as was asked for{}", said(printed))]
    Interrupted {
        /// Its name, escaped.
        program: String,
        /// What it printed last, escaped.
        printed: String,
    },
    /// The system does not tell how it ended.
    #[error("it cannot be found out how the program {program} ended")]
    Unknown {
        /// Its name, escaped.
        program: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl ProgramError {
    /// A program that could not be started.
    #[must_use]
    pub fn not_run(name: &str, source: io::Error) -> Self {
        Self::NotRun { program: shown(name), source }
    }
}

fn shown(name: &str) -> String {
    escaped(name.as_bytes(), limits::SHOWN_CHARS)
}

fn said(printed: &str) -> String {
    if printed.is_empty() { String::new() } else { format!(": {printed}") }
}

impl Finished {
    /// Why the program did not do what it was run for; `None` where it ended by itself with exit code 0.
    #[must_use]
    pub fn failure(self, program: &Program<'_>) -> Option<ProgramError> {
        let printed = self.last_words();
        let (timeout, program) = (program.timeout, shown(program.argv.first().map_or("", String::as_str)));
        Some(match self.end {
            End::Code(0) => return None,
            End::Code(code) => ProgramError::Failed { program, code, printed },
            End::Signal(signal) => ProgramError::Killed { program, signal, printed },
            End::TimedOut(_) => ProgramError::TimedOut { program, timeout, printed },
            End::Interrupted(_) => ProgramError::Interrupted { program, printed },
            End::Unknown(source) => ProgramError::Unknown { program, source },
        })
    }

    /// The last lines that it printed, as one line that is safe to show; empty where it printed nothing.
    #[must_use]
    pub fn last_words(&self) -> String {
        let lines = self.printed.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        let mut last: Vec<&[u8]> = lines.rev().take(limits::PRINTED_LINES).collect();
        last.reverse();
        escaped(&last.join(&b"; "[..]), limits::SHOWN_CHARS)
    }
}

/// Where a program is: its path, or what `path` leads its name to.
pub(super) fn find(name: &str, path: Option<OsString>) -> io::Result<PathBuf> {
    if name.contains('/') {
        let file = std::path::absolute(name)?;
        return may_run(&file).map(|()| file);
    }
    let mut error = io::Error::from(io::ErrorKind::NotFound);
    let path = path.unwrap_or_else(|| USUAL_PATH.into());
    // An empty entry would be the current folder.
    for folder in std::env::split_paths(&path).filter(|folder| folder.is_absolute()) {
        let file = folder.join(name);
        match may_run(&file) {
            Ok(()) => return Ok(file),
            Err(refused) if refused.kind() == io::ErrorKind::NotFound => {}
            Err(refused) => error = refused,
        }
    }
    Err(error)
}

fn may_run(file: &Path) -> io::Result<()> {
    if !fs::metadata(file)?.is_file() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(accessat(CWD, file, Access::EXEC_OK, AtFlags::EACCESS)?)
}

/// Runs a program to its end.
pub(super) fn run(
    program: &Program<'_>,
    input: Option<&mut dyn Read>,
    interrupted: &dyn Fn() -> bool,
) -> Result<Finished, RunError> {
    let stdin = match input {
        Some(input) => copy(input, program.scratch).map_err(RunError::Input)?.into(),
        None => Stdio::null(),
    };
    let (output, child_output) = io::pipe().map_err(RunError::Start)?;
    let mut command = Command::new(program.file);
    command.args(program.argv.iter().skip(1)).env_clear().envs(kept(std::env::vars_os(), program.secret_variables));
    if let Some(name) = program.argv.first() {
        command.arg0(name);
    }
    command.envs(program.variables.iter().map(|(name, value)| (name, value)));
    command.current_dir("/").process_group(0).stdin(stdin);
    command.stdout(child_output.try_clone().map_err(RunError::Start)?).stderr(child_output);
    let child = command.spawn().map_err(RunError::Start)?;
    // The end of the output shows only when this process does not hold it open itself.
    drop(command);
    let mut printed = Vec::new();
    let mut take = |octets: &[u8]| {
        printed.extend_from_slice(octets);
        forget_all_but_the_last(&mut printed);
        true
    };
    let Program { timeout, grace, .. } = *program;
    let ended = process::supervise(child, output, Patience { timeout, grace, interrupted, group: true }, &mut take);
    Ok(Finished { end: ended.into(), printed })
}

fn forget_all_but_the_last(printed: &mut Vec<u8>) {
    let surplus = printed.len().saturating_sub(limits::PRINTED_OCTETS);
    printed.drain(..surplus);
}

/// A file without a name that holds all of `input`, at its beginning.
fn copy(input: &mut dyn Read, folder: &Path) -> io::Result<File> {
    let mut file = tempfile::tempfile_in(folder)?;
    io::copy(input, &mut file)?;
    file.rewind()?;
    Ok(file)
}

/// What is handed on of this program's own environment.
fn kept(
    own: impl Iterator<Item = (OsString, OsString)>,
    secret: &[String],
) -> impl Iterator<Item = (OsString, OsString)> {
    own.filter(|(name, _)| {
        let name = name.to_str().unwrap_or_default();
        let is_known = KEPT_VARIABLES.contains(&name) || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        is_known && !secret.iter().any(|secret| secret == name)
    })
}

impl From<Ended> for End {
    fn from(Ended { cut, status }: Ended) -> Self {
        match (cut, status) {
            (Some(Cut::Interrupted), status) => Self::Interrupted(status.ok().and_then(|status| status.code())),
            (Some(Cut::TimedOut | Cut::Enough), status) => Self::TimedOut(status.ok().and_then(|status| status.code())),
            (None, Ok(status)) => match status.code() {
                Some(code) => Self::Code(code),
                None => Self::Signal(status.signal().unwrap_or_default()),
            },
            (None, Err(error)) => Self::Unknown(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use rustix::fs::OFlags;
    use tempfile::TempDir;

    use super::super::{Host, RealHost};
    use super::*;

    /// Longer than any of these programs takes, however busy the machine is.
    const LONG: Duration = Duration::from_secs(120);
    const SHORT: Duration = Duration::from_millis(200);

    fn run_in(
        host: &RealHost,
        script: &str,
        input: Option<&mut dyn Read>,
        timeout: Duration,
        grace: Duration,
    ) -> Finished {
        let folder = tempfile::tempdir().unwrap();
        let argv = ["sh", "-c", script].map(str::to_owned);
        let program = Program {
            file: Path::new("/bin/sh"),
            argv: &argv,
            variables: &[("FETCHONCE_TOKEN", "t".to_owned())],
            secret_variables: &[],
            timeout,
            grace,
            scratch: folder.path(),
        };
        let finished = host.run(&program, input).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the copy has no name");
        finished
    }

    fn run(script: &str, input: &[u8]) -> Finished {
        let host = RealHost::new(Arc::new(AtomicBool::new(false)));
        run_in(&host, script, Some(&mut &*input), LONG, LONG)
    }

    /// Runs `script` after `setup`, which has the time that it needs, for longer than it may.
    fn run_too_long(setup: &str, script: &str, grace: Duration) -> Finished {
        let host = RealHost::new(Arc::new(AtomicBool::new(false)));
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready");
        let script = format!("{setup}; : >{}; {script}", ready.to_str().unwrap());
        let mut timeout = SHORT;
        loop {
            let finished = run_in(&host, &script, None, timeout, grace);
            if ready.exists() {
                return finished;
            }
            timeout *= 2;
        }
    }

    fn printed(script: &str, input: &[u8]) -> String {
        let finished = run(script, input);
        assert!(matches!(finished.end, End::Code(0)), "{script}: {finished:?}");
        String::from_utf8(finished.printed).unwrap()
    }

    /// A FIFO that is open for reading here: it ends when nobody has it open for writing any more.
    fn witness(folder: &TempDir) -> (PathBuf, File) {
        let path = folder.path().join("witness");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
        let reader = OpenOptions::new().read(true).custom_flags(flags).open(&path).unwrap();
        rustix::io::ioctl_fionbio(&reader, false).unwrap();
        (path, reader)
    }

    #[test]
    fn a_program_reads_all_of_its_input_from_a_file() {
        let large: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
        assert_eq!(printed("wc -c", &large).trim(), "4000000");
        assert_eq!(printed("cat", b"a\r\n\0\xc3\xa9\n").as_bytes(), b"a\r\n\0\xc3\xa9\n");
        assert_eq!(printed("test -f /dev/stdin && echo file", b"x"), "file\n");
    }

    #[test]
    fn it_may_leave_its_input_unread() {
        let large = vec![b'x'; 1 << 20];
        for script in ["exec <&-", "true", "head -c 5 >/dev/null", "exec <&- >&- 2>&-"] {
            assert!(matches!(run(script, &large).end, End::Code(0)), "{script}");
        }
    }

    #[test]
    fn its_exit_code_or_its_signal_is_told() {
        assert!(matches!(run("exit 75", b"").end, End::Code(75)));
        assert!(matches!(run("kill -9 $$", b"").end, End::Signal(9)));
    }

    #[test]
    fn of_what_it_prints_the_last_is_kept() {
        let finished = run("head -c 5000000 /dev/zero; echo; echo one >&2; echo; printf 'two \\033[m'; exit 3", b"");
        assert!(matches!(finished.end, End::Code(3)), "{finished:?}");
        assert_eq!(finished.printed.len(), limits::PRINTED_OCTETS);
        let words = run("echo; echo one >&2; echo ' two'; echo; printf 'three \\033[m'", b"").last_words();
        assert_eq!(words, "one; two; three \\u{1b}[m");
        assert_eq!(run("seq 9", b"").last_words(), "7; 8; 9");
        assert_eq!(run("true", b"").last_words(), "");
    }

    #[test]
    fn it_begins_in_a_plain_state() {
        const SIGPIPE: u64 = 1 << 12;
        assert_eq!(printed("pwd; cat; echo $FETCHONCE_TOKEN", b""), "/\nt\n");
        let ids = printed("cut -d' ' -f1,5 /proc/$$/stat", b"");
        let (id, group) = ids.trim().split_once(' ').unwrap();
        assert_eq!(id, group, "it leads a process group");
        let mask = |name: &str| {
            let line = printed(&format!("exec grep ^{name} /proc/self/status"), b"");
            u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap()
        };
        assert_eq!(mask("SigIgn") & SIGPIPE, 0, "it must not go on writing to nobody");
        assert_eq!(mask("SigBlk"), 0);
    }

    #[test]
    fn i9_its_environment_holds_what_is_listed_and_no_password() {
        let variables = |pairs: &[(&str, &str)]| -> Vec<(OsString, OsString)> {
            pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
        };
        let own = variables(&[
            ("PATH", "/bin"),
            ("LC_ALL", "C"),
            ("LC_SECRET", "canary"),
            ("MAIL_PASSWORD", "canary"),
            ("FETCHONCE_PASSWORD", "canary"),
            ("LD_PRELOAD", "x.so"),
            ("XDG_RUNTIME_DIR", "/run/user/1"),
            ("SSH_AUTH_SOCK", "/run/s"),
        ]);
        let given: Vec<_> = kept(own.into_iter(), &["LC_SECRET".to_owned()]).collect();
        assert_eq!(given, variables(&[("PATH", "/bin"), ("LC_ALL", "C"), ("XDG_RUNTIME_DIR", "/run/user/1")]));
        let seen = printed("env", b"");
        for line in seen.lines() {
            let name = line.split('=').next().unwrap();
            // The shell's own.
            let is_of_shell = ["PWD", "OLDPWD", "SHLVL", "_"].contains(&name);
            let is_listed =
                KEPT_VARIABLES.contains(&name) || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            assert!(is_of_shell || is_listed || name == "FETCHONCE_TOKEN", "{line}");
        }
    }

    /// I8: however it hangs, it and all of its process group are gone in the end.
    #[test]
    fn a_hanging_program_is_ended_with_its_children() {
        for (setup, script, grace) in [
            (":", "sleep 600 & sleep 600", LONG),
            ("exec >&- 2>&-", "sleep 600 & sleep 600", LONG),
            (":", "yes", LONG),
            ("trap '' TERM", "while :; do sleep 600; done", SHORT),
            ("trap '' TERM", "yes", SHORT),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let (path, mut witness) = witness(&folder);
            let finished = run_too_long(&format!("exec 3>{}; {setup}", path.to_str().unwrap()), script, grace);
            assert!(matches!(finished.end, End::TimedOut(None)), "{setup}; {script}: {finished:?}");
            witness.read_to_end(&mut Vec::new()).unwrap();
        }
    }

    #[test]
    fn an_exit_code_on_sigterm_is_told() {
        for code in [0, 75] {
            let finished = run_too_long(&format!("trap 'exit {code}' TERM"), "sleep 600 & wait", LONG);
            assert!(matches!(finished.end, End::TimedOut(Some(told)) if told == code), "{finished:?}");
        }
    }

    #[test]
    fn a_child_of_it_that_lives_on_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        let script = format!("mkfifo {0}; cat {0} & echo done", fifo.to_str().unwrap());
        assert_eq!(printed(&script, b"x"), "done\n");
        // It has waited for this, and ends.
        drop(OpenOptions::new().write(true).open(fifo).unwrap());
    }

    #[test]
    fn when_the_user_asks_to_stop_it_has_a_little_time_left() {
        let host = RealHost::new(Arc::new(AtomicBool::new(true)));
        let finished = run_in(&host, "sleep 600", None, LONG, SHORT);
        assert!(matches!(finished.end, End::Interrupted(None)), "{finished:?}");
        let finished = run_in(&host, "true", None, LONG, LONG);
        assert!(matches!(finished.end, End::Code(0)), "{finished:?}");
    }

    #[test]
    fn what_cannot_be_run_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("program");
        fs::write(&file, "#!/nonexistent\n").unwrap();
        let path = Some(folder.path().into());
        let name = file.to_str().unwrap();
        let kind = |name: &str| find(name, path.clone()).map_err(|error| error.kind());
        assert_eq!(kind(name), Err(io::ErrorKind::PermissionDenied));
        assert_eq!(kind("program"), Err(io::ErrorKind::PermissionDenied));
        assert_eq!(kind("nothing"), Err(io::ErrorKind::NotFound));
        assert_eq!(kind(""), Err(io::ErrorKind::PermissionDenied));
        assert_eq!(kind("/"), Err(io::ErrorKind::PermissionDenied));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(kind("program"), Ok(file.clone()));
        assert!(find("sh", None).unwrap().is_absolute());
        assert_eq!(find("sh", Some("".into())).map_err(|error| error.kind()), Err(io::ErrorKind::NotFound));

        let host = RealHost::new(Arc::new(AtomicBool::new(false)));
        let argv = ["program".to_owned()];
        let program = Program {
            file: &file,
            argv: &argv,
            variables: &[],
            secret_variables: &[],
            timeout: LONG,
            grace: LONG,
            scratch: folder.path(),
        };
        assert!(matches!(host.run(&program, None), Err(RunError::Start(_))));
        let nowhere = Program { scratch: Path::new("/nonexistent"), ..program };
        assert!(matches!(host.run(&nowhere, Some(&mut &b"x"[..])), Err(RunError::Input(_))));
    }
}
