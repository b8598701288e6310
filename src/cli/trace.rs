//! `--trace FILE`: what was said on each connection, for bug reports, one line after the other:
//!
//! ```text
//! 2026-03-02T08:14:09.041Z - 0 -- fetchonce 0.1.0
//! 2026-03-02T08:14:09.123Z work 1 C: USER alice
//! ```
//!
//! Time, account, the account's connections counted from 1, who speaks, and what (see [`NotedLine`]). Each run begins
//! with its version.

use std::fmt;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustix::fs::OFlags;

use super::failure::Failure;
use crate::config::AccountName;
use crate::model::shown_path;
use crate::pop3::{NotedLine, Tracer};
use crate::report::Exit;
use crate::report::human::Told;

/// What follows the time in the first line.
const BEGINS: &[u8] = b" - 0 -- fetchonce ";
/// The length of each line's time, in octets.
const TIME_OCTETS: usize = "2026-03-02T08:14:09.123Z".len();

/// The file that all accounts write to.
#[derive(Debug)]
pub(super) struct TraceFile {
    path: PathBuf,
    file: Mutex<File>,
    /// Why it is not complete. Nothing is written after that.
    failure: OnceLock<io::Error>,
}

impl TraceFile {
    /// Opens the file to append to it, or makes it, for its owner alone.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let file = private(path).map_err(|error| {
            let what = format!("cannot write a trace to {}", shown_path(path));
            let hint = "name a new file, or one that holds a trace already";
            Failure::new(Exit::Io, anyhow::Error::new(error).context(what), hint)
        })?;
        let trace = Self { path: path.to_owned(), file: Mutex::new(file), failure: OnceLock::new() };
        trace.line("-", 0, &format_args!("-- fetchonce {}", env!("CARGO_PKG_VERSION")));
        Ok(trace)
    }

    /// What takes down the connections of an account.
    pub(super) fn of(self: &Arc<Self>, account: &AccountName) -> Arc<dyn Tracer> {
        let connections = AtomicU32::new(0);
        Arc::new(OfAccount { file: Arc::clone(self), account: account.to_string(), connections })
    }

    /// What is to be told of it at the end, if anything. The mail is not concerned.
    pub(super) fn warning(&self) -> Option<Told> {
        let what = |error| format!("the trace in {} is not complete: {error}", shown_path(&self.path));
        let hint = "look at the free space there; fetching went on without it";
        self.failure.get().map(|error| Told::warning(what(error), hint))
    }

    fn line(&self, account: &str, connection: u32, line: &dyn fmt::Display) {
        let text = format!("{:.3} {account} {connection} {line}\n", jiff::Timestamp::now());
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if self.failure.get().is_none()
            && let Err(error) = file.write_all(text.as_bytes())
        {
            let _ = self.failure.set(error);
        }
    }
}

/// A new file, or a trace of this user, that nobody else may read; a link is not followed.
fn private(path: &Path) -> io::Result<File> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it belongs to another user"));
    }
    // Whatever else a mistyped name leads to, an index say, stays as it is.
    let mut start = [0; TIME_OCTETS + BEGINS.len()];
    let octets = file.read_at(&mut start, 0)?;
    if octets > 0 && !start[TIME_OCTETS..].starts_with(BEGINS) {
        return Err(io::Error::other("it holds something else"));
    }
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

struct OfAccount {
    file: Arc<TraceFile>,
    account: String,
    connections: AtomicU32,
}

impl Tracer for OfAccount {
    fn begin(&self) -> u32 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn note(&self, connection: u32, line: &NotedLine) {
        self.file.line(&self.account, connection, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn it_is_the_owners_alone_and_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace");
        TraceFile::open(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let trace = TraceFile::open(&path).unwrap();
        trace.line("work", 1, &"C: CAPA");
        assert_eq!((mode(&path), trace.warning()), (0o600, None));
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().map(|line| line.split_once("Z ").unwrap().1).collect();
        let begins = format!("- 0 -- fetchonce {}", env!("CARGO_PKG_VERSION"));
        assert_eq!(lines, [&begins, &begins, "work 1 C: CAPA"]);
        let time = text.split(' ').next().unwrap();
        assert!(time.len() == "2026-03-02T08:14:09.123Z".len() && time.parse::<jiff::Timestamp>().is_ok(), "{time}");
    }

    #[test]
    fn a_link_a_folder_and_a_device_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (link, elsewhere) = (folder.path().join("link"), folder.path().join("elsewhere"));
        std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
        for path in [&link, folder.path(), Path::new("/dev/null")] {
            assert!(TraceFile::open(path).is_err(), "{}", path.display());
        }
        assert!(!elsewhere.exists());
    }

    #[test]
    fn a_file_that_holds_something_else_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        for content in ["x", "[account.work]\nserver = \"pop.example.com\"\nuser = \"alice\"\n"] {
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
            assert!(TraceFile::open(&path).is_err());
            assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), mode(&path)), (content, 0o640));
        }
    }

    /// What is written fails; who is noted does not hear of it.
    #[test]
    fn an_error_is_kept_for_the_end_and_nothing_more_is_written() {
        let file = Mutex::new(File::open("/dev/null").unwrap());
        let trace = TraceFile { path: "trace".into(), file, failure: OnceLock::new() };
        assert_eq!(trace.warning(), None);
        trace.line("work", 1, &"C: CAPA");
        let told = trace.warning().unwrap();
        assert!(told.is_warning && told.what.starts_with("the trace in trace is not complete: "), "{told:?}");
        *trace.file.lock().unwrap() = tempfile::tempfile().unwrap();
        trace.line("work", 1, &"C: QUIT");
        assert_eq!(trace.file.lock().unwrap().metadata().unwrap().len(), 0);
    }
}
