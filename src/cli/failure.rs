//! What ends a command: the error, its exit code, what is safe now, and what the user can do.

use std::fmt;

use crate::report::human::{self, Told};
use crate::report::{Exit, Summary};

/// A command, or one account's part of it, failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    error: anyhow::Error,
    state: Option<String>,
    hint: String,
    /// Nothing is wrong: nobody is told who did not ask.
    pub(super) is_routine: bool,
}

impl Failure {
    pub(super) fn new(exit: Exit, error: impl Into<anyhow::Error>, hint: impl Into<String>) -> Self {
        Self { exit, error: error.into(), state: None, hint: hint.into(), is_routine: false }
    }

    /// A failure that is told in words alone.
    pub(super) fn words(exit: Exit, what: impl fmt::Display, hint: impl Into<String>) -> Self {
        Self::new(exit, anyhow::anyhow!("{what}"), hint)
    }

    pub(super) fn usage(what: impl fmt::Display, hint: impl Into<String>) -> Self {
        Self::words(Exit::Usage, what, hint)
    }

    /// The same, with nothing wrong: cron sends no mail about it.
    pub(super) fn that_is_routine(self) -> Self {
        Self { is_routine: true, ..self }
    }

    /// The same with what is safe now.
    pub(super) fn with_state(self, summary: &Summary) -> Self {
        Self { state: Some(human::state(summary)), ..self }
    }

    pub(super) fn told(&self) -> Told {
        Told { state: self.state.clone(), ..Told::error(self.error.as_ref(), self.hint.clone()) }
    }
}
