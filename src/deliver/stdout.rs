//! Delivery to standard output, as an mbox.
//!
//! A regular file there is an mbox like any other. What was written to anything else cannot be taken back, and counts as
//! delivered: nobody answers.

use std::io::{self, Write};
use std::sync::Arc;

use super::TargetError;
use super::mbox::Mbox;
use super::parcel::{Deliver, Outcome, Parcel, Prepared, Promised, Settled};
use super::trace::token_line;
use crate::host::{Host, Output};
use crate::model::{Dialect, Locking, MboxTarget, Promise, limits};

/// What standard output is called in errors.
const NAME: &str = "standard output";

/// Why a message did not get to standard output.
#[derive(Debug, thiserror::Error)]
pub enum StdoutError {
    /// Nothing of it was written.
    #[error("nothing was written to standard output")]
    Unwritten(#[source] Arc<TargetError>),
    /// A part of it was written.
    #[error("standard output ends within a message")]
    Torn(#[source] Arc<TargetError>),
}

impl StdoutError {
    /// Whether it is not about one message: then standard output takes no other one now either.
    pub(super) fn is_of_whole_target(&self) -> bool {
        !matches!(self, Self::Unwritten(source) if matches!(**source, TargetError::Unspooled(_)))
    }
}

/// Standard output as a target.
pub struct Stdout<'h> {
    host: &'h dyn Host,
    dialect: Dialect,
    /// The file that it is, or the form of what is written to a stream.
    mbox: Mbox<'h>,
    is_file: bool,
}

impl<'h> Stdout<'h> {
    /// What standard output is now.
    #[must_use]
    pub fn new(host: &'h dyn Host, dialect: Dialect) -> Self {
        let path = host.output().path();
        let is_file = path.is_some();
        let target = MboxTarget {
            path: path.unwrap_or_else(|| NAME.into()),
            dialect,
            locking: Locking::default(),
            compression: None,
        };
        Self { host, dialect, mbox: Mbox::new(host, target, limits::MBOX_LOCK), is_file }
    }

    /// Writes one message to a stream, with its token: its reader can tell a repeat by it.
    fn write(&self, output: &mut dyn Output, parcel: &Parcel<'_>) -> Outcome {
        let mut parcel = parcel.clone();
        parcel.prefix.extend_from_slice(token_line(&parcel.token).as_bytes());
        let mut stream = Stream { output, written: 0 };
        match self.mbox.copy(&parcel, self.dialect, &mut stream) {
            Ok(()) => Outcome::Delivered,
            Err(error) if stream.written == 0 => Outcome::Refused(StdoutError::Unwritten(Arc::new(error)).into()),
            Err(error) => {
                stream.output.give_up();
                Outcome::InDoubt(StdoutError::Torn(Arc::new(error)).into())
            }
        }
    }
}

impl Deliver for Stdout<'_> {
    /// Of a stream only its reader knows what it took.
    fn batch(&self) -> usize {
        if self.is_file { self.mbox.batch() } else { 1 }
    }

    fn prepare<'t>(&'t mut self, parcels: &'t [Parcel<'t>]) -> Result<Box<dyn Prepared + 't>, TargetError> {
        if self.is_file {
            return self.mbox.prepare(parcels);
        }
        Ok(Box::new(IntoStream { stdout: self, parcels }))
    }

    fn settle(&mut self, promised: &[Promised<'_>]) -> Result<Vec<Settled>, TargetError> {
        if !self.is_file {
            return Ok(vec![Settled::InDoubt; promised.len()]);
        }
        let mut settled = self.mbox.settle(promised)?;
        for (settled, promised) in settled.iter_mut().zip(promised) {
            // It was written when standard output was something else.
            if promised.promise == Promise::HandedOver {
                *settled = Settled::InDoubt;
            }
        }
        Ok(settled)
    }
}

/// Messages for a pipe, a socket or a device.
struct IntoStream<'t> {
    stdout: &'t Stdout<'t>,
    parcels: &'t [Parcel<'t>],
}

impl Prepared for IntoStream<'_> {
    fn promises(&self) -> Vec<Promise> {
        vec![Promise::HandedOver; self.parcels.len()]
    }

    fn perform(self: Box<Self>) -> Vec<Outcome> {
        let mut output = self.stdout.host.output();
        self.parcels.iter().map(|parcel| self.stdout.write(&mut *output, parcel)).collect()
    }
}

/// Counts what was written.
struct Stream<'o> {
    output: &'o mut dyn Output,
    written: u64,
}

impl Write for Stream<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let count = self.output.write(octets)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
