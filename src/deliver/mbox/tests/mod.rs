//! The codec by itself, then appends and their recovery on real files.

mod append;
mod archive;
mod codec;
mod recovery;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::super::parcel::{Deliver, Outcome, Parcel, Promised, Settled, Source};
use super::{Mbox, TargetError};
use crate::content::Digester;
use crate::host::RealHost;
use crate::model::{Compression, DeliveryId, Dialect, Locking, MboxTarget, Promise, Timestamp, Uid};

/// 2026-11-22 09:00:00 UTC, a Sunday.
pub(super) const FETCHED: Timestamp = Timestamp(1_795_338_000);

/// A spool in memory.
#[derive(Default)]
pub(super) struct Spool(BTreeMap<String, Vec<u8>>);

impl Source for Spool {
    fn open(&self, token: &DeliveryId) -> Result<Option<Box<dyn Read>>, TargetError> {
        let found = self.0.get(&token.0).cloned();
        Ok(found.map(|message| Box::new(io::Cursor::new(message)) as Box<dyn Read>))
    }
}

/// An mbox in a folder of its own, and messages that wait for it.
pub(super) struct Bench {
    folder: tempfile::TempDir,
    host: RealHost,
    spool: Spool,
    target: MboxTarget,
}

impl Bench {
    pub(super) fn new(messages: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = MboxTarget {
            path: folder.path().join("mbox"),
            dialect: Dialect::Mboxrd,
            locking: Locking::FcntlAndDotlock,
            compression: None,
        };
        let spool = messages.iter().enumerate().map(|(at, message)| (at.to_string(), message.as_bytes().to_vec()));
        let host = RealHost::new(Arc::new(AtomicBool::new(false)));
        Self { folder, host, spool: Spool(spool.collect()), target }
    }

    pub(super) fn archive(messages: &[&str], compression: Compression) -> Self {
        let mut bench = Self::new(messages);
        bench.target.compression = Some(compression);
        bench
    }

    pub(super) fn parcels(&self) -> Vec<Parcel<'_>> {
        let parcel = |(token, message): (&String, &Vec<u8>)| {
            let mut digester = Digester::new();
            digester.push(message);
            Parcel {
                token: DeliveryId(token.clone()),
                uid: Uid::new(token.as_bytes()).unwrap(),
                content: digester.finish(),
                fetched_at: FETCHED,
                prefix: Vec::new(),
                source: &self.spool,
            }
        };
        self.spool.0.iter().map(parcel).collect()
    }

    pub(super) fn mbox(&self) -> Mbox<'_> {
        Mbox::new(&self.host, self.target.clone(), Duration::ZERO)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.target.path.clone()
    }

    pub(super) fn content(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    pub(super) fn write(&self, content: &[u8]) {
        fs::write(self.path(), content).unwrap();
    }

    /// Prepares and performs the delivery of these parcels.
    pub(super) fn deliver(&self, parcels: &[Parcel<'_>]) -> Result<Vec<Outcome>, TargetError> {
        let mut mbox = self.mbox();
        Ok(mbox.prepare(parcels)?.perform())
    }

    /// Delivers all, which must succeed; gives what was promised.
    pub(super) fn deliver_all(&self) -> Vec<Promise> {
        let parcels = self.parcels();
        let mut mbox = self.mbox();
        let prepared = mbox.prepare(&parcels).unwrap();
        let promises = prepared.promises();
        for outcome in prepared.perform() {
            assert!(matches!(outcome, Outcome::Delivered), "{outcome:?}");
        }
        promises
    }

    /// Prepares the delivery of all parcels, and is killed.
    pub(super) fn promise_all(&self) -> Vec<Promise> {
        self.mbox().prepare(&self.parcels()).unwrap().promises()
    }

    pub(super) fn settle(&self, promises: &[Promise]) -> Result<Vec<Settled>, TargetError> {
        let intents: Vec<Promised<'_>> = self
            .parcels()
            .into_iter()
            .zip(promises)
            .map(|(parcel, promise)| Promised { parcel, promise: promise.clone(), at: FETCHED })
            .collect();
        self.mbox().settle(&intents)
    }

    /// Takes each back, the last one first, and tells of each whether nothing of it is left; in that order.
    pub(super) fn take_back(&self, promises: &[Promise]) -> Vec<bool> {
        let all = self.parcels().into_iter().zip(promises).rev();
        all.map(|(parcel, promise)| Promised { parcel, promise: promise.clone(), at: FETCHED })
            .map(|promised| self.mbox().take_back(&promised).unwrap())
            .collect()
    }

    pub(super) fn remove(&self) {
        fs::remove_file(self.path()).unwrap();
    }

    /// Delivers again what was found not to be delivered.
    pub(super) fn deliver_missing(&self, settled: &[Settled]) {
        let parcels: Vec<Parcel<'_>> = self
            .parcels()
            .into_iter()
            .zip(settled)
            .filter(|(_, settled)| **settled != Settled::Delivered)
            .map(|(parcel, _)| parcel)
            .collect();
        for outcome in self.deliver(&parcels).unwrap() {
            assert!(matches!(outcome, Outcome::Delivered), "{outcome:?}");
        }
    }
}
