//! The terminal: data on standard output, everything else on standard error.

use std::io::{self, IsTerminal as _, Write as _};

use super::failure::Failure;
use crate::report::Exit;
use crate::report::human::{Palette, Told};
use crate::report::progress::Progress;

/// How much is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Talk {
    /// What went wrong.
    Quiet,
    /// On a terminal also what was done.
    Normal,
    /// Each step.
    Verbose,
}

/// Where everything is told. Its texts do not mix, whichever thread they come from.
#[derive(Debug)]
pub(super) struct Screen {
    palette: Palette,
    talk: Talk,
    is_terminal: bool,
    pub(super) progress: Progress,
}

impl Screen {
    pub(super) fn new(talk: Talk) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let wants_colour = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let palette = if wants_colour { Palette::Colour } else { Palette::Plain };
        // The bars colour nothing.
        let progress = Progress::new(is_terminal && talk == Talk::Normal);
        Self { palette, talk, is_terminal, progress }
    }

    pub(super) fn shows_summaries(&self) -> bool {
        match self.talk {
            Talk::Quiet => false,
            Talk::Normal => self.is_terminal,
            Talk::Verbose => true,
        }
    }

    pub(super) fn shows_steps(&self) -> bool {
        self.talk == Talk::Verbose
    }

    /// Writes whole lines to standard error.
    pub(super) fn say(&self, lines: &str) {
        // With nobody left to tell, the exit code still does.
        self.progress.between(|| drop(io::stderr().lock().write_all(lines.as_bytes())));
    }

    pub(super) fn tell(&self, account: Option<&str>, told: &Told) {
        self.say(&told.text(self.palette, account));
    }

    /// Writes whole lines of data to standard output.
    pub(super) fn print(&self, lines: &str) -> Result<(), Failure> {
        let mut written = Ok(());
        self.progress.between(|| written = write_out(lines));
        written
    }
}

fn write_out(lines: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(lines.as_bytes()).and_then(|()| out.flush()) {
        // A reader such as `head` has had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(
            Exit::Io,
            anyhow::Error::new(error).context("cannot write to standard output"),
            "look at where the output goes",
        )),
        Ok(()) => Ok(()),
    }
}
