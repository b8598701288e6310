//! Messages: TOP, RETR and DELE.

use std::io;

use super::command::Command;
use super::error::{RetrError, SessionError};
use super::multiline::Unstuff;
use super::proof::{Matched, SightedContent, Sighting};
use super::reply::Refusal;
use super::session::{Session, Transaction};
use crate::content::Canonical;
use crate::model::{ContentId, MessageNumber, Octets, RowId, limits};

/// The answer to one TOP.
#[derive(Debug)]
pub enum TopReply {
    /// The header block was seen: the proof of it, and its stored form, at most [`limits::HEADER_OCTETS`] of it.
    Seen(Sighting, Vec<u8>),
    /// The server said `-ERR`, or sent more than [`limits::TOP_OCTETS`].
    Refused(String),
}

/// The answer to one DELE.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DeleOutcome {
    /// Marked: QUIT makes the server delete it.
    Marked,
    /// The server said `-ERR`.
    Refused(String),
}

/// A message that was received whole.
#[derive(Debug)]
pub struct Retrieved {
    /// Octets as LIST counts them: un-stuffed, a line end counting two (RFC 1939 §11).
    pub wire: Octets,
    /// The digests of its stored form.
    pub content: ContentId,
    /// The proof that this message of this session has that content.
    pub sighting: Sighting,
}

/// A multi-line body that is being read.
#[derive(Debug)]
pub(super) struct Unfinished {
    unstuff: Unstuff,
    /// Un-stuffed octets so far.
    octets: u64,
    cap: Octets,
}

impl Unfinished {
    fn new(cap: Octets) -> Self {
        Self { unstuff: Unstuff::new(), octets: 0, cap }
    }

    fn is_done(&self) -> bool {
        self.unstuff.is_done()
    }
}

impl Session<'_, Transaction> {
    /// Asks for the header blocks of `numbers` with `TOP n 0` and gives each answer to `each`, in order.
    ///
    /// Sent ahead by up to [`limits::PIPELINE_COMMANDS`] where PIPELINING is announced (RFC 2449 §6.6).
    pub fn top_headers(
        &mut self,
        numbers: &[MessageNumber],
        each: &mut dyn FnMut(MessageNumber, TopReply),
    ) -> Result<(), SessionError> {
        let command = |number: &MessageNumber| Command::Top { number: *number, lines: 0 };
        self.in_window(numbers, command, |session, number| {
            let reply = session.top_reply(*number)?;
            each(*number, reply);
            Ok(())
        })
    }

    fn top_reply(&mut self, number: MessageNumber) -> Result<TopReply, SessionError> {
        if let Err(refusal) = self.link.verdict()? {
            return Ok(TopReply::Refused(refusal.text));
        }
        // More than a header block is no reason to lose the session: it is read to its end, but tells nothing.
        let mut body = Unfinished::new(Octets(limits::BODY_OCTETS));
        let mut canonical = Canonical::new();
        let (mut content, mut stored, mut header) = (Vec::new(), Vec::new(), Vec::new());
        let most = usize::try_from(limits::HEADER_OCTETS).unwrap_or(usize::MAX);
        while !body.is_done() {
            content.clear();
            self.read_on(&mut body, &mut content)?;
            if body.octets <= limits::TOP_OCTETS {
                stored.clear();
                canonical.push(&content, &mut stored);
                header.extend_from_slice(&stored[..stored.len().min(most - header.len())]);
            }
        }
        if body.octets > limits::TOP_OCTETS {
            return Ok(TopReply::Refused(format!("TOP sent {}", Octets(body.octets))));
        }
        let fingerprint = canonical.finish(&mut stored).header;
        let sighting = Sighting::new(self.state.tag, number, SightedContent::Header(fingerprint));
        Ok(TopReply::Seen(sighting, header))
    }

    /// Retrieves a message, and hands its stored form (LF line ends) to `sink` piece by piece.
    ///
    /// What `sink` got is the message only when this returns `Ok`: the end mark was seen then. From `+OK` on the
    /// message stands in the way of QUIT until [`Session::settle`] (I4). `cap` bounds the un-stuffed octets.
    /// Only after [`Session::listing`] (I1).
    pub fn retr(
        &mut self,
        number: MessageNumber,
        cap: Octets,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<Retrieved, RetrError> {
        if !self.state.listed {
            return Err(SessionError::Misuse("RETR before a listing").into());
        }
        if let Err(Refusal { code, text }) = self.link.ask(&Command::Retr(number))? {
            return Err(RetrError::Refused { code, text });
        }
        self.state.unsettled.insert(number);
        let mut body = Unfinished::new(cap);
        let mut canonical = Canonical::new();
        let mut wire = Octets(0);
        let (mut content, mut stored) = (Vec::new(), Vec::new());
        while !body.is_done() {
            content.clear();
            stored.clear();
            self.read_on(&mut body, &mut content)?;
            wire.0 += content.len() as u64;
            canonical.push(&content, &mut stored);
            if !stored.is_empty()
                && let Err(error) = sink(&stored)
            {
                self.state.unfinished = (!body.is_done()).then_some(body);
                return Err(RetrError::Sink(error));
            }
        }
        stored.clear();
        let content = canonical.finish(&mut stored);
        if !stored.is_empty() {
            sink(&stored).map_err(RetrError::Sink)?;
        }
        let sighting = Sighting::new(self.state.tag, number, SightedContent::Whole(content));
        Ok(Retrieved { wire, content, sighting })
    }

    /// Reads the rest of a body that a sink refused, so that the session takes commands again; nothing where there is
    /// none. The message stays unsettled (I4).
    pub fn drain_body(&mut self) -> Result<(), SessionError> {
        let Some(mut body) = self.state.unfinished.take() else {
            return Ok(());
        };
        let mut content = Vec::new();
        while !body.is_done() {
            content.clear();
            self.read_on(&mut body, &mut content)?;
        }
        Ok(())
    }

    /// Marks messages as deleted, by proof that each is the delivered one (I3); the rows come back in the same order.
    ///
    /// Sent ahead by up to [`limits::PIPELINE_COMMANDS`] where PIPELINING is announced. A proof of another session is
    /// refused before anything is sent.
    #[expect(clippy::needless_pass_by_value, reason = "a proof serves once")]
    pub fn dele(&mut self, matched: Vec<Matched>) -> Result<Vec<(RowId, DeleOutcome)>, SessionError> {
        if !matched.iter().all(|proof| proof.is_of(self.state.tag)) {
            return Err(SessionError::Misuse("DELE by the proof of another session"));
        }
        let mut outcomes = Vec::with_capacity(matched.len());
        let command = |proof: &Matched| Command::Dele(proof.number());
        self.in_window(&matched, command, |session, proof| {
            let outcome = match session.link.verdict()? {
                Ok(_) => {
                    session.link.end_reply();
                    DeleOutcome::Marked
                }
                Err(refusal) => DeleOutcome::Refused(refusal.text),
            };
            outcomes.push((proof.row(), outcome));
            Ok(())
        })?;
        Ok(outcomes)
    }

    fn read_on(&mut self, body: &mut Unfinished, content: &mut Vec<u8>) -> Result<(), SessionError> {
        self.link.body(&mut body.unstuff, content)?;
        body.octets += content.len() as u64;
        if body.octets > body.cap.0 {
            let error = SessionError::BodyTooLong { during: self.link.during().to_owned(), cap: body.cap };
            return self.link.notes.checked(Err(error));
        }
        if body.is_done() {
            self.link.end_reply();
        }
        Ok(())
    }

    /// Sends a command for each item, ahead where the server allows it, and reads the replies in order.
    ///
    /// The window is filled anew when half of it is answered, so that the server never waits for the client.
    pub(super) fn in_window<T>(
        &mut self,
        items: &[T],
        command: impl Fn(&T) -> Command,
        mut reply: impl FnMut(&mut Self, &T) -> Result<(), SessionError>,
    ) -> Result<(), SessionError> {
        self.link.must_be_idle()?;
        let window = if self.capabilities.pipelining { limits::PIPELINE_COMMANDS } else { 1 };
        let mut sent = 0;
        for (answered, item) in items.iter().enumerate() {
            if sent - answered <= window / 2 {
                let until = items.len().min(answered + window);
                let commands: Vec<Command> = items[sent..until].iter().map(&command).collect();
                self.link.send_ahead(&commands)?;
                sent = until;
            }
            self.link.begin_reply(command(item).shown());
            reply(self, item)?;
        }
        Ok(())
    }
}
