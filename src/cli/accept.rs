//! `account accept-target`: a folder is taken as it is now, and what was interrupted in a lost one is fetched again.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

use super::World;
use super::accounts::Global;
use super::failure::Failure;
use super::hints::{AGAIN_OPTION, Folder, Place};
use super::manage::{Opened, open};
use crate::config::AccountName;
use crate::deliver::TargetError;
use crate::deliver::eml::Eml;
use crate::deliver::maildir::Maildir;
use crate::deliver::marker::Known;
use crate::index::{Index, Target};
use crate::model::{FolderTarget, RowId, shown_path};
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

/// Interrupted deliveries whose fate nothing tells: their Maildir is gone, another one, or a copy.
pub(super) struct Lost {
    target: Target,
    rows: Vec<RowId>,
}

/// `account accept-target ACCOUNT`.
pub(super) fn accept_target(world: &World, global: &Global, wanted: Wanted<'_>) -> Result<Exit, Failure> {
    let Wanted { name, into, interrupted_again } = wanted;
    let (folder, place) = global.folder(name, into)?;
    let state_dir = place.files.index.parent().unwrap_or(Path::new("")).to_owned();
    let Opened { place, mut index, lock: _lock } = open(world, &state_dir, place)?;
    let lost = lost(world, &index, &place)?;
    if let Some(lost) = lost.first()
        && !interrupted_again
    {
        return Err(refusal(lost, &place));
    }
    let mut told = String::new();
    // First of all: in a Maildir that is accepted already, a file that is missing was taken away by a reader.
    for Lost { target, rows } in &lost {
        index.withdraw(rows).map_err(|error| place.failure(error))?;
        let (count, shown) = (counted(rows.len()), shown_path(&target.path));
        let _ = writeln!(told, "{count} interrupted on the way into {shown} may come a second time: fetched again");
    }
    if interrupted_again && lost.is_empty() {
        told.push_str("no delivery was interrupted in a Maildir that is lost: none is fetched again\n");
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

/// The interrupted deliveries that the next fetch cannot settle, by their Maildir.
///
/// A Maildir that moved to the configured place is none: the next fetch recognises it by its marker.
pub(super) fn lost(world: &World, index: &Index<'_>, place: &Place) -> Result<Vec<Lost>, Failure> {
    let mut by_target: BTreeMap<i64, Vec<RowId>> = BTreeMap::new();
    for intent in index.intents().map_err(|error| place.failure(error))? {
        by_target.entry(intent.target).or_default().push(intent.row);
    }
    let mut new = Vec::new();
    for folder in &place.folders {
        if index.target_at(folder.kind, &folder.path).map_err(|error| place.failure(error))?.is_none() {
            new.push(&folder.path);
        }
    }
    let mut lost = Vec::new();
    for (target, rows) in by_target {
        let target = index.target(target).map_err(|error| place.failure(error))?;
        let known = Known { marker: &target.marker, generation: target.generation };
        let open = |path: &Path| Maildir::open(&world.host, &FolderTarget::new(path), index.id(), known);
        match open(&target.path) {
            Ok(_) => {}
            Err(_) if new.iter().any(|path| open(path).is_ok()) => {}
            Err(error @ TargetError::Io { .. }) => return Err(place.failure(error)),
            Err(_) => lost.push(Lost { target, rows }),
        }
    }
    Ok(lost)
}

pub(super) fn refusal(Lost { target, rows }: &Lost, place: &Place) -> Failure {
    let count = counted(rows.len());
    Failure::words(
        Exit::Target,
        format!("{count} interrupted on the way into {}: only that Maildir tells their fate", shown_path(&target.path)),
        format!(
            "bring it back, and {}; if it is gone for good, `{} {AGAIN_OPTION}` has them fetched again, and they may come \
             a second time",
            place.again,
            place.accept(&target.path)
        ),
    )
}
