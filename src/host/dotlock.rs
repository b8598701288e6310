//! Lock files: `FILE.lock` beside an mbox, the oldest way to lock one, and the only one that all programs know.
//!
//! The file names the process that made it, as `PROCESS:HOST`. One that was left behind is given up as other programs do:
//! liblockfile after five minutes or when the process is gone, Dovecot after two, procmail after about a quarter of an hour.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, getpid, test_kill_process};

use super::real::no_follow;
use super::shared::SharedError;
use crate::model::limits;

/// Readable by all: other users' programs look at who holds it.
const MODE: u32 = 0o644;
/// Octets read of a lock file.
const MOST_OCTETS: u64 = 256;

/// A lock file of this process; dropping it removes the file.
#[derive(Debug)]
pub(super) struct Dotlock {
    path: PathBuf,
    file: File,
    touched: Instant,
}

/// What became of an attempt to take a lock file.
#[derive(Debug)]
pub(super) enum Taken {
    Held(Dotlock),
    /// No file may be made there, as in `/var/mail` without the rights of its group: the other lock must do.
    NotAllowed,
    Busy {
        lock: PathBuf,
        by: Option<i32>,
    },
}

impl Dotlock {
    /// Makes the lock file of `path`, and gives up one that was left behind.
    pub(super) fn take(path: &Path) -> Result<Taken, SharedError> {
        let mut lock = path.as_os_str().to_owned();
        lock.push(".lock");
        let lock = PathBuf::from(lock);
        let busy = |by| Ok(Taken::Busy { lock: lock.clone(), by });
        match create(&lock) {
            Ok(file) => return Ok(Taken::Held(Self { path: lock, file, touched: Instant::now() })),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                tracing::debug!(lock = crate::model::shown_path(&lock), "no lock file may be made");
                return Ok(Taken::NotAllowed);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(SharedError::io("make the lock file", &lock)(error)),
        }
        let Some(found) = look(&lock).map_err(SharedError::io("read the lock file", &lock))? else {
            return busy(None);
        };
        let untouched = found.untouched.min(age_of(path));
        if !found.is_lock || !is_left_behind(found.holder, untouched) {
            return busy(found.process);
        }
        tracing::warn!(lock = crate::model::shown_path(&lock), process = found.process, "a lock file was left behind");
        match fs::remove_file(&lock) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => busy(found.process),
            _ => match create(&lock) {
                Ok(file) => Ok(Taken::Held(Self { path: lock, file, touched: Instant::now() })),
                Err(_) => busy(None),
            },
        }
    }

    /// Shows that the holder is alive, now and then.
    pub(super) fn touch(&mut self) {
        if self.touched.elapsed() >= limits::DOTLOCK_TOUCH {
            self.touched = Instant::now();
            // A lock that cannot be touched is a lock still.
            let _ = self.file.set_modified(SystemTime::now());
        }
    }

    /// Whether the file at its path is still the one that this process made.
    fn is_own(&self) -> bool {
        let id = |data: fs::Metadata| (data.dev(), data.ino());
        let own = self.file.metadata().map(id);
        own.is_ok() && own.ok() == fs::symlink_metadata(&self.path).map(id).ok()
    }
}

impl Drop for Dotlock {
    fn drop(&mut self) {
        if self.is_own() {
            // What stays is given up by the next program, since its process is gone.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn create(lock: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).custom_flags(no_follow()).open(lock)?;
    let mut holder = getpid().as_raw_nonzero().to_string().into_bytes();
    holder.push(b':');
    holder.extend_from_slice(host().as_bytes());
    holder.push(b'\n');
    if let Err(error) = file.write_all(&holder) {
        let _ = fs::remove_file(lock);
        return Err(error);
    }
    Ok(file)
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Who may hold a lock file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Holder {
    /// A process of this machine, by its host name.
    Here { is_alive: bool },
    /// A process, of which it is not said on which machine it is.
    Somewhere { is_alive: bool },
    /// No process of this machine.
    Unknown,
}

struct Found {
    /// Whether it holds what lock files do: nothing, or the number of a process. Anything else is somebody's file.
    is_lock: bool,
    holder: Holder,
    process: Option<i32>,
    untouched: Duration,
}

/// Looks at a lock file; `None` when it is gone again.
fn look(lock: &Path) -> io::Result<Option<Found>> {
    let mut content = Vec::new();
    let opened = OpenOptions::new().read(true).custom_flags(no_follow()).open(lock);
    match opened.and_then(|file| file.take(MOST_OCTETS).read_to_end(&mut content)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // One that may not be read tells by its age alone.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        Err(error) => return Err(error),
    }
    let (process, holder) = holder(&content, &host(), is_alive);
    let is_lock = content.trim_ascii_start().first().is_none_or(u8::is_ascii_digit);
    Ok(Some(Found { is_lock, holder, process, untouched: age_of(lock) }))
}

/// Reads `PROCESS`, or `PROCESS:HOST` as Dovecot writes it too.
fn holder(content: &[u8], here: &str, is_alive: impl Fn(i32) -> bool) -> (Option<i32>, Holder) {
    let text = String::from_utf8_lossy(content);
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let (number, host) = text.split_once(':').map_or((text, None), |(number, host)| (number, Some(host)));
    let Some(process) = number.parse().ok().filter(|number| *number > 0) else { return (None, Holder::Unknown) };
    let holder = match host {
        Some(host) if host == here => Holder::Here { is_alive: is_alive(process) },
        Some(_) => Holder::Unknown,
        None => Holder::Somewhere { is_alive: is_alive(process) },
    };
    (Some(process), holder)
}

fn is_alive(process: i32) -> bool {
    // A process of another user may not be signalled, but is there.
    Pid::from_raw(process).is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// The time since a file was last written to; none where that is not known or in the future.
fn age_of(path: &Path) -> Duration {
    let modified = fs::symlink_metadata(path).and_then(|data| data.modified());
    modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok()).unwrap_or_default()
}

/// Whether nobody holds a lock file any more, when neither it nor what it locks was written to for so long.
fn is_left_behind(holder: Holder, untouched: Duration) -> bool {
    let patience = match holder {
        Holder::Here { is_alive: false } => Duration::ZERO,
        Holder::Somewhere { is_alive: false } => limits::DOTLOCK_OF_DEAD,
        Holder::Here { is_alive: true } | Holder::Somewhere { is_alive: true } => limits::DOTLOCK_OF_ALIVE,
        Holder::Unknown => limits::DOTLOCK_OF_UNKNOWN,
    };
    untouched >= patience
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_read_as_other_programs_write_it() {
        let read = |content: &str| holder(content.as_bytes(), "here", |process| process == 7);
        let alive = |is_alive| Holder::Here { is_alive };
        let somewhere = |is_alive| Holder::Somewhere { is_alive };
        for (content, expected) in [
            ("7:here\n", (Some(7), alive(true))),
            ("8:here\n", (Some(8), alive(false))),
            ("7:there\n", (Some(7), Holder::Unknown)),
            ("7\n", (Some(7), somewhere(true))),
            (" 8\0", (Some(8), somewhere(false))),
            ("", (None, Holder::Unknown)),
            ("0\n", (None, Holder::Unknown)),
            ("-1\n", (None, Holder::Unknown)),
            ("99999999999\n", (None, Holder::Unknown)),
            ("somebody", (None, Holder::Unknown)),
            ("\u{fffd}", (None, Holder::Unknown)),
        ] {
            assert_eq!(read(content), expected, "{content:?}");
        }
    }

    #[test]
    fn a_lock_file_is_left_behind_after_a_time_that_depends_on_its_holder() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let second = Duration::from_secs(1);
        for (holder, patience) in [
            (Holder::Here { is_alive: false }, minutes(0)),
            (Holder::Somewhere { is_alive: false }, minutes(2)),
            (Holder::Unknown, minutes(5)),
            (Holder::Here { is_alive: true }, minutes(15)),
            (Holder::Somewhere { is_alive: true }, minutes(15)),
        ] {
            assert!(is_left_behind(holder, patience), "{holder:?}");
            assert!(patience.checked_sub(second).is_none_or(|shorter| !is_left_behind(holder, shorter)), "{holder:?}");
        }
    }

    /// The number of a process that has ended.
    fn dead_process() -> u32 {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        child.id()
    }

    /// Gives a lock file this content and age, and tries to take it.
    fn take(content: &str, age: Duration) -> Taken {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        let then = SystemTime::now() - age;
        for (path, content) in [(path.clone(), ""), (folder.path().join("mbox.lock"), content)] {
            fs::write(&path, content).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
        }
        Dotlock::take(&path).unwrap()
    }

    #[test]
    fn only_what_was_left_behind_is_taken() {
        let (dead, alive) = (dead_process(), std::process::id());
        let (now, hour) = (Duration::ZERO, Duration::from_secs(3600));
        for (content, age, is_taken) in [
            (format!("{dead}:{}\n", host()), now, true),
            (format!("{dead}\n"), now, false),
            (format!("{dead}\n"), hour, true),
            (format!("{alive}\n"), now, false),
            (format!("{alive}:elsewhere\n"), hour, true),
            (String::new(), now, false),
            (String::new(), hour, true),
            ("From a@b Sun Nov 22 09:00:00 2026\n\nmail\n\n".to_owned(), hour, false),
        ] {
            let taken = take(&content, age);
            assert_eq!(matches!(taken, Taken::Held(_)), is_taken, "{content:?} {age:?}: {taken:?}");
        }
    }

    #[test]
    fn mail_that_is_still_being_written_keeps_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let (path, lock) = (folder.path().join("mbox"), folder.path().join("mbox.lock"));
        fs::write(&lock, "").unwrap();
        File::options().write(true).open(&lock).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        fs::write(&path, "").unwrap();
        assert!(matches!(Dotlock::take(&path).unwrap(), Taken::Busy { by: None, .. }));
    }

    #[test]
    fn a_lock_file_tells_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        let Taken::Held(held) = Dotlock::take(&path).unwrap() else { panic!("it is free") };
        let lock = folder.path().join("mbox.lock");
        assert_eq!(fs::read_to_string(&lock).unwrap(), format!("{}:{}\n", std::process::id(), host()));
        drop(held);
        assert!(!lock.exists());
    }
}
