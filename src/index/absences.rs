//! What is known of the files of delivered messages: for how long each has been absent from its Maildir.

use std::collections::HashMap;
use std::time::Duration;

use super::{Index, IndexError};
use crate::model::{DeliveryId, Digest, RowId};

/// A delivered message that was still listed, and its file in a Maildir.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lying {
    /// Its row.
    pub row: RowId,
    /// The unique part of its file name.
    pub delivery: DeliveryId,
    /// Its strong fingerprint.
    pub header: Digest,
    /// For how long it was absent when the Maildir was last looked through; `None` where it was there.
    pub absent_for: Option<Duration>,
}

impl Index<'_> {
    /// The delivered messages that are listed, and whose file was put into this target as they are: straight, or out of the
    /// spool.
    pub fn lying_in(&self, target: i64) -> Result<Vec<Lying>, IndexError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT message.id, coalesce(delivery.name, message.delivery), header_hash, message.absent_for
                   FROM message LEFT JOIN delivery ON delivery.parcel = message.delivery
                        AND delivery.target = ?1 AND delivery.state = 'delivered' AND prefix = x''
                  WHERE message.state = 'delivered' AND message.gone IS NULL
                    AND message.stub_of IS NULL AND (message.target = ?1 OR delivery.name IS NOT NULL)
                  ORDER BY message.id",
            )?;
            let read = |sql: &rusqlite::Row<'_>| {
                let absent_for: Option<u64> = sql.get(3)?;
                Ok(Lying {
                    row: RowId(sql.get(0)?),
                    delivery: DeliveryId(sql.get(1)?),
                    header: Digest(sql.get(2)?),
                    absent_for: absent_for.map(Duration::from_secs),
                })
            };
            statement.query_map([target], read)?.collect()
        })
    }

    /// When the Maildir was last looked through with something absent, on the credited clock.
    pub fn looked_at(&self) -> Result<Option<i64>, IndexError> {
        self.read(|db| db.query_row("SELECT looked_at FROM account", [], |row| row.get(0)))
    }

    /// Records what is absent now, and for how long. All other messages are there, or are not asked for.
    pub fn note_absences(&mut self, clock: i64, absences: &HashMap<RowId, Duration>) -> Result<(), IndexError> {
        self.commit("note_absences", |db| {
            db.execute("UPDATE account SET looked_at = ?1", [clock])?;
            db.execute("UPDATE message SET absent_for = NULL WHERE absent_for IS NOT NULL", [])?;
            let mut statement = db.prepare_cached("UPDATE message SET absent_for = ?2 WHERE id = ?1")?;
            for (row, absent_for) in absences {
                statement.execute((row.0, i64::try_from(absent_for.as_secs()).unwrap_or(i64::MAX)))?;
            }
            Ok(())
        })
    }
}
