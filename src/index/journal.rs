//! The journal of deliveries: INTENT before the rename, DELIVERED after the last sync, and what recovery makes of a crash.

use std::collections::HashSet;

use rusqlite::Connection;

use super::messages::{read_content, signed};
use super::{Index, IndexError};
use crate::model::{ContentId, DeliveryId, Octets, Receipt, RowId, Timestamp};

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

/// A row that a crash left on its way, with what is needed to go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Journaled {
    /// Its row.
    pub row: RowId,
    /// The unique part of its file name.
    pub delivery: DeliveryId,
    /// The number of the target recorded with the INTENT.
    pub target: i64,
    /// When the INTENT was recorded.
    pub at: Timestamp,
    /// The octets of its file.
    pub octets: Octets,
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
    pub is_recoverable: bool,
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
        self.commit("intend", |db| {
            let mut statement = db.prepare_cached(
                "UPDATE message SET state = 'intent', delivery = ?2, target = ?3, inode = ?4, header_hash = ?5,
                        full_hash = ?6, octets = ?7, delivered_at = ?8, delivered_clock = ?9
                 WHERE id = ?1 AND state = 'new'",
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

    /// Records that the INTENT rows are durable in their target: DELIVERED, or HELD where that is the held Maildir. Gives
    /// the receipts of the messages among them, in their order; a stub gives none.
    ///
    /// One that was HELD before, and lost, takes over the deliveries of that parcel, if it is the same message.
    pub fn confirm(&mut self, rows: &[RowId]) -> Result<Vec<Receipt>, IndexError> {
        self.commit("confirm", |db| {
            let mut take_over = db.prepare_cached(TAKE_OVER_DELIVERIES)?;
            let mut statement = db.prepare_cached(
                "UPDATE message SET lost_sessions = 0, retry_after = NULL, lost_parcel = NULL,
                        state = iif(target.kind = 'held', 'held', 'delivered'),
                        held  = iif(target.kind = 'held', delivery, NULL)
                 FROM target WHERE message.id = ?1 AND message.state = 'intent' AND target.id = message.target
                 RETURNING header_hash, full_hash, octets, message.state = 'held', stub_of IS NOT NULL",
            )?;
            let mut receipt = |row: &RowId| {
                take_over.execute([row.0])?;
                let read = |sql: &rusqlite::Row<'_>| Ok((read_content(sql, 0)?, sql.get(3)?, sql.get(4)?));
                let (content, is_held, is_stub): (_, _, bool) = statement.query_row([row.0], read)?;
                let content = content.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
                Ok((!is_stub).then(|| Receipt::issued_by_index(*row, content, is_held)))
            };
            rows.iter().filter_map(|row| receipt(row).transpose()).collect()
        })
    }

    /// Takes INTENT rows back to NEW.
    pub fn withdraw(&mut self, rows: &[RowId]) -> Result<(), IndexError> {
        self.commit("withdraw", |db| rows.iter().try_for_each(|row| take_back(db, *row, "intent")))
    }

    /// Takes a HELD row whose octets are lost or damaged back to NEW, so that it is fetched again.
    pub fn give_up_held(&mut self, row: RowId) -> Result<(), IndexError> {
        self.commit("give_up_held", |db| take_back(db, row, "held"))
    }

    /// Records that a sync failed after the rename of these INTENT rows.
    pub fn distrust(&mut self, rows: &[RowId]) -> Result<(), IndexError> {
        self.commit("distrust", |db| {
            let sql = "UPDATE message SET state = 'untrusted' WHERE id = ?1 AND state = 'intent'";
            let mut statement = db.prepare_cached(sql)?;
            for row in rows {
                statement.execute([row.0])?;
            }
            Ok(())
        })
    }

    /// Records that the content of an UNTRUSTED row was rewritten into a new inode, durably: it is DELIVERED, or HELD
    /// where it lies in the held Maildir; and so is every row that shares the file.
    pub fn trust(&mut self, row: RowId) -> Result<(), IndexError> {
        self.commit("trust", |db| {
            db.execute(
                "UPDATE message SET state = iif(target.kind = 'held', 'held', 'delivered'),
                                    held  = iif(target.kind = 'held', delivery, NULL)
                 FROM target
                 WHERE delivery = (SELECT delivery FROM message WHERE id = ?1) AND state = 'untrusted'
                   AND target.id = message.target",
                [row.0],
            )
            .map(drop)
        })
    }

    /// Takes an UNTRUSTED row whose file is lost or damaged back to NEW, so that it is fetched again.
    pub fn fetch_again(&mut self, row: RowId) -> Result<(), IndexError> {
        self.commit("fetch_again", |db| take_back(db, row, "untrusted"))
    }

    /// The rows that are INTENT: a crash left them.
    pub fn intents(&self) -> Result<Vec<Journaled>, IndexError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT id, delivery, target, delivered_at, octets FROM message WHERE state = 'intent' ORDER BY id",
            )?;
            let read = |sql: &rusqlite::Row<'_>| {
                Ok(Journaled {
                    row: RowId(sql.get(0)?),
                    delivery: DeliveryId(sql.get(1)?),
                    target: sql.get(2)?,
                    at: Timestamp(sql.get(3)?),
                    octets: Octets(sql.get(4)?),
                })
            };
            statement.query_map([], read)?.collect()
        })
    }

    /// The names in the held Maildir that any row still needs.
    pub fn held_names(&self) -> Result<HashSet<DeliveryId>, IndexError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT held FROM message WHERE held IS NOT NULL
                 UNION
                 SELECT delivery FROM message JOIN target ON target.id = message.target
                 WHERE target.kind = 'held' AND state IN ('intent', 'untrusted')",
            )?;
            statement.query_map([], |sql| sql.get(0).map(DeliveryId))?.collect()
        })
    }

    /// The rows that are UNTRUSTED, with what their files must hold.
    pub fn untrusted(&self) -> Result<Vec<Placed>, IndexError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT id, delivery, target, header_hash, full_hash, octets, gone IS NULL
                 FROM message WHERE state = 'untrusted' GROUP BY delivery ORDER BY id",
            )?;
            let read = |sql: &rusqlite::Row<'_>| {
                let content = read_content(sql, 3)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
                Ok(Placed {
                    row: RowId(sql.get(0)?),
                    delivery: DeliveryId(sql.get(1)?),
                    target: sql.get(2)?,
                    content,
                    is_recoverable: sql.get(6)?,
                })
            };
            statement.query_map([], read)?.collect()
        })
    }
}

/// The deliveries of a parcel that was lost are those of the one fetched in its place, if that is the same message.
const TAKE_OVER_DELIVERIES: &str = "\
    UPDATE delivery SET parcel = message.delivery FROM message
     WHERE message.id = ?1 AND delivery.parcel = message.lost_parcel AND delivery.full_hash = message.full_hash";

/// Takes a row back to NEW, as if it had never been fetched; and so every row that shares its file.
fn take_back(db: &Connection, row: RowId, state: &str) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE message SET state = 'new', delivery = NULL, target = NULL, inode = NULL, header_hash = NULL,
                full_hash = NULL, octets = NULL, delivered_at = NULL, delivered_clock = NULL, held = NULL,
                lost_parcel = coalesce(held, lost_parcel)
         WHERE delivery = (SELECT delivery FROM message WHERE id = ?1) AND state = ?2",
    )?
    .execute((row.0, state))
    .map(drop)
}
