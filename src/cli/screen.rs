//! The terminal: data on standard output, everything else on standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};

use super::failure::Failure;
use super::logging;
use crate::report::Exit;
use crate::report::finding::Finding;
use crate::report::human::{Palette, Told};
use crate::report::json::{CheckRecord, Record};
use crate::report::progress::Progress;

/// How much is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Talk {
    /// What went wrong.
    Quiet,
    /// On a terminal also what was done.
    #[default]
    Normal,
    /// Each step.
    Verbose,
}

/// For whom the data is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Format {
    /// People.
    #[default]
    Text,
    /// Scripts: one JSON object a line.
    Json,
}

/// Where everything is told. Its texts do not mix, whichever thread they come from.
#[derive(Debug)]
pub(super) struct Screen {
    palette: Palette,
    /// Of standard output.
    data_palette: Palette,
    talk: Talk,
    pub(super) format: Format,
    is_terminal: bool,
    pub(super) progress: Progress,
    /// Why the data did not get out; told at the end, since nothing is to be left undone for it.
    unwritten: Mutex<Option<io::Error>>,
}

impl Screen {
    pub(super) fn new(talk: Talk, format: Format) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let may_colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let palette_of = |is_terminal| if is_terminal && may_colour { Palette::Colour } else { Palette::Plain };
        // The bars colour nothing.
        let progress = Progress::new(is_terminal && talk == Talk::Normal && format == Format::Text);
        let (palette, data_palette) = (palette_of(is_terminal), palette_of(io::stdout().is_terminal()));
        Self { palette, data_palette, talk, format, is_terminal, progress, unwritten: Mutex::default() }
    }

    pub(super) fn shows_summaries(&self) -> bool {
        match self.talk {
            Talk::Quiet => false,
            Talk::Normal => self.is_terminal && self.format == Format::Text,
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

    /// Tells an error or a warning: to people always, to scripts that read the data, and to the log.
    pub(super) fn tell(&self, account: Option<&str>, exit: Exit, told: &Told) {
        logging::told(told);
        self.record(&Record::of_told(account, exit, told));
        self.tell_people(account, told);
    }

    pub(super) fn tell_people(&self, account: Option<&str>, told: &Told) {
        self.say(&told.text(self.palette, account));
    }

    /// Writes whole lines of data for people.
    pub(super) fn print(&self, lines: &str) {
        if self.format == Format::Text {
            self.write(lines);
        }
    }

    /// Writes what a check found, for whomever it is, and to the log.
    pub(super) fn find(&self, account: Option<&str>, width: usize, finding: &Finding) {
        logging::found(finding);
        self.print(&finding.text(account.unwrap_or_default(), width, self.data_palette));
        self.record(&Record::Check(CheckRecord::new(account, finding)));
    }

    /// Writes an object for scripts.
    pub(super) fn record(&self, record: &Record<'_>) {
        if self.format == Format::Json {
            match serde_json::to_string(record) {
                Ok(line) => self.write(&(line + "\n")),
                Err(error) => self.remember(error.into()),
            }
        }
    }

    /// Ends the output; data that did not get out makes an exit code of its own.
    pub(super) fn end(&self, exit: Exit) -> Exit {
        let exit_code = exit.code();
        self.record(&Record::End { exit_code });
        let Some(error) = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).take() else { return exit };
        let error = anyhow::Error::new(error).context("cannot write to standard output");
        let failure = Failure::new(Exit::Io, error, "look at where the output goes; what was to be done is done");
        self.tell_people(None, &failure.told());
        Exit::most_telling([exit, failure.exit])
    }

    fn write(&self, lines: &str) {
        self.progress.between(|| {
            let mut out = io::stdout().lock();
            if let Err(error) = out.write_all(lines.as_bytes()).and_then(|()| out.flush()) {
                self.remember(error);
            }
        });
    }

    fn remember(&self, error: io::Error) {
        // A reader such as `head` has had enough.
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }
}
