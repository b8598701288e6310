//! What ends a command: the error, its exit code, and what the user can do.

use std::fmt;

use crate::report::Exit;
use crate::report::human::Told;

/// A command, or one account's part of it, failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    error: anyhow::Error,
    hint: String,
}

impl Failure {
    pub(super) fn new(exit: Exit, error: impl Into<anyhow::Error>, hint: impl Into<String>) -> Self {
        Self { exit, error: error.into(), hint: hint.into() }
    }

    /// A failure that is told in words alone.
    pub(super) fn words(exit: Exit, what: impl fmt::Display, hint: impl Into<String>) -> Self {
        Self::new(exit, anyhow::anyhow!("{what}"), hint)
    }

    pub(super) fn usage(what: impl fmt::Display, hint: impl Into<String>) -> Self {
        Self::words(Exit::Usage, what, hint)
    }

    pub(super) fn told(&self) -> Told {
        Told::error(self.error.as_ref(), self.hint.clone())
    }
}
