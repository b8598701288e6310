//! Octets out, replies in: one connection to a mail server, under bounds.
//!
//! After any failure the link is unusable: nothing that comes later can be mistaken for the answer to something else.

use std::io::{self, Read, Write};
use std::time::Duration;

use super::error::{MtaFailure, Stage};
use super::reply::{Reply, ReplyLine};
use crate::host::Guard;
use crate::model::{escaped, limits};

/// Octets read at once.
const READ_OCTETS: usize = 4 * 1024;

pub(super) struct Link<'h> {
    guard: Guard<'h>,
    /// What was received and not taken yet: less than a line and a read.
    unread: Vec<u8>,
    is_usable: bool,
}

impl<'h> Link<'h> {
    pub(super) fn new(guard: Guard<'h>) -> Self {
        Self { guard, unread: Vec::new(), is_usable: true }
    }

    pub(super) fn is_usable(&self) -> bool {
        self.is_usable
    }

    /// Takes no part in the conversation any more.
    pub(super) fn abandon(&mut self) {
        self.is_usable = false;
    }

    /// Sends all of `octets`.
    pub(super) fn send(&mut self, stage: Stage, octets: &[u8]) -> Result<(), MtaFailure> {
        let (_, result) = self.send_counted(stage, octets);
        result
    }

    /// The same, and how many octets went out, also where it failed.
    pub(super) fn send_counted(&mut self, stage: Stage, octets: &[u8]) -> (usize, Result<(), MtaFailure>) {
        let mut sent = 0;
        self.guard.start_phase(bound(stage));
        let result = loop {
            if sent == octets.len() {
                break self.guard.flush();
            }
            match self.guard.write(&octets[sent..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => sent += count,
                Err(error) => break Err(error),
            }
        };
        self.guard.end_phase();
        (sent, result.map_err(|error| self.failed(error, stage)))
    }

    /// Reads one reply, whole.
    pub(super) fn reply(&mut self, stage: Stage) -> Result<Reply, MtaFailure> {
        self.reply_within(stage, bound(stage))
    }

    fn reply_within(&mut self, stage: Stage, bound: Duration) -> Result<Reply, MtaFailure> {
        self.guard.start_phase(bound);
        let result = self.read_reply(stage);
        self.guard.end_phase();
        match &result {
            Ok(reply) => tracing::debug!(%stage, code = reply.code, text = reply.shown(), "reply"),
            Err(_) => self.abandon(),
        }
        result
    }

    /// What the server says without being asked: `None` while it is silent, as it should be.
    pub(super) fn interjection(&mut self, stage: Stage) -> Option<Result<Reply, MtaFailure>> {
        match self.guard.has_input() {
            Ok(false) if self.unread.is_empty() => None,
            Ok(_) => Some(self.reply_within(stage, limits::MTA_LAST_WORDS)),
            Err(error) => Some(Err(self.failed(error, stage))),
        }
    }

    /// What is waited for now is worth a grace, whatever the user and the run's deadline say.
    pub(super) fn hold_out(&mut self) {
        self.guard.hold_out(limits::MTA_GRACE);
    }

    pub(super) fn protocol_error(&mut self, stage: Stage, what: impl Into<String>) -> MtaFailure {
        self.abandon();
        MtaFailure::Protocol { stage, what: what.into() }
    }

    fn failed(&mut self, error: io::Error, stage: Stage) -> MtaFailure {
        self.abandon();
        MtaFailure::of_io(error, stage)
    }

    fn read_reply(&mut self, stage: Stage) -> Result<Reply, MtaFailure> {
        let mut reply: Option<Reply> = None;
        for _ in 0..limits::MTA_REPLY_LINES {
            let line = self.line(stage)?;
            let Some(parsed) = ReplyLine::parse(&line) else {
                let shown = escaped(&line, limits::SHOWN_CHARS);
                return Err(self.protocol_error(stage, format!("no reply but {shown}")));
            };
            let (code, is_last, text) = (parsed.code, parsed.is_last, parsed.text.to_vec());
            let whole = reply.get_or_insert_with(|| Reply { code, lines: Vec::new() });
            if whole.code != code {
                let what = format!("one reply has the codes {} and {code}", whole.code);
                return Err(self.protocol_error(stage, what));
            }
            whole.lines.push(text);
            if is_last && let Some(whole) = reply {
                return Ok(whole);
            }
        }
        Err(self.protocol_error(stage, format!("a reply has more than {} lines", limits::MTA_REPLY_LINES)))
    }

    /// Takes one line without its line end; LF alone is taken for one.
    fn line(&mut self, stage: Stage) -> Result<Vec<u8>, MtaFailure> {
        let mut searched = 0;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.unread[searched..]) {
                let mut line: Vec<u8> = self.unread.drain(..=searched + at).collect();
                line.pop();
                line.pop_if(|last| *last == b'\r');
                return Ok(line);
            }
            searched = self.unread.len();
            if searched > limits::LINE_OCTETS {
                return Err(self.protocol_error(stage, format!("a line of a reply is longer than {searched} octets")));
            }
            self.fill(stage)?;
        }
    }

    fn fill(&mut self, stage: Stage) -> Result<(), MtaFailure> {
        let mut buffer = [0; READ_OCTETS];
        self.guard.start_waiting();
        match self.guard.read(&mut buffer) {
            Ok(0) => Err(self.failed(io::Error::new(io::ErrorKind::UnexpectedEof, "end of stream"), stage)),
            Ok(count) => {
                self.unread.extend_from_slice(&buffer[..count]);
                Ok(())
            }
            Err(error) => Err(self.failed(error, stage)),
        }
    }
}

/// How long a step may take, whole.
fn bound(stage: Stage) -> Duration {
    match stage {
        Stage::Data => limits::MTA_DATA,
        Stage::Content => limits::MTA_BLOCK,
        Stage::End => limits::MTA_END,
        Stage::Quit => limits::MTA_LAST_WORDS,
        Stage::Greeting | Stage::Hello(_) | Stage::Reset | Stage::Mail | Stage::Rcpt => limits::MTA_COMMAND,
    }
}
