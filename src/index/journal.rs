//! The journal of deliveries: INTENT before the rename, DELIVERED after the last sync, and what recovery makes of a crash.

use super::messages::{read_content, read_uid, signed};
use super::{Index, IndexError};
use crate::model::{ContentId, DeliveryId, Octets, Receipt, RowId, Timestamp, Uid};

/// A message about to be renamed into its target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IntentRecord {
    /// Its row.
    pub row: RowId,
    /// The unique part of its file name.
    pub delivery: DeliveryId,
    /// The inode of its file.
    pub inode: u64,
    /// What the file holds.
    pub content: ContentId,
}

/// A row that a crash or a refusal left on its way, with what is needed to go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Journaled {
    /// Its row.
    pub row: RowId,
    /// Its unique-id.
    pub uid: Uid,
    /// The unique part of its file name.
    pub delivery: DeliveryId,
    /// The number of the target recorded with the INTENT.
    pub target: i64,
    /// When the INTENT was recorded.
    pub at: Timestamp,
    /// The octets of the file; its final name ends in them.
    pub octets: Octets,
    /// The unique part of its name in the held Maildir, where its octets still lie.
    pub held: Option<DeliveryId>,
}

/// Where a delivered message lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placed {
    /// Its row.
    pub row: RowId,
    /// The unique part of its file name.
    pub delivery: DeliveryId,
    /// The number of its target.
    pub target: i64,
    /// What the file must hold.
    pub content: ContentId,
    /// Whether the last complete listing had it.
    pub is_listed: bool,
}

impl Index<'_> {
    /// Records INTENT for a batch, in one commit.
    pub fn intend(
        &mut self,
        target: i64,
        batch: &[IntentRecord],
        clock: i64,
        now: Timestamp,
    ) -> Result<(), IndexError> {
        self.commit(|db| {
            let mut statement = db.prepare_cached(
                "UPDATE message SET state = 'intent', delivery = ?2, target = ?3, inode = ?4, header_hash = ?5,
                        full_hash = ?6, octets = ?7, delivered_at = ?8, delivered_clock = ?9
                 WHERE id = ?1 AND state IN ('new', 'held')",
            )?;
            for record in batch {
                let inode = record.inode.cast_signed();
                let content = &record.content;
                let changed = statement.execute((
                    record.row.0,
                    &record.delivery.0,
                    target,
                    inode,
                    &content.header.0[..],
                    &content.full.0[..],
                    signed(content.octets),
                    now.0,
                    clock,
                ))?;
                if changed != 1 {
                    return Err(rusqlite::Error::StatementChangedRows(changed));
                }
            }
            Ok(())
        })
    }

    /// Records that the INTENT rows are durable in their target: DELIVERED, or HELD where that is the held Maildir.
    pub fn confirm(&mut self, rows: &[RowId]) -> Result<Vec<Receipt>, IndexError> {
        self.commit(|db| {
            let mut statement = db.prepare_cached(
                "UPDATE message SET lost_sessions = 0, retry_after = NULL,
                        state = iif(target.kind = 'held', 'held', 'delivered'),
                        held  = iif(target.kind = 'held', delivery, NULL)
                 FROM target WHERE message.id = ?1 AND message.state = 'intent' AND target.id = message.target
                 RETURNING header_hash, full_hash, octets, message.state = 'held'",
            )?;
            let receipt = |row: &RowId| {
                let (content, is_held) =
                    statement.query_row([row.0], |sql| Ok((read_content(sql, 0)?, sql.get(3)?)))?;
                let content = content.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
                Ok(Receipt::issued_by_index(*row, content, is_held))
            };
            rows.iter().map(receipt).collect()
        })
    }

    /// Takes INTENT rows back: to HELD where the octets still lie in the held Maildir, else to NEW.
    pub fn withdraw(&mut self, rows: &[RowId]) -> Result<(), IndexError> {
        self.commit(|db| {
            let mut statement = db.prepare_cached(
                "UPDATE message SET state = 'held', delivery = held,
                        target = (SELECT id FROM target WHERE kind = 'held' ORDER BY id DESC LIMIT 1)
                 WHERE id = ?1 AND state = 'intent' AND held IS NOT NULL",
            )?;
            for row in rows {
                if statement.execute([row.0])? == 0 {
                    take_back(db, *row, "intent")?;
                }
            }
            Ok(())
        })
    }

    /// Records that a sync failed after the rename of these INTENT rows.
    pub fn distrust(&mut self, rows: &[RowId]) -> Result<(), IndexError> {
        self.commit(|db| {
            let sql = "UPDATE message SET state = 'untrusted' WHERE id = ?1 AND state = 'intent'";
            let mut statement = db.prepare_cached(sql)?;
            for row in rows {
                statement.execute([row.0])?;
            }
            Ok(())
        })
    }

    /// Records that the content of an UNTRUSTED row was rewritten into a new inode, durably: it is DELIVERED.
    pub fn trust(&mut self, row: RowId) -> Result<(), IndexError> {
        let sql = "UPDATE message SET state = 'delivered' WHERE id = ?1 AND state = 'untrusted'";
        self.commit(|db| db.execute(sql, [row.0]).map(drop))
    }

    /// Takes an UNTRUSTED row whose content is lost back to NEW, so that it is fetched again if it is still listed.
    pub fn fetch_again(&mut self, row: RowId) -> Result<(), IndexError> {
        self.commit(|db| take_back(db, row, "untrusted").map(drop))
    }

    /// The rows that are INTENT: a crash left them.
    pub fn intents(&self) -> Result<Vec<Journaled>, IndexError> {
        self.journaled("intent")
    }

    /// The rows that are HELD.
    pub fn held(&self) -> Result<Vec<Journaled>, IndexError> {
        self.journaled("held")
    }

    /// The names in the held Maildir that any row still needs.
    pub fn held_names(&self) -> Result<Vec<DeliveryId>, IndexError> {
        self.read(|db| {
            let mut statement = db.prepare_cached("SELECT held FROM message WHERE held IS NOT NULL")?;
            statement.query_map([], |sql| sql.get(0).map(DeliveryId))?.collect()
        })
    }

    fn journaled(&self, state: &str) -> Result<Vec<Journaled>, IndexError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT id, delivery, target, delivered_at, octets, held, uid FROM message WHERE state = ?1 ORDER BY id",
            )?;
            let read = |sql: &rusqlite::Row<'_>| {
                Ok(Journaled {
                    row: RowId(sql.get(0)?),
                    uid: read_uid(sql, 6)?,
                    delivery: DeliveryId(sql.get(1)?),
                    target: sql.get(2)?,
                    at: Timestamp(sql.get(3)?),
                    octets: Octets(sql.get(4)?),
                    held: sql.get::<_, Option<String>>(5)?.map(DeliveryId),
                })
            };
            statement.query_map([state], read)?.collect()
        })
    }

    /// The rows that are UNTRUSTED, with what their files must hold.
    pub fn untrusted(&self) -> Result<Vec<Placed>, IndexError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT id, delivery, target, header_hash, full_hash, octets, gone IS NULL FROM message
                 WHERE state = 'untrusted' ORDER BY id",
            )?;
            let read = |sql: &rusqlite::Row<'_>| {
                let content = read_content(sql, 3)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
                Ok(Placed {
                    row: RowId(sql.get(0)?),
                    delivery: DeliveryId(sql.get(1)?),
                    target: sql.get(2)?,
                    content,
                    is_listed: sql.get(6)?,
                })
            };
            statement.query_map([], read)?.collect()
        })
    }
}

/// Takes a row back to NEW, as if it had never been fetched.
fn take_back(db: &rusqlite::Connection, row: RowId, state: &str) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "UPDATE message SET state = 'new', delivery = NULL, target = NULL, inode = NULL, header_hash = NULL,
                full_hash = NULL, octets = NULL, delivered_at = NULL, delivered_clock = NULL
         WHERE id = ?1 AND state = ?2",
    )?
    .execute((row.0, state))
}
