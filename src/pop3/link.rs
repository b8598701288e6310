//! Commands out, replies in: one connection with its read buffer, and the count of replies still owed.
//!
//! A reply counts as read only when its end was reached and understood. Whatever fails before leaves it owed, and a
//! link that is owed a reply takes no command: after a failure nothing can be mistaken for the answer to something else.

use std::io::{self, Read, Write};
use std::ops::Range;

use native_tls::{TlsConnector, TlsStream};

use super::command::Command;
use super::error::SessionError;
use super::multiline::Unstuff;
use super::notes::{Notes, WITHHELD};
use super::reply::{Refusal, Status};
use super::tls;
use crate::host::Guard;
use crate::model::limits;

/// What a new link waits for, as errors name it.
pub(super) const GREETING: &str = "the greeting";
/// The read buffer, in octets: one a session, whatever the size of a message.
const BUFFER_OCTETS: usize = 64 * 1024;

enum Stream<'h> {
    Plain(Guard<'h>),
    Tls(Box<TlsStream<Guard<'h>>>),
}

impl<'h> Stream<'h> {
    fn guard(&mut self) -> &mut Guard<'h> {
        match self {
            Self::Plain(guard) => guard,
            Self::Tls(stream) => stream.get_mut(),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(guard) => guard.read(buffer),
            Self::Tls(stream) => match stream.read(buffer) {
                // No closing alert: the end mark of the reply is the authority on what is whole, so this is only an end.
                Err(error) if tls::is_end_of_stream(&error.to_string()) => Ok(0),
                result => result,
            },
        }
    }

    fn write_all(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(guard) => guard.write_all(octets).and_then(|()| guard.flush()),
            Self::Tls(stream) => stream.write_all(octets).and_then(|()| stream.flush()),
        }
    }
}

/// One connection to a server.
pub(super) struct Link<'h> {
    stream: Stream<'h>,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Replies to commands that were sent, not yet read to their end.
    owed: usize,
    /// What is being waited for, as errors name it.
    during: String,
    /// Octets of the current reply that were taken from the buffer.
    reply_octets: u64,
    pub(super) notes: Notes,
}

impl<'h> Link<'h> {
    /// A link that is owed the greeting.
    pub(super) fn new(guard: Guard<'h>, notes: Notes) -> Self {
        Self::over(Stream::Plain(guard), 1, notes)
    }

    fn over(stream: Stream<'h>, owed: usize, notes: Notes) -> Self {
        let buffer = vec![0; BUFFER_OCTETS].into_boxed_slice();
        let during = GREETING.to_owned();
        Self { stream, buffer, start: 0, end: 0, owed, during, reply_octets: 0, notes }
    }

    fn over_tls(
        connector: &TlsConnector,
        host: &str,
        guard: Guard<'h>,
        owed: usize,
        notes: Notes,
    ) -> Result<Self, SessionError> {
        let stream = notes.checked(tls::secure(connector, host, guard))?;
        notes.event("TLS established");
        Ok(Self::over(Stream::Tls(Box::new(stream)), owed, notes))
    }

    /// A link over TLS from the start, that is owed the greeting.
    pub(super) fn secured(
        connector: &TlsConnector,
        host: &str,
        guard: Guard<'h>,
        notes: Notes,
    ) -> Result<Self, SessionError> {
        Self::over_tls(connector, host, guard, 1, notes)
    }

    /// Puts TLS on the link after `+OK` to STLS, with a new buffer: nothing that came in clear text lives on.
    pub(super) fn into_secured(self, connector: &TlsConnector, host: &str) -> Result<Self, SessionError> {
        if self.start != self.end {
            return self.notes.checked(Err(SessionError::StlsInjected));
        }
        let Stream::Plain(guard) = self.stream else {
            return Err(SessionError::Misuse("STLS within TLS"));
        };
        Self::over_tls(connector, host, guard, 0, self.notes)
    }

    /// The TLS on the link.
    pub(super) fn tls(&self) -> Option<&TlsStream<Guard<'h>>> {
        match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => Some(stream),
        }
    }

    /// Whether a command may be sent now.
    pub(super) fn is_idle(&self) -> bool {
        self.owed == 0
    }

    /// Sends a command whose reply is read next.
    pub(super) fn send(&mut self, command: &Command) -> Result<(), SessionError> {
        let line = command.encode()?;
        self.must_be_idle()?;
        self.during = command.shown();
        self.owed = 1;
        self.nothing_unasked()?;
        self.notes.command(command);
        self.write(&line)
    }

    /// Sends several commands, which hold no secret, without waiting for replies, also while earlier ones are owed
    /// theirs.
    pub(super) fn send_ahead(&mut self, commands: &[Command]) -> Result<(), SessionError> {
        let mut lines = Vec::new();
        for command in commands {
            lines.extend_from_slice(&command.encode()?);
        }
        let idle = self.is_idle();
        self.owed += commands.len();
        if let (true, Some(first)) = (idle, commands.first()) {
            self.during = first.shown();
            self.nothing_unasked()?;
        }
        for command in commands {
            self.notes.command(command);
        }
        self.write(&lines)
    }

    /// Sends a line within an exchange that is already under way (SASL).
    pub(super) fn send_within(&mut self, command: &Command) -> Result<(), SessionError> {
        self.nothing_unasked()?;
        self.notes.command(command);
        self.write(&command.encode()?)
    }

    pub(super) fn must_be_idle(&self) -> Result<(), SessionError> {
        if self.is_idle() { Ok(()) } else { Err(SessionError::Misuse("an earlier reply was not read to its end")) }
    }

    fn nothing_unasked(&self) -> Result<(), SessionError> {
        if self.start == self.end {
            return Ok(());
        }
        // A part of a line may be a part of a secret.
        let unread = self.unread();
        let whole = memchr::memrchr(b'\n', unread).map_or(&[][..], |end| &unread[..=end]);
        Err(self.protocol(&format!("the server sent {} octets unasked: {}", unread.len(), self.notes.shown(whole))))
    }

    fn write(&mut self, octets: &[u8]) -> Result<(), SessionError> {
        let guard = self.stream.guard();
        guard.start_waiting();
        guard.start_phase(limits::REPLY);
        let result = self.stream.write_all(octets).map_err(|error| SessionError::of_io(error, &self.during));
        self.stream.guard().end_phase();
        self.notes.checked(result)
    }

    /// Begins to read a reply; `during` names it in errors.
    pub(super) fn begin_reply(&mut self, during: String) {
        self.during = during;
        self.reply_octets = 0;
    }

    /// The current reply was read to its end and understood.
    pub(super) fn end_reply(&mut self) {
        self.owed = self.owed.saturating_sub(1);
        self.reply_octets = 0;
    }

    /// Reads a status line, within [`limits::REPLY`]. `-ERR` ends the reply.
    pub(super) fn status(&mut self) -> Result<Status, SessionError> {
        self.stream.guard().start_phase(limits::REPLY);
        let line = self.line();
        self.stream.guard().end_phase();
        let line = &self.buffer[line?];
        let mut status = Status::parse(line)
            .ok_or_else(|| self.protocol(&format!("no status line but {}", self.notes.shown(line))))?;
        self.notes.answer(&self.during, line, &status);
        if let Status::Err(refusal) = &mut status {
            if self.notes.repeats_secret(line) {
                WITHHELD.clone_into(&mut refusal.text);
            }
            self.end_reply();
        }
        // Of a body only its own octets are counted.
        self.reply_octets = 0;
        Ok(status)
    }

    /// Reads a status line that asks for nothing: the text after `+OK`, or what the server refused.
    pub(super) fn verdict(&mut self) -> Result<Result<Vec<u8>, Refusal>, SessionError> {
        match self.status()? {
            Status::Ok(text) => Ok(Ok(text)),
            Status::Err(refusal) => Ok(Err(refusal)),
            Status::Continue => Err(self.protocol("the server asks for a response to nothing")),
        }
    }

    /// Sends a command and reads its status line; the reply is owed still, except for `-ERR`.
    pub(super) fn ask(&mut self, command: &Command) -> Result<Result<Vec<u8>, Refusal>, SessionError> {
        self.send(command)?;
        self.begin_reply(command.shown());
        self.verdict()
    }

    /// The same, with `-ERR` as an error.
    pub(super) fn demand(&mut self, command: &Command) -> Result<Vec<u8>, SessionError> {
        self.ask(command)?.map_err(|Refusal { code, text }| SessionError::Refused {
            command: command.shown(),
            code,
            text,
        })
    }

    /// Reads the lines of a list up to its end mark, un-stuffed, and ends the reply. `each` tells what is wrong with a
    /// line.
    pub(super) fn list(
        &mut self,
        limit: usize,
        mut each: impl FnMut(&[u8]) -> Result<(), &'static str>,
    ) -> Result<(), SessionError> {
        for _ in 0..=limit {
            let line = self.line()?;
            let line = &self.buffer[line];
            self.notes.reply(line);
            if line == b"." {
                self.end_reply();
                return Ok(());
            }
            let line = line.strip_prefix(b".").unwrap_or(line);
            if let Err(what) = each(line) {
                return Err(self.protocol(&format!("{what}: {}", self.notes.shown(line))));
            }
        }
        self.notes.checked(Err(SessionError::ListTooLong { during: self.during.clone(), limit }))
    }

    /// Takes the next octets of a multi-line body and appends their content. The caller ends the reply.
    pub(super) fn body(&mut self, unstuff: &mut Unstuff, content: &mut Vec<u8>) -> Result<(), SessionError> {
        if self.start == self.end {
            self.fill()?;
        }
        let taken = unstuff.push(&self.buffer[self.start..self.end], content);
        self.take(taken);
        self.notes.body(self.reply_octets, unstuff.is_done());
        Ok(())
    }

    /// A protocol error in the current reply.
    pub(super) fn protocol(&self, what: &str) -> SessionError {
        let error = SessionError::Protocol { during: self.during.clone(), what: what.to_owned() };
        self.notes.error(&error);
        error
    }

    /// What is being waited for.
    pub(super) fn during(&self) -> &str {
        &self.during
    }

    /// Says goodbye to the TLS layer after QUIT (RFC 8314 §3.4); whether it arrives does not matter any more.
    pub(super) fn close(mut self) {
        if let Stream::Tls(stream) = &mut self.stream {
            stream.get_mut().start_phase(limits::WAKE);
            let _ = stream.shutdown();
        }
    }

    fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    fn take(&mut self, octets: usize) {
        self.start += octets;
        self.reply_octets += octets as u64;
    }

    /// Takes one line: where it lies in the buffer, without its CRLF, until more is read.
    fn line(&mut self) -> Result<Range<usize>, SessionError> {
        let mut searched = 0;
        let line_feed = loop {
            let unread = self.unread();
            if let Some(at) = memchr::memchr(b'\n', &unread[searched..]) {
                break searched + at;
            }
            searched = unread.len();
            if searched >= limits::LINE_OCTETS {
                break searched;
            }
            self.fill()?;
        };
        if line_feed >= limits::LINE_OCTETS {
            let (during, limit) = (self.during.clone(), limits::LINE_OCTETS);
            return self.notes.checked(Err(SessionError::LineTooLong { during, limit }));
        }
        let start = self.start;
        self.take(line_feed + 1);
        match self.buffer[start..start + line_feed].split_last() {
            Some((b'\r', _)) => Ok(start..start + line_feed - 1),
            _ => Err(self.protocol("a line ends in a bare LF")),
        }
    }

    /// Reads more into the buffer; the end of the stream is an error, since a reply is owed.
    fn fill(&mut self) -> Result<(), SessionError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        self.stream.guard().start_waiting();
        let source = match self.stream.read(&mut self.buffer[self.end..]) {
            Ok(0) => {
                let octets = self.reply_octets + self.end as u64;
                io::Error::new(io::ErrorKind::UnexpectedEof, format!("end of stream after {octets} octets"))
            }
            Ok(octets) => {
                self.end += octets;
                return Ok(());
            }
            Err(error) => error,
        };
        self.notes.checked(Err(SessionError::of_io(source, &self.during)))
    }
}
