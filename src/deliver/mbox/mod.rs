//! Delivery into an mbox, or into a compressed archive of mbox form.
//!
//! An append is not atomic, and other programs write to the file too. So the journal holds where a message is to begin,
//! how long it is there, and what it and the end of the file before it are recognised by; the file stays locked from before
//! that promise until the octets are durable. What a crash leaves is settled under the lock again ([`crate::recover`]).
//! The file always ends with an empty line before an append, so that nothing is glued to what lies before.

mod append;
mod archive;
mod codec;
mod error;
mod search;
mod settle;
#[cfg(test)]
mod tests;
mod witness;

use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use super::TargetError;
use super::folders::is_foreign;
use super::parcel::{Deliver, Parcel, Prepared, Promised, Settled};
use crate::header::Header;
use crate::host::{Host, SharedFile};
use crate::model::{Dialect, MboxTarget, limits};
use codec::{CHUNK_OCTETS, Encoded};

pub use error::MboxError;

/// An mbox that parcels are delivered into.
pub struct Mbox<'h> {
    host: &'h dyn Host,
    target: MboxTarget,
    /// Longest wait for other programs.
    patience: Duration,
}

impl<'h> Mbox<'h> {
    /// Delivers into `target`; waits at most `patience` for other programs that use it.
    pub fn new(host: &'h dyn Host, target: MboxTarget, patience: Duration) -> Self {
        Self { host, target, patience }
    }

    fn path(&self) -> &Path {
        &self.target.path
    }

    fn folder(&self) -> &Path {
        self.path().parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// Opens and locks the file. Its folder is never made: it may be one that is not mounted.
    fn open(&self, create: bool) -> Result<Box<dyn SharedFile>, TargetError> {
        self.check_folder()?;
        let file = self.host.open_shared(self.path(), self.target.locking, self.patience, create);
        Ok(file.map_err(MboxError::from)?)
    }

    fn check_folder(&self) -> Result<(), TargetError> {
        match self.host.stat(self.folder()).map_err(TargetError::io("look at", self.folder()))? {
            Some(_) => Ok(()),
            None => Err(MboxError::NoFolder(self.path().to_owned()).into()),
        }
    }

    /// Makes the file's name durable: it may have been made just now, or put in its place by another program.
    fn sync_folder(&self) -> Result<(), TargetError> {
        match self.host.sync_dir(self.folder()) {
            Err(error) if is_foreign(&error) => Ok(()),
            result => result.map_err(TargetError::io("sync", self.folder())),
        }
    }

    /// The parcels that are appended in one piece: each one, or all of a batch where they are compressed.
    fn pieces<'p>(&self, parcels: &'p [Parcel<'p>]) -> std::slice::Chunks<'p, Parcel<'p>> {
        let size = if self.target.compression.is_some() { parcels.len() } else { 1 };
        parcels.chunks(size.max(1))
    }

    /// Writes a piece as it lies in the file.
    fn write<'p>(
        &self,
        mut piece: impl Iterator<Item = &'p Parcel<'p>>,
        dialect: Dialect,
        out: &mut dyn Write,
    ) -> Result<(), TargetError> {
        let Some(compression) = self.target.compression else {
            return piece.try_for_each(|parcel| self.copy(parcel, dialect, out));
        };
        let failed = || TargetError::io("write", self.path());
        let mut compressor = archive::Compressor::new(compression, out).map_err(failed())?;
        piece.try_for_each(|parcel| self.copy(parcel, dialect, &mut compressor))?;
        compressor.finish().map_err(failed())
    }

    /// Writes one message as it stands in a file of this dialect.
    pub(in crate::deliver) fn copy(
        &self,
        parcel: &Parcel<'_>,
        dialect: Dialect,
        out: &mut dyn Write,
    ) -> Result<(), TargetError> {
        let mut encoded = self.encoded(parcel, dialect)?;
        let mut chunk = vec![0; CHUNK_OCTETS];
        loop {
            let read = encoded.read(&mut chunk).map_err(TargetError::io("read a held message for", self.path()))?;
            if read == 0 {
                return Ok(());
            }
            out.write_all(&chunk[..read]).map_err(TargetError::io("write", self.path()))?;
        }
    }

    /// Cuts off a message whose sync failed, where it lies at the end of the file, and tells whether nothing of it is left.
    /// What lies in an archive, or before the mail of other programs, stays.
    pub fn take_back(&self, promised: &Promised<'_>) -> Result<bool, TargetError> {
        settle::take_back(self, promised)
    }

    /// A message as it is written in the file.
    fn encoded(&self, parcel: &Parcel<'_>, dialect: Dialect) -> Result<Encoded, TargetError> {
        let unreadable = || TargetError::io("read a held message for", self.path());
        let header = Header::read(&mut *parcel.open()?).map_err(unreadable())?;
        let body = match dialect {
            Dialect::Mboxcl2 => codec::body_octets(&mut *parcel.open()?).map_err(unreadable())?,
            Dialect::Mboxrd | Dialect::Mboxo => 0,
        };
        Ok(Encoded::new(parcel.open()?, codec::separator(&header, parcel.fetched_at), dialect, body))
    }
}

impl Deliver for Mbox<'_> {
    fn batch(&self) -> usize {
        limits::BATCH_MESSAGES
    }

    fn prepare<'t>(&'t mut self, parcels: &'t [Parcel<'t>]) -> Result<Box<dyn Prepared + 't>, TargetError> {
        Ok(Box::new(append::Append::prepare(self, parcels)?))
    }

    fn settle(&mut self, promised: &[Promised<'_>]) -> Result<Vec<Settled>, TargetError> {
        settle::settle(self, promised)
    }
}
