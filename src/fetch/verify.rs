//! Repairs what a failed sync left UNTRUSTED.

use super::FetchError;
use super::targets::open_known;
use crate::deliver::maildir::Rewritten;
use crate::host::Host;
use crate::index::Index;

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
        let target = index.target(placed.target)?;
        let maildir = open_known(host, index, &target)?;
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
    Ok(repaired)
}
