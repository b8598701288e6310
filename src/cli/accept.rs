//! `account accept-target`: a folder is taken as it is now, and what was interrupted in a lost one is fetched again.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

use super::World;
use super::accounts::Global;
use super::failure::Failure;
use super::hints::{AGAIN_OPTION, Folder, Place};
use super::manage::{self, Opened};
use crate::config::AccountName;
use crate::deliver::TargetError;
use crate::deliver::eml::Eml;
use crate::deliver::maildir::Maildir;
use crate::deliver::marker::Known;
use crate::index::{DeliveryState, Finding, Index, IndexError, Target};
use crate::model::{DeliveryId, FolderTarget, RowId, shown_path};
use crate::report::Exit;
use crate::report::human::counted;

/// What of the account is accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) name: &'a AccountName,
    /// The folder, where the account has several or no configuration knows it.
    pub(super) into: Option<&'a OsStr>,
    /// Interrupted deliveries into a lost Maildir are fetched again.
    pub(super) interrupted_again: bool,
}

/// Interrupted deliveries whose fate nothing tells: their folder is gone, another one, or a copy.
pub(super) struct Lost {
    target: Target,
    /// What came into it straight from the server.
    rows: Vec<RowId>,
    /// What came into it out of the spool.
    parcels: Vec<DeliveryId>,
}

impl Lost {
    fn of(target: Target) -> Self {
        Self { target, rows: Vec::new(), parcels: Vec::new() }
    }

    fn messages(&self) -> String {
        counted(self.rows.len() + self.parcels.len())
    }

    /// They count as not delivered.
    fn take_back(&self, index: &mut Index<'_>) -> Result<(), IndexError> {
        let findings: Vec<_> = self.parcels.iter().map(|parcel| Finding { parcel, state: None }).collect();
        index.withdraw(&self.rows)?;
        index.find(self.target.id, &findings)
    }
}

/// `account accept-target ACCOUNT`.
pub(super) fn accept_target(world: &World, global: &Global, wanted: Wanted<'_>) -> Result<Exit, Failure> {
    let Wanted { name, into, interrupted_again } = wanted;
    let (folder, place) = global.folder(name, into)?;
    let state_dir = place.files.index.parent().unwrap_or(Path::new("")).to_owned();
    let Opened { place, mut index, lock: _lock } = manage::open(world, &state_dir, place)?;
    let lost = lost(world, &index, &place)?;
    if let Some(lost) = lost.first()
        && !interrupted_again
    {
        return Err(refusal(lost, &place));
    }
    let mut told = String::new();
    // First of all: in a folder that is accepted already, a file that is missing was taken away by a reader.
    for lost in &lost {
        lost.take_back(&mut index).map_err(|error| place.failure(error))?;
        let (count, shown) = (lost.messages(), shown_path(&lost.target.path));
        let again = if lost.rows.is_empty() { "delivered again" } else { "fetched again" };
        let _ = writeln!(told, "{count} interrupted on the way into {shown} may come a second time: {again}");
    }
    if interrupted_again && lost.is_empty() {
        told.push_str("no delivery was interrupted in a folder that is lost: none is fetched again\n");
    }
    match index.target_at(folder.kind, &folder.path).map_err(|error| place.failure(error))? {
        Some(target) => told.push_str(&accept(world, &mut index, &place, &target)?),
        None => {
            let _ =
                writeln!(told, "{name} never delivered to {}: there is nothing to accept", shown_path(&folder.path));
        }
    }
    world.screen.say(&told);
    Ok(Exit::Fine)
}

fn accept(world: &World, index: &mut Index<'_>, place: &Place, target: &Target) -> Result<String, Failure> {
    let accept = || {
        let folder = FolderTarget::new(&target.path);
        if target.kind == Folder::EML {
            let (eml, marker) = Eml::create(&world.host, &folder, index.id())?;
            return Ok((eml.folder().generation()?, marker));
        }
        let (maildir, marker) = Maildir::create(&world.host, &folder, index.id())?;
        Ok((maildir.folder().generation()?, marker))
    };
    let (generation, marker) = accept().map_err(|error: TargetError| place.failure(error))?;
    index.accept_target(target.id, &marker, generation).map_err(|error| place.failure(error))?;
    let delivered = index.totals().map_err(|error| place.failure(error))?.delivered;
    let mut told = format!("{} delivers to {} as it is now\n", place.name, shown_path(&target.path));
    let delivered = usize::try_from(delivered).unwrap_or(usize::MAX);
    if delivered > 0 {
        let are = if delivered == 1 { "is" } else { "are" };
        let _ = writeln!(told, "the {} delivered so far {are} not fetched again", counted(delivered));
    }
    if generation > target.generation {
        told.push_str("this index is an old copy: mail delivered since it was made may come a second time\n");
    }
    Ok(told)
}

/// The interrupted deliveries that the next fetch cannot settle, by their folder.
///
/// A folder that moved to the configured place is none: the next fetch recognises it by its marker.
pub(super) fn lost(world: &World, index: &Index<'_>, place: &Place) -> Result<Vec<Lost>, Failure> {
    let new = new_folders(index, place).map_err(|error| place.failure(error))?;
    let mut lost = Vec::new();
    for interrupted in interrupted(index).map_err(|error| place.failure(error))? {
        let target = &interrupted.target;
        let open = |path: &Path| open(world, index, target, path);
        match open(&target.path) {
            Ok(()) => {}
            Err(_) if new.iter().any(|path| open(path).is_ok()) => {}
            Err(error @ TargetError::Io { .. }) => return Err(place.failure(error)),
            Err(_) => lost.push(interrupted),
        }
    }
    Ok(lost)
}

/// The configured folders that this index does not know.
fn new_folders<'p>(index: &Index<'_>, place: &'p Place) -> Result<Vec<&'p Path>, IndexError> {
    let mut new = Vec::new();
    for folder in &place.folders {
        if index.target_at(folder.kind, &folder.path)?.is_none() {
            new.push(&*folder.path);
        }
    }
    Ok(new)
}

/// The interrupted deliveries into folders that have a marker. The other targets tell the next fetch what they have, or
/// nobody does.
fn interrupted(index: &Index<'_>) -> Result<Vec<Lost>, IndexError> {
    let mut by_target: BTreeMap<i64, Lost> = BTreeMap::new();
    for intent in index.intents()? {
        let target = index.target(intent.target)?;
        by_target.entry(target.id).or_insert_with(|| Lost::of(target)).rows.push(intent.row);
    }
    for journal in index.journal(DeliveryState::Intent)? {
        let target = index.target(journal.target)?;
        if !target.marker.is_empty() {
            by_target.entry(target.id).or_insert_with(|| Lost::of(target)).parcels.push(journal.parcel);
        }
    }
    Ok(by_target.into_values().collect())
}

/// Whether the folder that was recorded lies at a path.
fn open(world: &World, index: &Index<'_>, target: &Target, path: &Path) -> Result<(), TargetError> {
    let known = Known { marker: &target.marker, generation: target.generation };
    let folder = FolderTarget::new(path);
    if target.kind == Folder::EML {
        return Eml::open(&world.host, &folder, index.id(), known).map(drop);
    }
    Maildir::open(&world.host, &folder, index.id(), known).map(drop)
}

pub(super) fn refusal(lost: &Lost, place: &Place) -> Failure {
    let (count, target) = (lost.messages(), &lost.target);
    let what = if target.kind == Folder::EML { "folder" } else { "Maildir" };
    Failure::words(
        Exit::Target,
        format!("{count} interrupted on the way into {}: only that {what} tells their fate", shown_path(&target.path)),
        format!(
            "bring it back, and {}; if it is gone for good, `{} {AGAIN_OPTION}` has them fetched again, and they may come \
             a second time",
            place.again,
            place.accept(&target.path)
        ),
    )
}
