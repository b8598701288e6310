//! The terminal: data on standard output, everything else on standard error.
//!
//! Lines for people are folded where a terminal is too narrow for them. Without a terminal they stay whole, for grep.

use std::borrow::Cow;
use std::env;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use rustix::termios::tcgetwinsize;

use super::failure::Failure;
use super::logging;
use crate::report::Exit;
use crate::report::finding::Finding;
use crate::report::fold::folded;
use crate::report::human::{Palette, Told, printable};
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
    /// Why the data did not get out. Nothing more is written then; it is told at the end, since nothing is to be left
    /// undone for it.
    unwritten: Mutex<Option<io::Error>>,
}

impl Screen {
    pub(super) fn new(talk: Talk, format: Format) -> Self {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_terminal = io::stderr().is_terminal();
        // The bars colour nothing.
        let obeys_escapes = is_set("TERM") && env::var_os("TERM").is_none_or(|term| term != "dumb");
        let palette_of = |is_terminal| {
            if is_terminal && obeys_escapes && !is_set("NO_COLOR") { Palette::Colour } else { Palette::Plain }
        };
        let (palette, data_palette) = (palette_of(is_terminal), palette_of(io::stdout().is_terminal()));
        let progress = Progress::new(is_terminal && obeys_escapes && talk == Talk::Normal && format == Format::Text);
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

    /// Tells a step that is not of an account's run, where each is to be told.
    pub(super) fn say_step(&self, account: Option<&str>, step: &str) {
        if self.shows_steps() {
            let about = account.map(|account| format!("{account}  ")).unwrap_or_default();
            self.say(&format!("{about}{}\n", printable(step)));
        }
    }

    /// Writes whole lines to standard error.
    pub(super) fn say(&self, lines: &str) {
        let lines = fitted(lines, io::stderr());
        // With nobody left to tell, the exit code still does.
        self.progress.between(|| drop(io::stderr().lock().write_all(lines.as_bytes())));
    }

    /// Tells what is wrong with the command line.
    pub(super) fn refuse(&self, error: &clap::Error) {
        let text = error.render();
        match self.palette {
            Palette::Plain => self.say(&text.to_string()),
            Palette::Colour => self.say(&text.ansi().to_string()),
        }
    }

    /// Tells an error or a warning: to people always, to scripts that read the data, and to the log.
    pub(super) fn tell(&self, account: Option<&str>, exit: Exit, told: &Told) {
        self.tell_scripts(account, exit, told);
        self.tell_people(account, told);
    }

    /// Tells an error or a warning to scripts that read the data, and to the log.
    pub(super) fn tell_scripts(&self, account: Option<&str>, exit: Exit, told: &Told) {
        logging::told(told);
        self.record(&Record::of_told(account, exit, told));
    }

    pub(super) fn tell_people(&self, account: Option<&str>, told: &Told) {
        self.say(&told.text(self.palette, account));
    }

    /// Writes whole lines of data for people.
    pub(super) fn print(&self, lines: &str) {
        if self.format == Format::Text {
            self.write(&fitted(lines, io::stdout()));
        }
    }

    /// Writes what a check found, for whomever it is, and to the log.
    pub(super) fn find(&self, account: Option<&str>, width: usize, finding: &Finding) {
        logging::found(finding);
        self.print(&finding.text(account.unwrap_or_default(), width, self.data_palette));
        self.record(&Record::Check(CheckRecord::new(account, finding)));
    }

    /// Writes text that another program reads, as it is.
    pub(super) fn pass_on(&self, text: &str) {
        self.write(text);
    }

    /// Writes an object for scripts.
    pub(super) fn record(&self, record: &Record<'_>) {
        if self.format == Format::Json {
            match serde_json::to_string(record) {
                Ok(line) => self.write(&(line + "\n")),
                Err(error) => self.stop_writing(error.into()),
            }
        }
    }

    /// Ends the output; data that did not get out makes an exit code of its own.
    pub(super) fn end(&self, exit: Exit) -> Exit {
        self.record(&Record::End { exit_code: exit.code() });
        let error = match self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).take() {
            None => return exit,
            // A reader such as `head` has had enough.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => return exit,
            Some(error) => error,
        };
        let error = anyhow::Error::new(error).context("cannot write to standard output");
        let failure = Failure::new(Exit::Io, error, "look at where the output goes; what was to be done is done");
        self.tell_people(None, &failure.told());
        Exit::most_telling([exit, failure.exit])
    }

    fn write(&self, lines: &str) {
        if self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return;
        }
        self.progress.between(|| {
            let mut out = io::stdout().lock();
            if let Err(error) = out.write_all(lines.as_bytes()).and_then(|()| out.flush()) {
                self.stop_writing(error);
            }
        });
    }

    fn stop_writing(&self, error: io::Error) {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// The lines as they fit the terminal that they go to; unchanged where it is none, or one of unknown width.
fn fitted(lines: &str, stream: impl AsFd) -> Cow<'_, str> {
    match tcgetwinsize(stream) {
        Ok(size) if size.ws_col > 0 => folded(lines, size.ws_col.into()).into(),
        _ => lines.into(),
    }
}
