//! Messages on their way from the spool to a target, and the steps that every target takes with them.
//!
//! The spool is the account's held Maildir: there a message lies whole and durable, recorded as HELD, until all its
//! targets have it. A delivery out of it is prepared, promised in the journal (INTENT), performed, and recorded; what a
//! crash left of it is settled by the next run without the server.

use std::io::{self, Read};
use std::sync::Arc;

use super::TargetError;
use crate::model::{ContentId, DeliveryId, Octets, Promise, Timestamp, Uid};

/// A message that lies durable in the spool.
#[derive(Clone)]
pub struct Parcel<'s> {
    /// Its name in the spool, the same in every attempt and for every target: the delivery token.
    pub token: DeliveryId,
    /// The unique-id it was fetched by.
    pub uid: Uid,
    /// What the spool holds, without `prefix`.
    pub content: ContentId,
    /// When it was fetched.
    pub fetched_at: Timestamp,
    /// Header lines that the delivery puts before the message, in stored form: empty, or ending in a line end.
    pub prefix: Vec<u8>,
    /// Where it lies.
    pub source: &'s dyn Source,
}

/// Where parcels lie.
pub trait Source {
    /// Opens the stored octets of a message; `None` when it is not there.
    fn open(&self, token: &DeliveryId) -> Result<Option<Box<dyn Read>>, TargetError>;
}

impl Parcel<'_> {
    /// What is to be delivered, in stored form: the prefix and the message.
    pub fn open(&self) -> Result<Box<dyn Read>, TargetError> {
        match self.source.open(&self.token)? {
            Some(message) => Ok(Box::new(io::Cursor::new(self.prefix.clone()).chain(message))),
            None => Err(TargetError::Unspooled(self.token.clone())),
        }
    }

    /// The octets that [`Parcel::open`] gives.
    #[must_use]
    pub fn octets(&self) -> Octets {
        Octets(self.content.octets.0.saturating_add(self.prefix.len() as u64))
    }
}

/// A target that takes parcels.
pub trait Deliver {
    /// Most parcels that are promised together. One, where after a crash only the other side knows what it took.
    fn batch(&self) -> usize;

    /// Makes a delivery ready, and says what the journal must hold before it is performed.
    ///
    /// After an error nothing of it was delivered, and all of it stays in the spool.
    fn prepare<'t>(&'t mut self, parcels: &'t [Parcel<'t>]) -> Result<Box<dyn Prepared + 't>, TargetError>;

    /// Says what became of deliveries that were promised by an earlier run, and completes them where it can.
    ///
    /// In the order of `promised`. Nothing is prepared before this was called for all that is promised.
    fn settle(&mut self, promised: &[Promised<'_>]) -> Result<Vec<Settled>, TargetError>;
}

/// A delivery that is ready; the journal holds its promises before [`Prepared::perform`].
pub trait Prepared {
    /// What is promised for each parcel, in their order.
    fn promises(&self) -> Vec<Promise>;

    /// Delivers, durably where the target is on a disk. Gives what became of each parcel, in their order.
    fn perform(self: Box<Self>) -> Vec<Outcome>;
}

/// A delivery that an earlier run promised and did not record.
#[derive(Clone)]
pub struct Promised<'s> {
    /// The message; it lies in the spool.
    pub parcel: Parcel<'s>,
    /// What was promised.
    pub promise: Promise,
    /// When.
    pub at: Timestamp,
}

/// What became of a parcel.
#[derive(Debug)]
pub enum Outcome {
    /// The target has it.
    Delivered,
    /// The target does not take it now, and has nothing of it: it is offered again by the next run.
    Refused(TargetError),
    /// The target will never take it: it goes to the quarantine.
    Rejected(TargetError),
    /// A sync failed after it was made visible: what the disk holds of it is not known.
    Untrusted(Arc<TargetError>),
    /// It was promised, and whether the target has it is not known: the next run settles it.
    InDoubt(TargetError),
}

/// What became of a promised delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    /// The target has it.
    Delivered,
    /// The target has nothing of it: it is delivered again.
    NotDelivered,
    /// It cannot be found, though the target may have had it: it is delivered again, and the user is told.
    Lost,
    /// Only the other side knows.
    InDoubt,
    /// A sync failed: what the disk holds of it is not known.
    Untrusted,
}
