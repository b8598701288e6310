//! The conversation with a mail server: greeted once, then one transaction a message.
//!
//! ```text
//! 220  LHLO 250  ┌─ MAIL 250  RCPT 250  DATA 354 ─┐  content …  ┌─ . ─ 250 ─┐  (RSET 250)  next message …  QUIT
//!                └─ together, with PIPELINING ────┘             └─ in doubt ┘
//! ```
//!
//! Only from the first octet of the final dot to the answer is a message in doubt; whatever fails before, the server has
//! nothing of it (RFC 5321 §4.1.1.4, RFC 1047).

use std::time::Duration;

use super::Protocol;
use super::envelope::hello_name;
use super::error::{MtaFailure, Stage};
use super::form::{Encoder, Facts};
use super::link::Link;
use super::message::{Content, Message};
use super::reply::{Extensions, Reply};
use crate::deliver::TargetError;
use crate::host::{Guard, Host, Timing, Wire};

/// Why a message is not known to be taken.
#[derive(Debug)]
pub(super) enum NotTaken {
    /// The server does not take it now.
    Later(MtaFailure),
    /// The server will never take it.
    Never(MtaFailure),
    /// The server has nothing of it, and the connection is of no use any more.
    Unusable(MtaFailure),
    /// The server got all of it, and its answer did not come. The connection is of no use any more.
    InDoubt(MtaFailure),
    /// It could not be read out of the spool. The connection is of no use any more.
    Unread(TargetError),
}

/// Before the final dot a failure means that the server has nothing.
impl From<MtaFailure> for NotTaken {
    fn from(failure: MtaFailure) -> Self {
        Self::Unusable(failure)
    }
}

/// A connection to a server that has greeted.
pub(super) struct Session<'h> {
    link: Link<'h>,
    protocol: Protocol,
    offered: Extensions,
    /// Whether a transaction may be open.
    needs_reset: bool,
    /// How many messages were handed to it, with whatever success.
    handed: u32,
}

impl<'h> Session<'h> {
    /// Waits for the greeting and answers it.
    pub(super) fn open(
        host: &'h dyn Host,
        wire: Box<dyn Wire>,
        protocol: Protocol,
        run_deadline: Duration,
    ) -> Result<Self, MtaFailure> {
        // Each step has a bound of its own, silence or not.
        let timing = Timing { silence: Duration::MAX, run_deadline };
        let guard = Guard::new(host, wire, timing).map_err(|error| MtaFailure::of_io(error, Stage::Greeting))?;
        let (link, offered) = (Link::new(guard), Extensions::default());
        let mut session = Self { link, protocol, offered, needs_reset: false, handed: 0 };
        let greeting = session.link.reply(Stage::Greeting)?;
        session.must_be_positive(Stage::Greeting, &greeting)?;
        session.hello(&host.name())?;
        Ok(session)
    }

    fn hello(&mut self, host_name: &str) -> Result<(), MtaFailure> {
        let name = hello_name(host_name);
        let verb = match self.protocol {
            Protocol::Lmtp => "LHLO",
            Protocol::Smtp => "EHLO",
        };
        let mut stage = Stage::Hello(verb);
        let mut reply = self.ask(stage, &format!("{verb} {name}\r\n"))?;
        if self.protocol == Protocol::Smtp && reply.code / 100 == 5 {
            // A server from before extensions (RFC 5321 §3.2).
            stage = Stage::Hello("HELO");
            reply = self.ask(stage, &format!("HELO {name}\r\n"))?;
        } else {
            self.offered = Extensions::of(&reply);
        }
        self.must_be_positive(stage, &reply)
    }

    pub(super) fn is_usable(&self) -> bool {
        self.link.is_usable()
    }

    pub(super) fn handed(&self) -> u32 {
        self.handed
    }

    /// Says goodbye, where the connection is still good for it.
    pub(super) fn quit(mut self) {
        if self.is_usable() {
            // Whatever the answer, nothing depends on it.
            let _ = self.ask(Stage::Quit, "QUIT\r\n");
        }
    }

    /// Hands one message over.
    pub(super) fn hand_over(&mut self, message: &Message<'_>) -> Result<(), NotTaken> {
        self.handed += 1;
        let result = self.transaction(message);
        if let Err(NotTaken::Unusable(_) | NotTaken::InDoubt(_) | NotTaken::Unread(_)) = result {
            self.link.abandon();
        }
        result
    }

    fn transaction(&mut self, message: &Message<'_>) -> Result<(), NotTaken> {
        if message.envelope.needs_utf8() && !self.offered.utf8 {
            return Err(NotTaken::Later(MtaFailure::NoUtf8Addresses));
        }
        let content = Content::open(message.parcel).map_err(NotTaken::Unread)?;
        if self.needs_reset {
            let reply = self.ask(Stage::Reset, "RSET\r\n")?;
            self.must_be_positive(Stage::Reset, &reply)?;
        }
        self.needs_reset = true;
        self.begin(message)?;
        self.send_content(content, message.facts)?;
        self.end()?;
        self.needs_reset = false;
        Ok(())
    }

    /// MAIL, RCPT and DATA: all at once where the server allows it (RFC 2920 §3.1).
    fn begin(&mut self, message: &Message<'_>) -> Result<(), NotTaken> {
        let (mail, rcpt) = (message.envelope.mail(message.facts, self.offered), message.envelope.rcpt());
        let commands = [(Stage::Mail, mail), (Stage::Rcpt, rcpt), (Stage::Data, "DATA\r\n".to_owned())];
        let pipelines = self.offered.pipelining;
        if pipelines {
            self.say(Stage::Mail, &commands.each_ref().map(|(_, line)| line.as_str()).concat())?;
        }
        let mut refusal = None;
        for (stage, line) in commands {
            if !pipelines {
                self.say(stage, &line)?;
            }
            let reply = self.link.reply(stage)?;
            if refusal.is_some() {
                self.follow_refusal(stage, &reply);
                continue;
            }
            match judge(stage, &reply) {
                Ok(()) => {}
                Err(unusable @ NotTaken::Unusable(_)) => return Err(unusable),
                Err(refused) if pipelines => refusal = Some(refused),
                Err(refused) => return Err(refused),
            }
        }
        refusal.map_or(Ok(()), Err)
    }

    /// Reads the answers to what was sent behind a refused command.
    fn follow_refusal(&mut self, stage: Stage, reply: &Reply) {
        match (stage, reply.code) {
            (_, 421) | (Stage::Data, 200..=299) => self.link.abandon(),
            // It waits for a message without a recipient: it gets an empty one (RFC 2920 §3.1). How many answers LMTP
            // has for no recipients is told nowhere, so there the connection ends with it.
            (Stage::Data, 300..=399) => {
                let ended = self.link.send(Stage::End, b".\r\n");
                if self.protocol == Protocol::Lmtp || ended.and_then(|()| self.link.reply(Stage::End)).is_err() {
                    self.link.abandon();
                }
            }
            _ => {}
        }
    }

    /// Sends the message, all but the final dot.
    fn send_content(&mut self, mut content: Content<'_>, facts: Facts) -> Result<(), NotTaken> {
        let (mut encoder, mut wire) = (Encoder::new(), Vec::new());
        while content.encode(&mut encoder, &mut wire).map_err(NotTaken::Unread)? {
            self.send_block(&wire)?;
            wire.clear();
        }
        if encoder.finish(&mut wire) != facts {
            return Err(NotTaken::Unread(content.is_not_as_stored()));
        }
        self.send_block(&wire)
    }

    fn send_block(&mut self, wire: &[u8]) -> Result<(), NotTaken> {
        self.nothing_early()?;
        if let Err(failure) = self.link.send(Stage::Content, wire) {
            // A server that closes within a message may have said why.
            if matches!(failure, MtaFailure::Closed { .. })
                && let Err(told @ (NotTaken::Later(_) | NotTaken::Never(_))) = self.nothing_early()
            {
                return Err(told);
            }
            return Err(failure.into());
        }
        Ok(())
    }

    /// What the server says before the end of a message is no answer to it. A refusal may be believed all the same; who
    /// takes a message that is not complete knows alone what it took.
    fn nothing_early(&mut self) -> Result<(), NotTaken> {
        let Some(said) = self.link.interjection(Stage::Content) else { return Ok(()) };
        let reply = said?;
        self.link.abandon();
        if reply.code >= 400 {
            return Err(refused(Stage::Content, &reply));
        }
        let what = format!("the server answered before its end: {} {}", reply.code, reply.shown());
        Err(NotTaken::InDoubt(MtaFailure::Protocol { stage: Stage::Content, what }))
    }

    /// Sends the final dot and reads the answer: LMTP has one for each recipient, and there is one recipient.
    fn end(&mut self) -> Result<(), NotTaken> {
        self.nothing_early()?;
        match self.link.send_counted(Stage::End, b".\r\n") {
            (_, Ok(())) => {}
            (0, Err(failure)) => return Err(NotTaken::Unusable(failure)),
            (_, Err(failure)) => return Err(NotTaken::InDoubt(failure)),
        }
        self.link.hold_out();
        let reply = self.link.reply(Stage::End).map_err(NotTaken::InDoubt)?;
        match judge(Stage::End, &reply) {
            Err(NotTaken::Unusable(failure @ MtaFailure::Protocol { .. })) => Err(NotTaken::InDoubt(failure)),
            verdict => verdict,
        }
    }

    fn ask(&mut self, stage: Stage, line: &str) -> Result<Reply, MtaFailure> {
        self.say(stage, line)?;
        self.link.reply(stage)
    }

    /// Sends one or several commands, after a look that the server has nothing to say first.
    fn say(&mut self, stage: Stage, lines: &str) -> Result<(), MtaFailure> {
        match self.link.interjection(stage) {
            None => {}
            Some(Ok(reply)) if reply.code == 421 => return Err(refusal(stage, &reply)),
            Some(Ok(reply)) => {
                let what = format!("the server said unasked: {} {}", reply.code, reply.shown());
                return Err(self.link.protocol_error(stage, what));
            }
            Some(Err(failure)) => return Err(failure),
        }
        tracing::debug!(lines = lines.trim_end(), "command");
        self.link.send(stage, lines.as_bytes())
    }

    fn must_be_positive(&mut self, stage: Stage, reply: &Reply) -> Result<(), MtaFailure> {
        match reply.code {
            200..=299 => Ok(()),
            400.. => Err(refusal(stage, reply)),
            _ => Err(self.link.protocol_error(stage, unexpected(reply))),
        }
    }
}

/// Whether an answer lets the message go on.
fn judge(stage: Stage, reply: &Reply) -> Result<(), NotTaken> {
    match (stage, reply.code) {
        (Stage::Data, 300..=399) => Ok(()),
        (Stage::Data, 200..=299) | (_, 300..=399) => {
            Err(NotTaken::Unusable(MtaFailure::Protocol { stage, what: unexpected(reply) }))
        }
        (_, 200..=299) => Ok(()),
        _ => Err(refused(stage, reply)),
    }
}

/// What an answer of 400 or more means for the message.
fn refused(stage: Stage, reply: &Reply) -> NotTaken {
    let failure = refusal(stage, reply);
    // To RCPT 552 means 452 (RFC 5321 §4.5.3.1.10).
    let is_passing = reply.code < 500 || (stage == Stage::Rcpt && reply.code == 552);
    if reply.code == 421 || failure.is_of_whole_target() {
        NotTaken::Unusable(failure)
    } else if is_passing {
        NotTaken::Later(failure)
    } else {
        NotTaken::Never(failure)
    }
}

fn refusal(stage: Stage, reply: &Reply) -> MtaFailure {
    MtaFailure::Refused { stage, code: reply.code, text: reply.shown() }
}

fn unexpected(reply: &Reply) -> String {
    format!("an unexpected answer: {} {}", reply.code, reply.shown())
}
