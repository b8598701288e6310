//! What the user does about deliveries that are UNTRUSTED after a failed sync, or in doubt.

use std::io::{self, Read as _};

use super::FetchError;
use super::targets::open_maildir;
use crate::deliver::TargetError;
use crate::deliver::maildir::Rewritten;
use crate::deliver::parcel::Source as _;
use crate::deliver::staging::digest;
use crate::host::Host;
use crate::index::{DeliveryState, Finding, Index, Journal};
use crate::model::{DeliveryId, Promise};

/// What a repair did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Repaired {
    /// Messages whose file held them: rewritten, durable, DELIVERED.
    pub rewritten: usize,
    /// Messages whose file is lost or damaged, and that are still on the server: fetched again.
    pub to_fetch_again: usize,
    /// Messages whose file is lost or damaged, and that are no longer on the server: left as they are.
    pub beyond_repair: usize,
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
    for journal in index.journal(DeliveryState::Untrusted)? {
        repair_delivery(host, index, &journal, &mut repaired)?;
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

/// The same for a file that was delivered out of the spool: what it does not hold is delivered again out of it.
fn repair_delivery(
    host: &dyn Host,
    index: &mut Index<'_>,
    journal: &Journal,
    repaired: &mut Repaired,
) -> Result<(), FetchError> {
    let Promise::File { name, .. } = &journal.promise else { return Ok(()) };
    let Some(parcel) = index.parcels()?.into_iter().find(|parcel| parcel.parcel == journal.parcel) else {
        return Ok(());
    };
    let delivery = DeliveryId(name.clone());
    let maildir = open_maildir(host, index, &index.target(journal.target)?)?;
    let spool = open_maildir(host, index, &index.target(parcel.spool)?)?;
    let Some(message) = spool.open(&parcel.parcel)? else { return Ok(()) };
    let reading = TargetError::io("read a held message in", spool.root());
    let content = digest(&mut io::Cursor::new(&journal.prefix).chain(message)).map_err(reading)?;
    let found = maildir.rewrite(&delivery, &content)?;
    let state = (found == Rewritten::Durable).then_some(DeliveryState::Delivered);
    if found == Rewritten::Corrupt {
        maildir.remove(&delivery)?;
    }
    index.find(journal.target, &[Finding { parcel: &journal.parcel, state }])?;
    repaired.rewritten += usize::from(state.is_some());
    repaired.to_fetch_again += usize::from(state.is_none());
    Ok(())
}
