//! The commands that change what is known of an account. Each holds the account's lock.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::World;
use super::accounts::{Global, unknown_account};
use super::failure::Failure;
use super::hints::Place;
use super::state::{Files, has_content, known_indexes, remember};
use crate::config::AccountName;
use crate::deliver::TargetError;
use crate::fetch::{self, Repaired};
use crate::host::{AccountLock, Host};
use crate::index::{HELD, Identity, Index, QUARANTINE};
use crate::model::{Uid, escaped, limits};
use crate::report::Exit;
use crate::report::human::counted;

/// An account that was fetched before, locked.
pub(super) struct Opened<'h> {
    pub(super) place: Place,
    pub(super) index: Index<'h>,
    pub(super) lock: AccountLock,
}

pub(super) fn open<'h>(world: &'h World, state_dir: &Path, place: Place) -> Result<Opened<'h>, Failure> {
    if !has_content(&world.host, &place.files.index) {
        let known: Vec<AccountName> =
            known_indexes(&world.host, state_dir).iter().filter_map(|name| name.parse().ok()).collect();
        if place.is_configured {
            let what = format!("the account `{}` was never fetched here", place.name);
            return Err(Failure::usage(what, format!("`{} {}` fetches it", place.program, place.name)));
        }
        return Err(unknown_account(place.name.as_str(), &known));
    }
    let lock = AccountLock::acquire(&place.files.lock).map_err(Place::locked)?;
    let nobody = Identity { name: place.name.to_string(), server: String::new(), port: 0, user: String::new() };
    let index = Index::open(&world.host, &place.files.index, &nobody).map_err(|error| place.failure(error))?;
    Ok(Opened { place, index, lock })
}

/// `account rename OLD NEW`. Each step can be cut off and the command given again.
pub(super) fn rename(world: &World, global: &Global, old: &AccountName, new: &AccountName) -> Result<Exit, Failure> {
    let (state_dir, configured) = global.state()?;
    let files = Files::of(&state_dir, new);
    let exists = |path: &Path| world.host.stat(path).is_ok_and(|stat| stat.is_some());
    if exists(&files.index) {
        let hint = "choose another name; two accounts are never made one";
        return Err(Failure::usage(format!("there is an account `{new}` already"), hint));
    }
    let Opened { place, mut index, mut lock } = open(world, &state_dir, global.place(&state_dir, old, &configured))?;
    let mut new_lock = AccountLock::acquire(&files.lock).map_err(Place::locked)?;
    let failed = |doing: &'static str, path: &Path| {
        let path = path.to_owned();
        let place = &place;
        move |source: io::Error| place.failure(TargetError::Io { doing, path, source })
    };
    let mut moved = Vec::new();
    for (kind, from, to) in
        [(HELD, &place.files.held, &files.held), (QUARANTINE, &place.files.quarantine, &files.quarantine)]
    {
        let own = index.own_target(kind).map_err(|error| place.failure(error))?;
        let Some(own) = own.filter(|own| own.path == *from) else { continue };
        if exists(from) {
            world.host.rename_new(from, to).map_err(failed("rename", from))?;
            let folder = state_dir.join(kind);
            world.host.sync_dir(&folder).map_err(failed("sync", &folder))?;
        }
        moved.push((own.id, to.as_path()));
    }
    index.rename(new.as_str(), &moved).map_err(|error| place.failure(error))?;
    remember(&mut new_lock, &index, &place)?;
    lock.forget_index().map_err(failed("use", &place.files.lock))?;
    drop(index);
    // The last one to close an index takes its write-ahead log in; with a reader left it would stay behind.
    if exists(&state_dir.join(format!("{old}.sqlite-wal"))) {
        let hint = "wait for it to end, then give the command again";
        return Err(Failure::words(Exit::TryLater, "another process reads the index of this account", hint));
    }
    world.host.rename_new(&place.files.index, &files.index).map_err(failed("rename", &place.files.index))?;
    world.host.sync_dir(&state_dir).map_err(failed("sync", &state_dir))?;
    let mut told = format!("{old} is now {new}; nothing is fetched again\n");
    if configured.iter().any(|account| account.name == *old) {
        let _ = writeln!(told, "now rename `[account.{old}]` to `[account.{new}]` in the configuration");
    }
    world.screen.say(&told);
    Ok(Exit::Fine)
}

/// `seen skip ACCOUNT UID`.
pub(super) fn skip(world: &World, global: &Global, name: &AccountName, uid: &OsStr) -> Result<Exit, Failure> {
    let (state_dir, configured) = global.state()?;
    let Opened { place, mut index, lock: _lock } =
        open(world, &state_dir, global.place(&state_dir, name, &configured))?;
    // As it is, or as `list` shows it.
    let is_meant = |known: &Uid| known.as_bytes() == uid.as_bytes() || known.to_string().as_bytes() == uid.as_bytes();
    let undelivered = index.undelivered().map_err(|error| place.failure(error))?;
    let Some(meant) = undelivered.into_iter().find(is_meant) else {
        let shown = escaped(uid.as_bytes(), limits::UID_OCTETS);
        let hint = "only what was listed and not delivered can be skipped; `list` shows the unique-ids";
        return Err(Failure::usage(format!("no undelivered message of {name} has the unique-id {shown}"), hint));
    };
    index.skip(&meant).map_err(|error| place.failure(error))?;
    world.screen.say(&format!("{name}: {meant} is given up, and never fetched\n"));
    Ok(Exit::Fine)
}

/// `seen verify --repair ACCOUNT`.
pub(super) fn repair(world: &World, global: &Global, name: &AccountName) -> Result<Exit, Failure> {
    let (state_dir, configured) = global.state()?;
    let Opened { place, mut index, lock: _lock } =
        open(world, &state_dir, global.place(&state_dir, name, &configured))?;
    let repaired = fetch::repair(&world.host, &mut index).map_err(|error| place.failure(error))?;
    let Repaired { rewritten, to_fetch_again, beyond_repair, to_deliver_again, in_doubt } = repaired;
    let said = |count: usize| format!("{} {}", counted(count), if count == 1 { "is" } else { "are" });
    let mut told = String::new();
    if repaired == Repaired::default() {
        let _ = writeln!(told, "{name}: no message is in doubt");
    }
    if rewritten > 0 {
        let _ = writeln!(told, "{name}: {} whole, and durable now", said(rewritten));
    }
    if to_fetch_again > 0 {
        let _ =
            writeln!(told, "{name}: {} damaged or missing, and fetched again by the next run", said(to_fetch_again));
    }
    if to_deliver_again > 0 {
        let _ = writeln!(told, "{name}: {} delivered again by the next run", said(to_deliver_again));
    }
    if in_doubt > 0 {
        let program = &place.program;
        let what = "in doubt: other programs wrote to the target since";
        let _ =
            writeln!(told, "{name}: {} {what}; look there, then run `{program} seen settle {name}`", said(in_doubt));
    }
    if beyond_repair > 0 {
        let lost = said(beyond_repair);
        let _ = writeln!(told, "{name}: {lost} damaged or missing, and no longer on the server: left as before");
    }
    world.screen.say(&told);
    Ok(if beyond_repair + in_doubt > 0 { Exit::Data } else { Exit::Fine })
}

/// `seen settle ACCOUNT`: the user's word about deliveries of which only the other side knows.
pub(super) fn settle(world: &World, global: &Global, name: &AccountName, is_delivered: bool) -> Result<Exit, Failure> {
    let (state_dir, configured) = global.state()?;
    let Opened { place, mut index, lock: _lock } =
        open(world, &state_dir, global.place(&state_dir, name, &configured))?;
    let settled = fetch::settle_doubts(&mut index, is_delivered).map_err(|error| place.failure(error))?;
    let told = match (settled, is_delivered) {
        (0, _) => format!("{name}: no message is in doubt\n"),
        (_, true) => format!("{name}: {} taken for delivered\n", counted(settled)),
        (_, false) => format!("{name}: {} delivered again by the next run\n", counted(settled)),
    };
    world.screen.say(&told);
    Ok(Exit::Fine)
}
