//! Files that other programs write to as well: opened with suspicion, locked as the field does.
//!
//! A lock is tried, never waited for, and all of them are let go before the next try: programs that take the same locks in
//! another order cannot deadlock with this one.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dotlock::{Dotlock, Taken};
use super::real::{Steps, no_follow};
use super::{FileIdentity, SharedFile};
use crate::model::{Locking, Octets, limits, shown_path};

/// Why a shared file is not open.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    /// Another program has a lock on the file.
    #[error("{} is locked by another program", shown_path(.0))]
    Locked(PathBuf),
    /// Another program has its lock file.
    #[error("the lock file {} belongs to another program{}", shown_path(lock), process(*by))]
    Dotlocked {
        /// The lock file.
        lock: PathBuf,
        /// The process that it names.
        by: Option<i32>,
    },
    /// It is not what mail may be written to.
    #[error("{} {is}", shown_path(path))]
    Refused {
        /// The file.
        path: PathBuf,
        /// What it is.
        is: &'static str,
    },
    /// The user asked to stop while it was waited for.
    #[error("interrupted while another program held the lock")]
    Interrupted,
    /// A file operation failed.
    #[error("cannot {doing} {}", shown_path(path))]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which path.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl SharedError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }
}

fn process(number: Option<i32>) -> String {
    number.map(|number| format!(" (process {number})")).unwrap_or_default()
}

/// Another program is at work on the file: try again.
#[derive(Debug)]
pub(super) enum Busy {
    Locked(PathBuf),
    Dotlocked { lock: PathBuf, by: Option<i32> },
}

impl From<Busy> for SharedError {
    fn from(busy: Busy) -> Self {
        match busy {
            Busy::Locked(path) => Self::Locked(path),
            Busy::Dotlocked { lock, by } => Self::Dotlocked { lock, by },
        }
    }
}

/// A locked file; the locks go with it, the lock file first.
struct LockedFile {
    /// `None` where flock is the only lock, or where no lock file may be made.
    dotlock: Option<Dotlock>,
    locked: SystemLock,
    steps: Arc<Steps>,
}

/// A file with a lock of the system.
struct SystemLock {
    file: File,
    locking: Locking,
}

impl SystemLock {
    /// Takes the lock; `None` where another program has one.
    fn take(file: File, locking: Locking) -> io::Result<Option<Self>> {
        let is_locked = match locking {
            Locking::FcntlAndDotlock => fcntl_lock(&file, true),
            Locking::Flock => try_flock(&file),
        };
        Ok(is_locked?.then_some(Self { file, locking }))
    }
}

impl Drop for SystemLock {
    /// A child process that was begun just now may have the file open until it becomes another program: closing it here
    /// would not be enough.
    fn drop(&mut self) {
        // What fails here ends with the process.
        let _ = match self.locking {
            Locking::FcntlAndDotlock => fcntl_lock(&self.file, false).map(drop),
            Locking::Flock => self.file.unlock(),
        };
    }
}

/// Opens and locks a file, if no other program is at work on it.
pub(super) fn try_open(
    path: &Path,
    locking: Locking,
    create: bool,
    steps: &Arc<Steps>,
) -> Result<Result<impl SharedFile + use<>, Busy>, SharedError> {
    let file = open(path, create, steps)?;
    let Some(locked) = SystemLock::take(file, locking).map_err(SharedError::io("lock", path))? else {
        return Ok(Err(Busy::Locked(path.to_owned())));
    };
    steps.step();
    let dotlock = match locking {
        Locking::Flock => None,
        Locking::FcntlAndDotlock => match Dotlock::take(path)? {
            Taken::Held(dotlock) => Some(dotlock),
            Taken::NotAllowed => None,
            Taken::Busy { lock, by } => return Ok(Err(Busy::Dotlocked { lock, by })),
        },
    };
    // While it was opened, another program may have put another file in its place.
    if !is_still_at(&locked.file, path).map_err(SharedError::io("look at", path))? {
        return Ok(Err(Busy::Locked(path.to_owned())));
    }
    check(&locked.file, path)?;
    Ok(Ok(LockedFile { dotlock, locked, steps: Arc::clone(steps) }))
}

fn open(path: &Path, create: bool, steps: &Steps) -> Result<File, SharedError> {
    match std::fs::symlink_metadata(path) {
        Ok(data) if data.is_symlink() => return Err(refused(path, "is a symbolic link")),
        // A device may do things when it is opened.
        Ok(data) if !data.is_file() => return Err(refused(path, "is not a regular file")),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound && create => steps.step(),
        Err(error) => return Err(SharedError::io("open", path)(error)),
    }
    // Written at the end by the system itself: mail that a program without locks adds meanwhile is not overwritten.
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(create).mode(limits::PRIVATE_MODE).custom_flags(no_follow());
    let file = options.open(path).map_err(SharedError::io("open", path))?;
    check(&file, path)?;
    Ok(file)
}

/// What another user could have put there to have mail written elsewhere, or read by others.
fn check(file: &File, path: &Path) -> Result<(), SharedError> {
    let data = file.metadata().map_err(SharedError::io("look at", path))?;
    if !data.is_file() {
        return Err(refused(path, "is not a regular file"));
    }
    if data.uid() != rustix::process::geteuid().as_raw() {
        return Err(refused(path, "belongs to another user"));
    }
    if data.nlink() > 1 {
        return Err(refused(path, "has several names (hard links)"));
    }
    Ok(())
}

fn refused(path: &Path, is: &'static str) -> SharedError {
    SharedError::Refused { path: path.to_owned(), is }
}

fn is_still_at(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(now) => Ok((now.dev(), now.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Takes or lets go of a lock of this open file alone: it excludes the locks that other programs take by fcntl or lockf, and
/// other files of this process too. False where another program has one.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn fcntl_lock(file: &File, is_wanted: bool) -> io::Result<bool> {
    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;

    let short = |value: i32| i16::try_from(value).map_err(io::Error::other);
    let kind = if is_wanted { libc::F_WRLCK } else { libc::F_UNLCK };
    let whole = libc::flock { l_type: short(kind)?, l_whence: short(libc::SEEK_SET)?, l_start: 0, l_len: 0, l_pid: 0 };
    match fcntl(file, FcntlArg::F_OFD_SETLK(&whole)) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// On the BSDs flock excludes the locks of fcntl.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn fcntl_lock(file: &File, is_wanted: bool) -> io::Result<bool> {
    if is_wanted { try_flock(file) } else { file.unlock().map(|()| true) }
}

fn try_flock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

impl LockedFile {
    fn touch(&mut self) {
        if let Some(dotlock) = &mut self.dotlock {
            dotlock.touch();
        }
    }
}

impl SharedFile for LockedFile {
    fn identity(&self) -> io::Result<FileIdentity> {
        let data = self.locked.file.metadata()?;
        Ok(FileIdentity { device: data.dev(), inode: data.ino(), octets: Octets(data.len()) })
    }

    fn read_at(&self, buffer: &mut [u8], offset: Octets) -> io::Result<usize> {
        self.locked.file.read_at(buffer, offset.0)
    }

    fn append(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.touch();
        self.steps.step();
        self.locked.file.write(octets)
    }

    fn truncate(&mut self, length: Octets) -> io::Result<()> {
        self.steps.step();
        self.locked.file.set_len(length.0)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.touch();
        self.steps.step();
        self.locked.file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::super::{Host as _, RealHost};
    use super::*;

    fn host() -> RealHost {
        RealHost::new(Arc::new(AtomicBool::new(false)))
    }

    fn open_with(path: &Path, locking: Locking) -> Result<Box<dyn SharedFile>, SharedError> {
        host().open_shared(path, locking, Duration::ZERO, true)
    }

    fn open(path: &Path) -> Result<Box<dyn SharedFile>, SharedError> {
        open_with(path, Locking::FcntlAndDotlock)
    }

    #[test]
    fn a_file_is_made_for_its_owner_alone_and_written_at_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        assert!(matches!(
            host().open_shared(&path, Locking::Flock, Duration::ZERO, false).err(),
            Some(SharedError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound
        ));
        let mut file = open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(file.append(b"abc").unwrap(), 3);
        fs::write(&path, b"abcde").unwrap();
        assert_eq!(file.append(b"f").unwrap(), 1);
        file.truncate(Octets(5)).unwrap();
        file.sync().unwrap();
        let mut buffer = [0; 9];
        assert_eq!(file.read_at(&mut buffer, Octets(1)).unwrap(), 4);
        assert_eq!(&buffer[..4], b"bcde");
        assert_eq!(file.identity().unwrap().octets, Octets(5));
    }

    #[test]
    fn one_holds_it_at_a_time_and_a_lock_file_tells() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        let lock = folder.path().join("mbox.lock");
        for locking in [Locking::FcntlAndDotlock, Locking::Flock] {
            let held = open_with(&path, locking).unwrap();
            assert_eq!(lock.exists(), locking == Locking::FcntlAndDotlock);
            assert!(matches!(open_with(&path, locking).err(), Some(SharedError::Locked(_))));
            drop(held);
            assert!(!lock.exists());
            open_with(&path, locking).unwrap();
        }
    }

    /// A child process has the same open file until it becomes another program.
    #[test]
    fn a_copy_of_the_open_file_keeps_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        for locking in [Locking::FcntlAndDotlock, Locking::Flock] {
            let file = File::options().append(true).create(true).open(&path).unwrap();
            let copy = file.try_clone().unwrap();
            let locked = SystemLock::take(file, locking).unwrap().expect("it is free");
            assert!(open_with(&path, locking).is_err());
            drop(locked);
            open_with(&path, locking).unwrap();
            drop(copy);
        }
    }

    #[test]
    fn a_lock_file_of_another_program_is_respected_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        let lock = folder.path().join("mbox.lock");
        fs::write(&lock, std::process::id().to_string()).unwrap();
        let error = open(&path).err().unwrap();
        assert_eq!(
            error.to_string(),
            format!(
                "the lock file {} belongs to another program (process {})",
                lock.to_str().unwrap(),
                std::process::id()
            )
        );
        assert!(lock.exists());
        open_with(&path, Locking::Flock).unwrap();
    }

    #[test]
    fn one_that_was_put_in_the_place_of_ours_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        let lock = folder.path().join("mbox.lock");
        let held = open(&path).unwrap();
        fs::remove_file(&lock).unwrap();
        fs::write(&lock, "").unwrap();
        drop(held);
        assert!(lock.exists());
    }

    #[test]
    fn traps_are_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("victim"), "").unwrap();
        symlink(at("victim"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        fs::hard_link(at("victim"), at("hard")).unwrap();
        mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        fs::create_dir(at("folder")).unwrap();
        for (name, is) in [
            ("link", "is a symbolic link"),
            ("dangling", "is a symbolic link"),
            ("hard", "has several names (hard links)"),
            ("fifo", "is not a regular file"),
            ("folder", "is not a regular file"),
        ] {
            let error = open(&at(name)).err().unwrap();
            assert!(matches!(&error, SharedError::Refused { is: found, .. } if *found == is), "{name}: {error}");
            assert!(!at(&format!("{name}.lock")).exists());
        }
        assert!(!at("nowhere").exists());
    }

    /// Only root can give a file away.
    #[test]
    fn a_file_of_another_user_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        fs::write(&path, "").unwrap();
        if std::os::unix::fs::chown(&path, Some(65534), None).is_err() {
            return;
        }
        let error = open(&path).err().unwrap();
        assert!(matches!(error, SharedError::Refused { is: "belongs to another user", .. }), "{error}");
    }

    #[test]
    fn waiting_ends_when_the_user_asks_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        let _held = open(&path).unwrap();
        let interrupted = Arc::new(AtomicBool::new(false));
        let host = RealHost::new(Arc::clone(&interrupted));
        interrupted.store(true, Ordering::Relaxed);
        let error = host.open_shared(&path, Locking::FcntlAndDotlock, Duration::from_secs(3600), false).err().unwrap();
        assert!(matches!(error, SharedError::Interrupted), "{error}");
    }

    #[test]
    fn a_lock_that_is_let_go_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        let held = open(&path).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                host().open_shared(&path, Locking::FcntlAndDotlock, Duration::from_secs(3600), false).map(drop)
            });
            drop(held);
            waiting.join().unwrap().unwrap();
        });
    }
}
