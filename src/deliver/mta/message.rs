//! A message on its way out of the spool.

use std::io::{self, Read};
use std::path::PathBuf;

use super::envelope::Envelope;
use super::form::{Encoder, Facts};
use crate::deliver::TargetError;
use crate::deliver::parcel::Parcel;

/// Octets of a message read, and sent, at once.
const BLOCK_OCTETS: usize = 64 * 1024;

/// A message with all that the server is told of it.
pub(super) struct Message<'p> {
    pub(super) parcel: &'p Parcel<'p>,
    pub(super) envelope: Envelope,
    pub(super) facts: Facts,
}

impl<'p> Message<'p> {
    /// Reads through a message for what the server is to be told in advance.
    pub(super) fn new(parcel: &'p Parcel<'p>, envelope: Envelope) -> Result<Self, TargetError> {
        let (mut encoder, mut wire) = (Encoder::new(), Vec::new());
        let mut content = Content::open(parcel)?;
        while content.encode(&mut encoder, &mut wire)? {
            wire.clear();
        }
        Ok(Self { parcel, envelope, facts: encoder.finish(&mut wire) })
    }
}

/// The stored octets of a message as they are read. Fewer or more than were stored are an error before their end is
/// told.
pub(super) struct Content<'p> {
    parcel: &'p Parcel<'p>,
    reader: Box<dyn Read>,
    buffer: Vec<u8>,
    octets: u64,
}

impl<'p> Content<'p> {
    pub(super) fn open(parcel: &'p Parcel<'p>) -> Result<Self, TargetError> {
        Ok(Self { parcel, reader: parcel.open()?, buffer: vec![0; BLOCK_OCTETS], octets: 0 })
    }

    /// Appends the next block in the form of the wire; false at the end.
    pub(super) fn encode(&mut self, encoder: &mut Encoder, wire: &mut Vec<u8>) -> Result<bool, TargetError> {
        let count = loop {
            match self.reader.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result.map_err(|error| self.failed(error))?,
            }
        };
        self.octets += count as u64;
        let stored = self.parcel.octets().0;
        if self.octets > stored || (count == 0 && self.octets < stored) {
            return Err(self.is_not_as_stored());
        }
        encoder.push(&self.buffer[..count], wire);
        Ok(count > 0)
    }

    /// The error of a message that is not what was stored.
    pub(super) fn is_not_as_stored(&self) -> TargetError {
        self.failed(io::Error::new(io::ErrorKind::InvalidData, "it is not as it was stored"))
    }

    fn failed(&self, source: io::Error) -> TargetError {
        TargetError::Io { doing: "read the held message", path: PathBuf::from(&self.parcel.token.0), source }
    }
}
