//! Targets that messages are delivered to.
//!
//! A delivery goes through the same steps whatever the target: make ready, (the index commits INTENT), deliver, make
//! durable, (the index commits DELIVERED). A single Maildir takes messages straight from the session ([`staging`]); every
//! other target, and several of them, are served from the spool ([`parcel`]).

pub mod eml;
pub mod files;
pub mod folders;
pub mod maildir;
pub mod marker;
pub mod mbox;
pub mod mta;
pub mod parcel;
pub mod pipe;
pub mod presence;
pub mod staging;
pub mod stdout;
pub mod survey;
pub mod trace;

use std::io;
use std::path::{Path, PathBuf};

use crate::host::ProgramError;
use crate::model::{DeliveryId, shown_path};

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
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
    /// The Maildir that this index delivered to is not there.
    #[error("the Maildir {} has disappeared", shown_path(.0))]
    Missing(PathBuf),
    /// Another Maildir lies where this index delivered to.
    #[error("{} is not the Maildir that this account delivered to", shown_path(.0))]
    Changed(PathBuf),
    /// The Maildir knows of later deliveries than the index.
    #[error("the Maildir {} knows of later deliveries than the index: the index is an old copy", shown_path(.0))]
    OldIndex(PathBuf),
    /// The Maildir knows of fewer deliveries than the index.
    #[error("the Maildir {} is an older copy of the one that this account delivered to", shown_path(.0))]
    OldMaildir(PathBuf),
    /// A message that was to be delivered is not in the spool.
    #[error("the held message {} is missing", .0.0)]
    Unspooled(DeliveryId),
    /// Two different files lie under the names of one interrupted delivery.
    #[error("two different files lie under the names of the interrupted delivery {}", .0.0)]
    Conflict(DeliveryId),
    /// A mail server did not take a message.
    #[error(transparent)]
    Mta(#[from] mta::MtaError),
    /// Something else lies there.
    #[error("{} exists and is not a Maildir", shown_path(.0))]
    NotMaildir(PathBuf),
    /// A program does not take a message.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// An mbox cannot be used.
    #[error(transparent)]
    Mbox(#[from] mbox::MboxError),
    /// Standard output does not take a message.
    #[error(transparent)]
    Stdout(#[from] stdout::StdoutError),
}

impl TargetError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }

    /// Whether it is not about one message: then the target takes no other one now either.
    #[must_use]
    pub fn is_of_whole_target(&self) -> bool {
        match self {
            Self::Program(error) => matches!(error, ProgramError::NotRun { .. } | ProgramError::Interrupted { .. }),
            Self::Mta(error) => error.failure.is_of_whole_target(),
            Self::Mbox(error) => error.is_of_whole_target(),
            Self::Stdout(error) => error.is_of_whole_target(),
            _ => self.is_disk_failure(),
        }
    }

    /// Whether the disk failed or is full: nothing of the batch may be trusted or deleted.
    #[must_use]
    pub fn is_disk_failure(&self) -> bool {
        match self {
            Self::Io { source, .. } => is_disk_failure(source),
            Self::Mbox(error) => error.is_disk_failure(),
            _ => false,
        }
    }
}

/// Whether an error means a failing or full disk, and not a target that refuses.
#[must_use]
pub fn is_disk_failure(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        || error.raw_os_error() == Some(Errno::IO.raw_os_error())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    /// I9.
    #[test]
    fn every_error_shows_any_path() {
        let path = || Path::new(OsStr::from_bytes(b"/a\\\x1b\xff")).to_owned();
        for error in [
            TargetError::io("read", &path())(io::ErrorKind::NotFound.into()),
            TargetError::Missing(path()),
            TargetError::Changed(path()),
            TargetError::OldIndex(path()),
            TargetError::OldMaildir(path()),
            TargetError::NotMaildir(path()),
            mbox::MboxError::NoFolder(path()).into(),
            mbox::MboxError::Damaged(path()).into(),
            mbox::MboxError::SomethingElse { path: path(), is: "an mbox" }.into(),
            mbox::MboxError::from(crate::host::SharedError::Locked(path())).into(),
            mbox::MboxError::from(crate::host::SharedError::Refused { path: path(), is: "a trap" }).into(),
        ] {
            assert!(error.to_string().contains(r"/a\\\u{1b}\xff"), "{error}");
        }
    }
}
