//! One lock file an account: what counts is that it is held, never that it exists.
//!
//! The system lets go of a held lock when its process ends, however it ends, so nothing stays locked after a kill. The
//! file itself is never removed: a removed file could be held by one process and made anew by another.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::model::shown_path;

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub struct AccountLock {
    file: File,
}

/// Why a lock is not held.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("another fetchonce is at work on this account")]
    Held(PathBuf),
    /// The file cannot be opened, made or locked.
    #[error("cannot lock {}", shown_path(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl AccountLock {
    /// Takes the lock without waiting, making the file (0600) where there is none.
    pub fn acquire(path: &Path) -> Result<Self, LockError> {
        Self::lock(path, OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600))
    }

    /// Takes the lock without waiting; `None` where there is no file, and so nobody who could hold it.
    pub fn acquire_existing(path: &Path) -> Result<Option<Self>, LockError> {
        match Self::lock(path, OpenOptions::new().read(true).write(true)) {
            Err(LockError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            result => result.map(Some),
        }
    }

    /// Whether the account was told to have an index: one that is not there now was lost.
    pub fn remembers_index(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.len() > 0)
    }

    /// Remembers, durably, that the account has an index.
    pub fn remember_index(&mut self, id: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        writeln!(self.file, "index {id}")?;
        self.file.sync_all()
    }

    /// Forgets that the account had an index: it has another name now.
    pub fn forget_index(&mut self) -> io::Result<()> {
        self.file.set_len(0)
    }

    fn lock(path: &Path, options: &mut OpenOptions) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        let no_follow = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or(0);
        let file = options.custom_flags(no_follow).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn a_lock_is_held_by_one_and_let_go_with_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("work.lock");
        assert!(AccountLock::acquire_existing(&path).unwrap().is_none());
        assert!(!path.exists());
        let held = AccountLock::acquire(&path).unwrap();
        assert!(matches!(AccountLock::acquire(&path), Err(LockError::Held(_))));
        assert!(matches!(AccountLock::acquire_existing(&path), Err(LockError::Held(_))));
        drop(held);
        assert!(path.exists());
        assert!(AccountLock::acquire_existing(&path).unwrap().is_some());
        assert!(AccountLock::acquire(&path).is_ok());
    }

    #[test]
    fn it_remembers_that_there_was_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("work.lock");
        let mut held = AccountLock::acquire(&path).unwrap();
        assert!(!held.remembers_index().unwrap());
        held.remember_index("0123").unwrap();
        drop(held);
        let mut held = AccountLock::acquire(&path).unwrap();
        assert!(held.remembers_index().unwrap());
        held.forget_index().unwrap();
        assert!(!held.remembers_index().unwrap());
    }

    /// I9.
    #[test]
    fn its_error_shows_any_path() {
        let error = AccountLock::acquire(Path::new(OsStr::from_bytes(b"/no\\such\x1b\xff/lock"))).unwrap_err();
        assert_eq!(error.to_string(), r"cannot lock /no\\such\u{1b}\xff/lock");
    }

    #[test]
    fn no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("work.lock");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert!(matches!(AccountLock::acquire(&path), Err(LockError::Io { .. })));
        assert!(!folder.path().join("elsewhere").exists());
    }
}
