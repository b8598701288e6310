//! What ends a run early.

use crate::deliver::TargetError;
use crate::index::IndexError;
use crate::model::Octets;
use crate::pop3::{AuthFailure, SessionError};

/// What ends a run early. Whatever it is, each message stays delivered or to be fetched, never both.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The target failed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The connection or the server failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The login failed.
    #[error(transparent)]
    Login(#[from] AuthFailure),
    /// The next message would leave too little space.
    #[error("{free} are free on the target's file system, and the next message needs {needed}")]
    NoSpace {
        /// What is free.
        free: Octets,
        /// What the message and the floor need.
        needed: Octets,
    },
}
