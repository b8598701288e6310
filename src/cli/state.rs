//! The state folder: where the files of each account lie, and what they tell before an account is fetched.

use std::path::{Path, PathBuf};

use super::World;
use super::accounts::Chosen;
use super::failure::Failure;
use super::hints::Place;
use crate::config::{Account, AccountName};
use crate::host::{AccountLock, Host};
use crate::index::Index;
use crate::model::shown_path;
use crate::report::Exit;

/// Where the files of an account lie.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) index: PathBuf,
    pub(super) lock: PathBuf,
    pub(super) held: PathBuf,
    pub(super) quarantine: PathBuf,
}

impl Files {
    pub(super) fn of(state_dir: &Path, name: &AccountName) -> Self {
        Self {
            index: state_dir.join(format!("{name}.sqlite")),
            lock: state_dir.join(format!("{name}.lock")),
            held: state_dir.join("held").join(name.as_str()),
            quarantine: state_dir.join("quarantine").join(name.as_str()),
        }
    }
}

/// A renamed account would fetch everything a second time: its old index lies beside the new one.
pub(super) fn known_by_another_name(
    world: &World,
    account: &Account,
    files: &Files,
    chosen: &Chosen,
) -> Option<Failure> {
    if has_content(&world.host, &files.index) {
        return None;
    }
    let new = &account.name;
    let old = known_indexes(&world.host, &chosen.state_dir).into_iter().find(|old| {
        let is_other = old != new.as_str() && !chosen.configured.iter().any(|name| name.as_str() == old);
        is_other && is_of_maildrop(world, &chosen.state_dir, old, account)
    })?;
    Some(Failure::words(
        Exit::Config,
        format!("this account is new, but `{old}` has fetched the same mailbox: all its mail would come a second time"),
        chosen.instead_of(&old, new),
    ))
}

/// Whether another account's index is of this mailbox, and has delivered from it.
fn is_of_maildrop(world: &World, state_dir: &Path, name: &str, account: &Account) -> bool {
    let Ok(name) = name.parse() else { return false };
    let path = Files::of(state_dir, &name).index;
    let read = |index: Index<'_>| Ok((index.identity()?, index.totals()?));
    // An index that cannot be read is no reason to stop this account: its own run tells.
    let known = Index::open_read_only(&world.host, &path).and_then(|index| index.map(read).transpose());
    known.ok().flatten().is_some_and(|(known, totals)| {
        let is_same = known.server.eq_ignore_ascii_case(&account.server) && known.user == account.user;
        is_same && totals.delivered + totals.held + totals.untrusted > 0
    })
}

/// Remembers beside the index that there is one, so that its loss is noticed.
pub(super) fn remember(lock: &mut AccountLock, index: &Index<'_>, place: &Place) -> Result<(), Failure> {
    let known = lock.remembers_index().and_then(|known| if known { Ok(()) } else { lock.remember_index(index.id()) });
    known.map_err(|error| no_state(&place.files.lock, error))
}

/// The account had an index, and has none.
pub(super) fn lost_index(place: &Place) -> Failure {
    let Files { index, lock, .. } = &place.files;
    Failure::words(
        Exit::Data,
        format!(
            "the index {} is gone or empty: without it all mail on the server would come a second time",
            shown_path(index)
        ),
        format!("bring it back from a backup; to begin anew and have all of it again, remove {}", shown_path(lock)),
    )
}

/// A file or folder of the state cannot be used.
pub(super) fn no_state(path: &Path, error: impl Into<anyhow::Error>) -> Failure {
    let error = error.into().context(format!("cannot use {}", shown_path(path)));
    Failure::new(
        Exit::Io,
        error,
        "look after its rights and the disk; `--state-dir` and `state_dir` name another folder",
    )
}

/// The names of the accounts that have an index with something in it, sorted.
pub(super) fn known_indexes(host: &dyn Host, state_dir: &Path) -> Vec<String> {
    let names = host.list_dir(state_dir).unwrap_or_default();
    let mut known: Vec<String> = names
        .iter()
        .filter_map(|name| name.to_str()?.strip_suffix(".sqlite").map(str::to_owned))
        .filter(|name| has_content(host, &state_dir.join(format!("{name}.sqlite"))))
        .collect();
    known.sort();
    known
}

/// Whether there is an index file; one of no octets was only just made.
pub(super) fn has_content(host: &dyn Host, path: &Path) -> bool {
    host.stat(path).is_ok_and(|stat| stat.is_some_and(|stat| !stat.is_dir && stat.octets.0 > 0))
}
