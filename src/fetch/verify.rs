//! What the user does about deliveries that are UNTRUSTED after a failed sync, or in doubt.

use std::io::{self, Read as _};

use super::FetchError;
use super::targets::{open_maildir, open_store};
use crate::deliver::TargetError;
use crate::deliver::files::{FileStore as _, Rewritten};
use crate::deliver::mbox::Mbox;
use crate::deliver::parcel::{Parcel, Promised, Source as _};
use crate::deliver::staging::digest;
use crate::host::Host;
use crate::index::{DeliveryState, Finding, HeldParcel, Index, Journal};
use crate::model::{DeliveryId, MboxTarget, Promise, limits};

/// What a repair did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Repaired {
    /// Messages whose file held them: rewritten, durable, DELIVERED.
    pub rewritten: usize,
    /// Messages whose file is lost or damaged, and that are still on the server: fetched again.
    pub to_fetch_again: usize,
    /// Messages whose file is lost or damaged, and that are no longer on the server: left as they are.
    pub beyond_repair: usize,
    /// Messages that a target does not hold for sure, and that are delivered again out of the held Maildir.
    pub to_deliver_again: usize,
    /// Messages in an mbox to which other programs added mail since: only the user can tell whether they are whole.
    pub in_doubt: usize,
}

/// Rewrites each UNTRUSTED message into a new inode, checked by its hash; what its file does not hold is fetched
/// again from the server.
///
/// A crash in the middle leaves the row UNTRUSTED and one whole file: repair it again.
pub fn repair(host: &dyn Host, index: &mut Index<'_>) -> Result<Repaired, FetchError> {
    let mut repaired = Repaired::default();
    for placed in index.untrusted()? {
        let maildir = open_maildir(host, index, &index.target(placed.target)?)?;
        match maildir.rewrite(&placed.delivery, &placed.content)? {
            Rewritten::Durable => {
                index.trust(placed.row)?;
                repaired.rewritten += 1;
            }
            _ if !placed.is_recoverable => repaired.beyond_repair += 1,
            found => {
                index.fetch_again(placed.row)?;
                repaired.to_fetch_again += 1;
                if found == Rewritten::Corrupt {
                    maildir.remove(&placed.delivery)?;
                }
            }
        }
    }
    // Of one file the last message first: what is cut off must lie at its end.
    for journal in index.journal(DeliveryState::Untrusted)?.iter().rev() {
        repair_delivery(host, index, journal, &mut repaired)?;
    }
    Ok(repaired)
}

/// Takes the user's word about the deliveries of which only the other side knows; gives how many they are.
pub fn settle_doubts(index: &mut Index<'_>, is_delivered: bool) -> Result<usize, FetchError> {
    let journal = index.journal(DeliveryState::InDoubt)?;
    let state = is_delivered.then_some(DeliveryState::Delivered);
    for delivery in &journal {
        index.find(delivery.target, &[Finding { parcel: &delivery.parcel, state }])?;
    }
    Ok(journal.len())
}

/// The same for what was delivered out of the spool: what its target does not hold for sure is delivered again out of it.
fn repair_delivery(
    host: &dyn Host,
    index: &mut Index<'_>,
    journal: &Journal,
    repaired: &mut Repaired,
) -> Result<(), FetchError> {
    let Some(held) = index.parcels()?.into_iter().find(|held| held.parcel == journal.parcel) else {
        return Ok(());
    };
    let state = match &journal.promise {
        Promise::File { name, .. } => repair_file(host, index, journal, &held, name)?,
        Promise::Range { .. } => repair_range(host, index, journal, &held)?,
        Promise::HandedOver => Some(DeliveryState::InDoubt),
    };
    index.find(journal.target, &[Finding { parcel: &journal.parcel, state }])?;
    match state {
        Some(DeliveryState::Delivered) => repaired.rewritten += 1,
        Some(_) => repaired.in_doubt += 1,
        None => repaired.to_deliver_again += 1,
    }
    Ok(())
}

fn repair_file(
    host: &dyn Host,
    index: &Index<'_>,
    journal: &Journal,
    held: &HeldParcel,
    name: &str,
) -> Result<Option<DeliveryState>, FetchError> {
    let delivery = DeliveryId(name.to_owned());
    let store = open_store(host, index, &index.target(journal.target)?)?;
    let spool = open_maildir(host, index, &index.target(held.spool)?)?;
    let Some(message) = spool.open(&held.parcel)? else {
        return Err(TargetError::Unspooled(held.parcel.clone()).into());
    };
    let reading = TargetError::io("read a held message in", spool.root());
    let content = digest(&mut io::Cursor::new(&journal.prefix).chain(message)).map_err(reading)?;
    let found = store.rewrite(&delivery, &content)?;
    if found == Rewritten::Corrupt {
        store.remove(&delivery)?;
    }
    Ok((found == Rewritten::Durable).then_some(DeliveryState::Delivered))
}

/// What lies at the end of an mbox can be cut off; behind anything else other programs may have looked already.
fn repair_range(
    host: &dyn Host,
    index: &Index<'_>,
    journal: &Journal,
    held: &HeldParcel,
) -> Result<Option<DeliveryState>, FetchError> {
    let spool = open_maildir(host, index, &index.target(held.spool)?)?;
    let parcel = Parcel {
        token: held.parcel.clone(),
        uid: held.uid.clone(),
        content: held.content,
        fetched_at: held.fetched_at,
        prefix: journal.prefix.clone(),
        source: &spool,
    };
    let promised = Promised { parcel, promise: journal.promise.clone(), at: journal.at };
    let target = MboxTarget::new(index.target(journal.target)?.path);
    let is_taken_back = Mbox::new(host, target, limits::MBOX_LOCK).take_back(&promised)?;
    Ok((!is_taken_back).then_some(DeliveryState::InDoubt))
}
