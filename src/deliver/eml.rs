//! Delivery into plain files: one `.eml` a message, in a folder a month.
//!
//! `2026/11/20261122T090000Z.F…_….host.eml`: the time is that of the Date field in UTC, or that of the fetch where there
//! is no possible one; the rest makes the name unique for ever. The folder has a marker as a Maildir has, and `.fetchonce/`
//! below it is where messages are written first.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::TargetError;
use super::files::FileStore;
use super::folders::{create_dir, create_dirs};
use super::marker::{Known, Layout, MarkedFolder};
use super::parcel::Parcel;
use super::staging::{Staged, Staging};
use crate::header::Header;
use crate::host::Host;
use crate::model::{ContentId, DeliveryId, FileStyle, FolderTarget, Octets, Timestamp};
use crate::recover::Found;

pub(super) const LAYOUT: Layout = Layout { marker: ".fetchonce-eml", staging: ".fetchonce" };

/// A folder of plain files that may be delivered to.
#[derive(Clone)]
pub struct Eml<'h> {
    folder: MarkedFolder<'h>,
    style: FileStyle,
}

impl<'h> Eml<'h> {
    /// Opens the folder that an index already delivered to. Nothing is created: it must be the one that is known.
    pub fn open(
        host: &'h dyn Host,
        target: &FolderTarget,
        index_id: &str,
        known: Known<'_>,
    ) -> Result<Self, TargetError> {
        let eml = Self::at(host, target, index_id);
        eml.folder.check(known)?;
        Ok(eml)
    }

    /// Opens a folder that the index never delivered to, and makes what is missing of it, durably. Gives its marker.
    ///
    /// What else lies in it stays there.
    pub fn create(host: &'h dyn Host, target: &FolderTarget, index_id: &str) -> Result<(Self, String), TargetError> {
        let eml = Self::at(host, target, index_id);
        let root = eml.folder.root();
        create_dirs(host, root, &target.style)?;
        create_dir(host, eml.folder.staging.folder(), &target.style)?;
        host.sync_dir(root).map_err(TargetError::io("sync", root))?;
        let marker = eml.folder.ensure_marker()?;
        Ok((eml, marker))
    }

    fn at(host: &'h dyn Host, target: &FolderTarget, index_id: &str) -> Self {
        let folder = MarkedFolder::at(host, &target.path, LAYOUT, index_id, &target.style);
        Self { folder, style: target.style.clone() }
    }

    /// Its folder and marker.
    #[must_use]
    pub fn folder(&self) -> &MarkedFolder<'h> {
        &self.folder
    }

    /// The folders of a year and of a month that a message belongs to: its name begins with them.
    fn month(&self, delivery: &DeliveryId) -> (PathBuf, PathBuf) {
        let digits = |range| delivery.0.get(range).unwrap_or("0000");
        let year = self.folder.root().join(digits(0..4));
        let month = year.join(digits(4..6));
        (year, month)
    }

    fn path(&self, delivery: &DeliveryId) -> PathBuf {
        self.month(delivery).1.join(format!("{}.eml", delivery.0))
    }
}

impl FileStore for Eml<'_> {
    fn host(&self) -> &dyn Host {
        self.folder.host
    }

    fn find(&self, delivery: &DeliveryId) -> Result<Option<PathBuf>, TargetError> {
        let path = self.path(delivery);
        let found = self.host().stat(&path).map_err(TargetError::io("look at", &path))?;
        Ok(found.map(|_| path))
    }

    fn staging(&self) -> &Staging<'_> {
        &self.folder.staging
    }

    fn stage(&self, parcel: &Parcel<'_>) -> Result<(Staged, ContentId), TargetError> {
        let read = |message: &mut dyn Read| Header::read(message);
        let header =
            read(&mut *parcel.open()?).map_err(TargetError::io("read a held message for", self.folder.root()))?;
        let incoming = self.staging().begin_as(&name(header.date(), parcel.fetched_at))?;
        incoming.copy(&mut *parcel.open()?)
    }

    fn make_places(&self, deliveries: &[DeliveryId]) -> Result<(), TargetError> {
        let months: BTreeSet<(PathBuf, PathBuf)> = deliveries.iter().map(|delivery| self.month(delivery)).collect();
        let mut changed = BTreeSet::from([self.folder.root().to_owned()]);
        for (year, month) in months {
            create_dir(self.host(), &year, &self.style)?;
            create_dir(self.host(), &month, &self.style)?;
            changed.insert(year);
        }
        for folder in changed {
            self.host().sync_dir(&folder).map_err(TargetError::io("sync", &folder))?;
        }
        Ok(())
    }

    fn place(&self, delivery: &DeliveryId, _octets: Octets) -> Result<(), TargetError> {
        self.staging().place(delivery, &self.path(delivery))
    }

    fn sync_placed(&self, deliveries: &[DeliveryId]) -> Result<(), TargetError> {
        let months: BTreeSet<PathBuf> = deliveries.iter().map(|delivery| self.month(delivery).1).collect();
        for month in months {
            match self.host().sync_dir(&month) {
                // Somebody took the files away with their folder.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => result.map_err(TargetError::io("sync", &month))?,
            }
        }
        Ok(())
    }

    fn probe(&self, delivery: &DeliveryId, _everywhere: bool) -> Result<Found, TargetError> {
        let tmp = self.staging().inode(delivery)?;
        let path = self.path(delivery);
        let placed = self.host().stat(&path).map_err(TargetError::io("look at", &path))?;
        Ok(Found { tmp, placed: placed.map(|stat| stat.inode) })
    }
}

/// How the name of a message begins: its date in UTC, or that of the fetch where it has no possible one.
fn name(date: Option<Timestamp>, fetched_at: Timestamp) -> String {
    let is_possible = |date: &Timestamp| (Timestamp(0)..=fetched_at).contains(date);
    let time = date.filter(is_possible).unwrap_or(fetched_at);
    let zoned = jiff::Timestamp::from_second(time.0).unwrap_or_default().to_zoned(TimeZone::UTC);
    zoned.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_with_a_possible_date() {
        let now = Timestamp(1_795_338_000);
        assert_eq!(name(Some(Timestamp(951_782_400)), now), "20000229T000000Z");
        assert_eq!(name(None, now), "20261122T090000Z");
        assert_eq!(name(Some(now.after(std::time::Duration::from_secs(1))), now), "20261122T090000Z");
        assert_eq!(name(Some(Timestamp(-1)), now), "20261122T090000Z");
    }
}
