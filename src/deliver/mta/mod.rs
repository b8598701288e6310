//! Delivery to a mail server: LMTP (RFC 2033) and SMTP (RFC 5321), one recipient a transaction.
//!
//! The server's commit and that of the journal cannot be made one: a message whose final dot was sent, and whose answer
//! did not come, is in doubt (RFC 1047), and so is each that a crash left promised. All else is known: 2xx is delivered,
//! 4xx is offered again by a later run, 5xx never, and without the final dot the server has nothing.
//!
//! One connection serves many messages. One that a server closed between two of them is replaced once; what goes wrong
//! within a message costs the connection, and a server that goes on so is offered nothing more in this run.

mod envelope;
mod error;
mod form;
mod link;
mod message;
mod reply;
mod session;
#[cfg(test)]
mod tests;

use std::time::Duration;

use envelope::Envelope;
pub use error::{MtaError, MtaFailure, Stage};
use message::Message;
use session::{NotTaken, Session};

use super::TargetError;
use super::parcel::{Deliver, Outcome, Parcel, Prepared, Promised, Settled};
use crate::header::Header;
use crate::host::{Host, Wire};
use crate::model::{MtaAddress, MtaTarget, Promise, Target, limits};

/// What a mail server speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// RFC 2033.
    Lmtp,
    /// RFC 5321.
    Smtp,
}

/// A mail server as a target. Dropping it says QUIT.
pub struct Mta<'h> {
    host: &'h dyn Host,
    protocol: Protocol,
    spec: MtaTarget,
    /// How errors name it.
    name: String,
    run_deadline: Duration,
    session: Option<Session<'h>>,
    /// Messages in a row that cost the connection.
    troubles: u32,
    /// Why nothing more is offered to it.
    given_up: Option<String>,
}

impl<'h> Mta<'h> {
    /// A server that is not connected to yet. `run_deadline` is on [`Host::elapsed`].
    #[must_use]
    pub fn new(host: &'h dyn Host, protocol: Protocol, spec: MtaTarget, run_deadline: Duration) -> Self {
        let target = match protocol {
            Protocol::Lmtp => Target::Lmtp(spec.clone()),
            Protocol::Smtp => Target::Smtp(spec.clone()),
        };
        let name = target.to_string();
        Self { host, protocol, spec, name, run_deadline, session: None, troubles: 0, given_up: None }
    }

    /// Whether the server is there and speaks the protocol; it is given no mail.
    pub fn greet(&mut self) -> Result<(), TargetError> {
        self.connect().map(drop).map_err(|failure| self.error(failure))
    }

    /// Connects and greets, unless a connection is there already.
    fn connect(&mut self) -> Result<&mut Session<'h>, MtaFailure> {
        if let Some(reason) = &self.given_up {
            return Err(MtaFailure::GivenUp { reason: reason.clone() });
        }
        let session = match self.session.take() {
            Some(session) if session.is_usable() && session.handed() < limits::MTA_CONNECTION_MESSAGES => session,
            used => {
                used.into_iter().for_each(Session::quit);
                match self.open() {
                    Ok(session) => session,
                    Err(failure) => return Err(self.give_up(failure)),
                }
            }
        };
        Ok(self.session.insert(session))
    }

    fn open(&self) -> Result<Session<'h>, MtaFailure> {
        let wire = self.wire()?;
        tracing::debug!(server = self.name, "connected");
        if !wire.is_loopback() {
            tracing::warn!(server = self.name, "mail goes over the network in clear text");
        }
        Session::open(self.host, wire, self.protocol, self.run_deadline)
    }

    fn wire(&self) -> Result<Box<dyn Wire>, MtaFailure> {
        let left = self.run_deadline.saturating_sub(self.host.elapsed());
        if left.is_zero() {
            return Err(MtaFailure::Deadline { stage: Stage::Greeting });
        }
        let timeout = limits::CONNECT.min(left);
        match &self.spec.address {
            MtaAddress::Tcp { host, port } => Ok(self.host.connect(host, *port, timeout)?),
            MtaAddress::Local(path) => {
                let failed = |source| MtaFailure::Socket { path: path.clone(), source };
                self.host.connect_local(path, timeout).map_err(failed)
            }
        }
    }

    fn give_up(&mut self, failure: MtaFailure) -> MtaFailure {
        self.given_up = Some(failure.to_string());
        failure
    }

    fn error(&self, failure: MtaFailure) -> TargetError {
        MtaError { server: self.name.clone(), failure }.into()
    }

    fn message<'p>(&self, parcel: &'p Parcel<'p>) -> Result<Message<'p>, TargetError> {
        let sender = match &self.spec.sender {
            Some(sender) => sender.clone(),
            None => return_path(parcel)?,
        };
        let envelope = Envelope::new(&sender, &self.spec.recipient).map_err(|failure| self.error(failure))?;
        Message::new(parcel, envelope)
    }

    fn deliver(&mut self, message: &Message<'_>) -> Outcome {
        let result = self.hand_over(message);
        self.count_troubles(&result);
        match result {
            Ok(()) => Outcome::Delivered,
            Err(NotTaken::Later(failure) | NotTaken::Unusable(failure)) => Outcome::Refused(self.error(failure)),
            Err(NotTaken::Never(failure)) => Outcome::Rejected(self.error(failure)),
            Err(NotTaken::InDoubt(failure)) => Outcome::InDoubt(self.error(failure)),
            Err(NotTaken::Unread(error)) => Outcome::Refused(error),
        }
    }

    fn hand_over(&mut self, message: &Message<'_>) -> Result<(), NotTaken> {
        let session = self.connect()?;
        let is_fresh = session.handed() == 0;
        match session.hand_over(message) {
            Err(NotTaken::Unusable(failure)) if !is_fresh && failure.is_farewell() => {
                tracing::debug!(%failure, "connecting again");
                self.connect()?.hand_over(message)
            }
            result => result,
        }
    }

    /// A server that refuses by its own state is asked no more. A lost connection may be the fault of the message, which
    /// must not hold up the others; twice in a row it is the server's.
    fn count_troubles(&mut self, result: &Result<(), NotTaken>) {
        let Err(NotTaken::Unusable(failure) | NotTaken::InDoubt(failure)) = result else {
            self.troubles = 0;
            return;
        };
        self.troubles += 1;
        if failure.is_of_whole_target() || self.troubles >= limits::MTA_TROUBLES {
            self.given_up.get_or_insert_with(|| failure.to_string());
        }
    }
}

/// The address in Return-Path; empty, for the null sender, where there is none.
fn return_path(parcel: &Parcel<'_>) -> Result<String, TargetError> {
    let unread = TargetError::io("read the held message", parcel.token.0.as_ref());
    let header = Header::read(&mut *parcel.open()?).map_err(unread)?;
    Ok(header.return_path().unwrap_or_default().to_owned())
}

impl Drop for Mta<'_> {
    fn drop(&mut self) {
        self.session.take().into_iter().for_each(Session::quit);
    }
}

impl Deliver for Mta<'_> {
    fn batch(&self) -> usize {
        1
    }

    fn prepare<'t>(&'t mut self, parcels: &'t [Parcel<'t>]) -> Result<Box<dyn Prepared + 't>, TargetError> {
        if let Err(failure) = self.connect() {
            return Err(self.error(failure));
        }
        let messages = parcels.iter().map(|parcel| self.message(parcel)).collect::<Result<_, _>>()?;
        Ok(Box::new(Handover { mta: self, messages }))
    }

    fn settle(&mut self, promised: &[Promised<'_>]) -> Result<Vec<Settled>, TargetError> {
        Ok(vec![Settled::InDoubt; promised.len()])
    }
}

/// Messages that wait for their promise.
struct Handover<'t, 'h> {
    mta: &'t mut Mta<'h>,
    messages: Vec<Message<'t>>,
}

impl Prepared for Handover<'_, '_> {
    fn promises(&self) -> Vec<Promise> {
        vec![Promise::HandedOver; self.messages.len()]
    }

    fn perform(self: Box<Self>) -> Vec<Outcome> {
        self.messages.iter().map(|message| self.mta.deliver(message)).collect()
    }
}
