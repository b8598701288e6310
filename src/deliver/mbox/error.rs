//! Why an mbox cannot be used.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::{TargetError, is_disk_failure};
use crate::host::SharedError;
use crate::model::shown_path;

/// Why an mbox cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MboxError {
    /// It cannot be opened or locked.
    #[error(transparent)]
    Open(#[from] SharedError),
    /// The folder that it lies in, or is to lie in, does not exist.
    #[error("the folder of {} does not exist", shown_path(.0))]
    NoFolder(PathBuf),
    /// Something else lies there.
    #[error("{} exists and is not {is}", shown_path(path))]
    SomethingElse {
        /// The file.
        path: PathBuf,
        /// What it should be.
        is: &'static str,
    },
    /// An archive cannot be read to its end.
    #[error("the archive {} is damaged", shown_path(.0))]
    Damaged(PathBuf),
    /// Messages could not be written, and what was written of them was taken back.
    #[error("nothing was added to {}", shown_path(path))]
    NotAppended {
        /// The file.
        path: PathBuf,
        /// What happened to the whole batch.
        #[source]
        source: Arc<TargetError>,
    },
    /// Messages could not be written, and what was written of them could not be taken back.
    #[error("an unfinished message is left at the end of {}", shown_path(path))]
    LeftUnfinished {
        /// The file.
        path: PathBuf,
        /// What happened to the whole batch.
        #[source]
        source: Arc<TargetError>,
    },
    /// Another program wrote to it without a lock.
    #[error("another program wrote to {} without a lock", shown_path(.0))]
    Disturbed(PathBuf),
    /// What is delivered changed meanwhile.
    #[error("the held messages changed while they were added to {}", shown_path(.0))]
    Unsteady(PathBuf),
}

impl MboxError {
    /// Whether it is not about one message: then the mbox takes no other one now either.
    pub(in crate::deliver) fn is_of_whole_target(&self) -> bool {
        match self {
            Self::NotAppended { source, .. } => !matches!(**source, TargetError::Unspooled(_)),
            Self::Unsteady(_) => false,
            _ => true,
        }
    }

    /// Whether the disk failed or is full.
    #[must_use]
    pub fn is_disk_failure(&self) -> bool {
        match self {
            Self::Open(SharedError::Io { source, .. }) => is_disk_failure(source),
            Self::NotAppended { source, .. } | Self::LeftUnfinished { source, .. } => source.is_disk_failure(),
            _ => false,
        }
    }
}
