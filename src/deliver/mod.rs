//! Targets that messages are delivered to.
//!
//! A delivery goes through the same steps whatever the target: begin, write, make durable, (the index commits INTENT),
//! place, make the place durable, (the index commits DELIVERED). After a crash [`maildir::Maildir::probe`] says what lies where.

pub mod maildir;
mod marker;
pub mod survey;

use std::io;
use std::path::{Path, PathBuf};

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A file operation failed.
    #[error("cannot {doing} {path}")]
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
    #[error("the Maildir {0} has disappeared")]
    Missing(PathBuf),
    /// Another Maildir lies where this index delivered to.
    #[error("{0} is not the Maildir that this account delivered to")]
    Changed(PathBuf),
    /// The Maildir knows of later deliveries than the index.
    #[error("the Maildir {0} knows of later deliveries than the index: the index is an old copy")]
    OldIndex(PathBuf),
    /// The Maildir knows of fewer deliveries than the index.
    #[error("the Maildir {0} is an older copy of the one that this account delivered to")]
    OldMaildir(PathBuf),
    /// A held message is lost or damaged, and no longer on the server.
    #[error("the held message {0} is missing or damaged, and no longer on the server")]
    Damaged(PathBuf),
    /// Something else lies there.
    #[error("{0} exists and is not a Maildir")]
    NotMaildir(PathBuf),
}

impl TargetError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }

    /// Whether the disk failed or is full: nothing of the batch may be trusted or deleted.
    #[must_use]
    pub fn is_disk_failure(&self) -> bool {
        let Self::Io { source, .. } = self else { return false };
        is_disk_failure(source)
    }
}

/// Whether an error means a failing or full disk, and not a target that refuses.
#[must_use]
pub fn is_disk_failure(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        || error.raw_os_error() == Some(Errno::IO.raw_os_error())
}
