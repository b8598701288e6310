//! Targets that are folders with a file a message: written under a temporary name, made durable, promised, renamed to
//! its place, made durable there.

use std::path::PathBuf;
use std::sync::Arc;

use super::TargetError;
use super::parcel::{Deliver, Outcome, Parcel, Prepared, Promised, Settled};
use super::staging::{Staged, Staging, digest};
use crate::host::Host;
use crate::model::{ContentId, DeliveryId, Octets, Promise, Timestamp, limits};
use crate::recover::{self, Found, Resolution};

/// A folder with a file a message.
pub trait FileStore {
    /// The machine it lies on.
    fn host(&self) -> &dyn Host;

    /// Where its messages are written first.
    fn staging(&self) -> &Staging<'_>;

    /// Where a delivered message lies.
    fn find(&self, delivery: &DeliveryId) -> Result<Option<PathBuf>, TargetError>;

    /// Removes a delivered message.
    fn remove(&self, delivery: &DeliveryId) -> Result<(), TargetError> {
        while let Some(path) = self.find(delivery)? {
            self.host().unlink(&path).map_err(TargetError::io("remove", &path))?;
        }
        Ok(())
    }

    /// Rewrites a delivered message into a new inode, durably, if it still holds `content`.
    ///
    /// After a failed sync the old inode proves nothing: the kernel calls its pages clean whatever the disk holds.
    fn rewrite(&self, delivery: &DeliveryId, content: &ContentId) -> Result<Rewritten, TargetError> {
        let host = self.host();
        let Some(path) = self.find(delivery)? else { return Ok(Rewritten::Missing) };
        let read = host.open(&path).and_then(|mut file| digest(&mut *file));
        if !read.is_ok_and(|found| found == *content) {
            return Ok(Rewritten::Corrupt);
        }
        let mut file = host.open(&path).map_err(TargetError::io("open", &path))?;
        let (staged, copied) = self.staging().copy_in(&mut *file)?;
        let temporary = staged.path().to_owned();
        if copied != *content {
            return Ok(Rewritten::Corrupt);
        }
        self.staging().sync(vec![staged])?;
        host.rename_over(&temporary, &path).map_err(TargetError::io("replace", &path))?;
        self.sync_placed(std::slice::from_ref(delivery))?;
        Ok(Rewritten::Durable)
    }

    /// Writes a parcel there.
    fn stage(&self, parcel: &Parcel<'_>) -> Result<(Staged, ContentId), TargetError> {
        self.staging().copy_in(&mut *parcel.open()?)
    }

    /// Makes the folders that these deliveries are renamed into, durably: a file whose folder does not outlive a power
    /// cut is in neither place.
    fn make_places(&self, _deliveries: &[DeliveryId]) -> Result<(), TargetError> {
        Ok(())
    }

    /// Renames a durable message to its place, after its INTENT is committed.
    fn place(&self, delivery: &DeliveryId, octets: Octets) -> Result<(), TargetError>;

    /// Makes the renames of these deliveries durable.
    fn sync_placed(&self, deliveries: &[DeliveryId]) -> Result<(), TargetError>;

    /// What lies under the names of a delivery; when `everywhere`, also where a reader may have moved it.
    fn probe(&self, delivery: &DeliveryId, everywhere: bool) -> Result<Found, TargetError>;
}

/// What became of a message that was to be rewritten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rewritten {
    /// It is durable in a new inode.
    Durable,
    /// What its file holds is not the message, or cannot be read.
    Corrupt,
    /// It lies nowhere.
    Missing,
}

/// The recovery table, [`recover::resolve`] or a weaker one of the simulation.
pub type Resolve = fn(Found, Timestamp, Timestamp) -> Resolution;

/// A promised delivery of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PromisedFile {
    /// The unique part of its name.
    pub delivery: DeliveryId,
    /// The octets of the file.
    pub octets: Octets,
    /// When it was promised.
    pub at: Timestamp,
}

/// Applies the recovery rules to promised files, and makes durable what they say is delivered.
pub fn settle(
    store: &dyn FileStore,
    promised: &[PromisedFile],
    resolve: Resolve,
    now: Timestamp,
) -> Result<Vec<Settled>, TargetError> {
    let mut settled = Vec::with_capacity(promised.len());
    let mut delivered = Vec::new();
    for PromisedFile { delivery, octets, at } in promised {
        let mut found = store.probe(delivery, false)?;
        if found.placed.is_none() && found.tmp.is_none() {
            found = store.probe(delivery, true)?;
        }
        match resolve(found, *at, now) {
            Resolution::RenameThenDelivered => {
                store.make_places(std::slice::from_ref(delivery))?;
                store.place(delivery, *octets)?;
            }
            Resolution::UnlinkThenDelivered => store.staging().discard(delivery)?,
            Resolution::SyncThenDelivered | Resolution::TakenAway => {}
            Resolution::Conflict => return Err(TargetError::Conflict(delivery.clone())),
            Resolution::FetchAgain => {
                settled.push(Settled::Lost);
                continue;
            }
        }
        settled.push(Settled::Delivered);
        delivered.push(delivery.clone());
    }
    if !delivered.is_empty() && store.sync_placed(&delivered).is_err() {
        let distrusted = |settled| if settled == Settled::Delivered { Settled::Untrusted } else { settled };
        return Ok(settled.into_iter().map(distrusted).collect());
    }
    Ok(settled)
}

/// A folder that parcels are delivered to out of the spool.
pub struct Files<'h, S> {
    host: &'h dyn Host,
    store: S,
}

impl<'h, S: FileStore> Files<'h, S> {
    /// Delivers into `store`.
    pub fn new(host: &'h dyn Host, store: S) -> Self {
        Self { host, store }
    }
}

impl<S: FileStore> Deliver for Files<'_, S> {
    fn batch(&self) -> usize {
        limits::BATCH_MESSAGES
    }

    fn prepare<'t>(&'t mut self, parcels: &'t [Parcel<'t>]) -> Result<Box<dyn Prepared + 't>, TargetError> {
        let staging = self.store.staging();
        let mut staged = Vec::new();
        let mut files = Vec::new();
        let mut stage = || -> Result<(), TargetError> {
            for parcel in parcels {
                let (message, content) = self.store.stage(parcel)?;
                files.push((message.delivery().clone(), message.inode(), content.octets));
                staged.push(message);
            }
            staging.sync(std::mem::take(&mut staged))?;
            self.store.make_places(&deliveries(&files))
        };
        if let Err(error) = stage() {
            // Before INTENT nothing is promised: the next attempt uses new files.
            for (delivery, ..) in &files {
                let _ = staging.discard(delivery);
            }
            return Err(error);
        }
        Ok(Box::new(Ready { store: &self.store, files }))
    }

    fn settle(&mut self, promised: &[Promised<'_>]) -> Result<Vec<Settled>, TargetError> {
        let files: Vec<PromisedFile> = promised.iter().filter_map(promised_file).collect();
        settle(&self.store, &files, recover::resolve, self.host.now())
    }
}

/// Messages that are durable in the staging folder.
struct Ready<'t> {
    store: &'t dyn FileStore,
    files: Vec<(DeliveryId, u64, Octets)>,
}

impl Prepared for Ready<'_> {
    fn promises(&self) -> Vec<Promise> {
        let promise = |(delivery, inode, _): &(DeliveryId, u64, Octets)| Promise::File {
            name: delivery.0.clone(),
            inode: *inode,
        };
        self.files.iter().map(promise).collect()
    }

    fn perform(self: Box<Self>) -> Vec<Outcome> {
        let placed: Vec<Result<(), TargetError>> =
            self.files.iter().map(|(delivery, _, octets)| self.store.place(delivery, *octets)).collect();
        let synced = self.store.sync_placed(&deliveries(&self.files)).map_err(Arc::new);
        let outcome = |placed| match (placed, &synced) {
            // It lies where it was staged: the next run settles it.
            (Err(error), _) => Outcome::InDoubt(error),
            (Ok(()), Ok(())) => Outcome::Delivered,
            (Ok(()), Err(error)) => Outcome::Untrusted(Arc::clone(error)),
        };
        placed.into_iter().map(outcome).collect()
    }
}

fn deliveries(files: &[(DeliveryId, u64, Octets)]) -> Vec<DeliveryId> {
    files.iter().map(|(delivery, ..)| delivery.clone()).collect()
}

fn promised_file(promised: &Promised<'_>) -> Option<PromisedFile> {
    let Promise::File { name, .. } = &promised.promise else { return None };
    Some(PromisedFile { delivery: DeliveryId(name.clone()), octets: promised.parcel.octets(), at: promised.at })
}
