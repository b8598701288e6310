//! The rows of messages: what a listing and a fetched content change.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Row as SqlRow};

use super::{Identity, Index, IndexError};
use crate::model::{
    ContentId, Delivery, Digest, Listing, ListingId, Octets, Receipt, Row, RowId, RowState, Seen, Timestamp, Uid,
    limits,
};
use crate::plan::{Plan, Twin};

/// How many messages are in which state, for a status line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Delivered, still listed, and not deleted.
    pub on_server: u64,
    /// Delivered, ever.
    pub delivered: u64,
    /// Listed and not delivered yet.
    pub waiting: u64,
    /// Of these, the ones that cost so many sessions their QUIT that they are fetched last.
    pub troubled: u64,
    /// In the held Maildir.
    pub held: u64,
    /// Untrusted after a failed sync.
    pub untrusted: u64,
    /// Deleted, and not confirmed by a later listing yet.
    pub delete_sent: u64,
    /// Deliveries of which only the other side knows whether it has them, and that wait for the user's word.
    pub in_doubt: u64,
}

const COLUMNS: &str = "id, uid, size, state, first_listed, gone, header_hash, full_hash, octets, delivered_at, \
     delivered_clock, delete_sent, proven_epoch, attempted, lost_sessions, retry_after";

impl Index<'_> {
    /// The rows of all messages, tombstones included; stubs are no messages of the server.
    pub fn seen(&self) -> Result<Seen, IndexError> {
        let rows = self.read(|db| {
            let mut statement =
                db.prepare_cached(&format!("SELECT {COLUMNS} FROM message WHERE stub_of IS NULL ORDER BY id"))?;
            statement.query_map([], read_row)?.collect::<rusqlite::Result<Vec<Row>>>()
        })?;
        Ok(Seen::new(rows))
    }

    /// Commits what a listing says before anything is fetched by it: new rows, tombstones, proofs, the epoch, and that a
    /// session with work to do has begun. Gives the rows of [`Plan::fresh`], in its order.
    pub fn commit_listing(
        &mut self,
        identity: &Identity,
        listing: &Listing,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<Vec<RowId>, IndexError> {
        self.commit("commit_listing", |db| {
            db.execute(
                "INSERT INTO listing (taken_at, complete, messages) VALUES (?1, ?2, ?3)",
                (now.0, listing.complete, listing.messages.len()),
            )?;
            let id = ListingId(db.last_insert_rowid());
            db.execute(
                "UPDATE account SET server = ?1, port = ?2, user = ?3, epoch = epoch + ?4, quit = quit AND NOT ?5",
                (&identity.server, identity.port, &identity.user, plan.contradicted, plan.has_work()),
            )?;
            mark_gone(db, plan, id)?;
            mark_proven(db, plan)?;
            let fresh = insert_fresh(db, plan, id)?;
            mark_attempted(db, plan, &fresh)?;
            Ok(fresh)
        })
    }

    /// A message is about to be fetched although the plan left it to another run (I7).
    pub fn attempt(&mut self, row: RowId) -> Result<(), IndexError> {
        self.commit("attempt", |db| db.execute(ATTEMPTED, [row.0]).map(drop))
    }

    /// Makes a row for a message that turned out to be none of the rows it was expected to be.
    ///
    /// It counts as listed as early as that row was, so that it is never taken for a renumbered copy.
    pub fn add_beside(&mut self, expected: RowId, uid: &Uid, size: Option<Octets>) -> Result<RowId, IndexError> {
        self.commit("add_beside", |db| {
            db.execute(
                "INSERT INTO message (uid, size, state, first_listed, attempted, proven_epoch)
                 SELECT ?2, ?3, 'new', first_listed, 1, (SELECT epoch FROM account) FROM message WHERE id = ?1",
                (expected.0, uid.as_bytes(), size.map(signed)),
            )?;
            Ok(RowId(db.last_insert_rowid()))
        })
    }

    /// Delivered, held or untrusted rows with this full hash that nothing took over, as seen from an undelivered row.
    pub fn twins(&self, row: RowId, full: Digest) -> Result<Vec<Twin>, IndexError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT twin.id, twin.uid = new.uid, coalesce(twin.gone <= new.first_listed, 0)
                 FROM message AS twin, message AS new
                 WHERE new.id = ?1 AND twin.full_hash = ?2 AND twin.adopted_by IS NULL AND twin.stub_of IS NULL
                   AND (twin.id <> new.id OR new.full_hash IS NOT NULL)
                   AND twin.state IN ('delivered', 'held', 'untrusted')
                 ORDER BY twin.id",
            )?;
            let read = |row: &SqlRow<'_>| {
                Ok(Twin { row: RowId(row.get(0)?), same_uid: row.get(1)?, vanished_before: row.get(2)? })
            };
            statement.query_map((row.0, &full.0[..]), read)?.collect()
        })
    }

    /// The content of every message of a unique-id was seen: they are these rows, and its other live rows are absent.
    ///
    /// With `contradicted` the unique-id named other content before, and a new epoch begins (I6).
    pub fn supersede(&mut self, rows: &[RowId], contradicted: bool) -> Result<(), IndexError> {
        let Some(first) = rows.first() else { return Ok(()) };
        self.commit("supersede", |db| {
            let mut of_uid = db.prepare_cached(
                "SELECT id FROM message
                 WHERE uid = (SELECT uid FROM message WHERE id = ?1) AND gone IS NULL AND stub_of IS NULL",
            )?;
            let live =
                of_uid.query_map([first.0], |sql| sql.get(0).map(RowId))?.collect::<rusqlite::Result<Vec<_>>>()?;
            let sql = "UPDATE message SET gone = (SELECT max(id) FROM listing) WHERE id = ?1";
            let mut mark = db.prepare_cached(sql)?;
            let listed: HashSet<&RowId> = rows.iter().collect();
            for absent in live.iter().filter(|row| !listed.contains(row)) {
                mark.execute([absent.0])?;
            }
            db.execute("UPDATE account SET epoch = epoch + ?1", [contradicted]).map(drop)
        })
    }

    /// A fetched message is a known row's, under the same unique-id: that row lives on, and a NEW row made for it goes.
    pub fn merge(&mut self, fresh: Option<RowId>, known: RowId, size: Option<Octets>) -> Result<(), IndexError> {
        self.commit("merge", |db| {
            if let Some(fresh) = fresh {
                db.execute("UPDATE message SET stub_of = ?2 WHERE stub_of = ?1", (fresh.0, known.0))?;
                db.execute("DELETE FROM message WHERE id = ?1 AND state = 'new'", [fresh.0])?;
            }
            db.execute(
                "UPDATE message SET gone = NULL, size = ?2, proven_epoch = (SELECT epoch FROM account) WHERE id = ?1",
                (known.0, size.map(signed)),
            )
            .map(drop)
        })
    }

    /// A NEW row's message is another row's: it takes over that row's content, delivery and age.
    ///
    /// With `replaces` the other row was renumbered to this one, and nothing else may adopt it; without, both are copies.
    pub fn adopt(&mut self, new: RowId, known: RowId, replaces: bool) -> Result<(), IndexError> {
        self.commit("adopt", |db| {
            db.execute(
                "UPDATE message SET (state, header_hash, full_hash, octets, delivery, target, inode, delivered_at,
                                     delivered_clock, held, proven_epoch)
                 = (SELECT state, header_hash, full_hash, octets, delivery, target, inode, delivered_at,
                           delivered_clock, held, (SELECT epoch FROM account) FROM message WHERE id = ?2)
                 WHERE id = ?1",
                (new.0, known.0),
            )?;
            if replaces {
                db.execute("UPDATE message SET adopted_by = ?1 WHERE id = ?2", (new.0, known.0))?;
            }
            Ok(())
        })
    }

    /// The proof that a message is durably delivered or held; `None` for any other row, and for a stub.
    pub fn receipt(&self, row: RowId) -> Result<Option<Receipt>, IndexError> {
        let found = self.read(|db| {
            db.query_row(
                "SELECT header_hash, full_hash, octets, state = 'held' FROM message
                 WHERE id = ?1 AND state IN ('delivered', 'held') AND stub_of IS NULL",
                [row.0],
                |sql| Ok((read_content(sql, 0)?, sql.get(3)?)),
            )
            .optional()
        })?;
        Ok(found.and_then(|(content, is_held)| Some(Receipt::issued_by_index(row, content?, is_held))))
    }

    /// A session ended by QUIT, with these rows DELEd in it.
    pub fn end_session(&mut self, deleted: &[RowId], now: Timestamp) -> Result<(), IndexError> {
        self.commit("end_session", |db| {
            db.execute("UPDATE account SET quit = 1", [])?;
            let mut statement = db.prepare_cached("UPDATE message SET delete_sent = ?2 WHERE id = ?1")?;
            for row in deleted {
                statement.execute((row.0, now.0))?;
            }
            Ok(())
        })
    }

    /// A message cost its session the QUIT while it was being read. Gives how many it cost by now.
    pub fn count_lost_session(&mut self, row: RowId) -> Result<u32, IndexError> {
        let sql = "UPDATE message SET lost_sessions = lost_sessions + 1 WHERE id = ?1 RETURNING lost_sessions";
        self.commit("count_lost_session", |db| db.query_row(sql, [row.0], |sql| sql.get(0)))
    }

    /// A message is not fetched again before a time.
    pub fn back_off(&mut self, row: RowId, retry_after: Timestamp) -> Result<(), IndexError> {
        let sql = "UPDATE message SET retry_after = ?2 WHERE id = ?1";
        self.commit("back_off", |db| db.execute(sql, (row.0, retry_after.0)).map(drop))
    }

    /// The unique-ids of the undelivered messages.
    pub fn undelivered(&self) -> Result<Vec<Uid>, IndexError> {
        self.read(|db| {
            let mut statement = db
                .prepare("SELECT DISTINCT uid FROM message WHERE state = 'new' AND gone IS NULL AND stub_of IS NULL")?;
            statement.query_map([], |sql| read_uid(sql, 0))?.collect()
        })
    }

    /// Never fetches the undelivered messages of a unique-id again; gives how many there were.
    pub fn skip(&mut self, uid: &Uid) -> Result<usize, IndexError> {
        let sql = "UPDATE message SET state = 'skipped' WHERE uid = ?1 AND state = 'new' AND stub_of IS NULL";
        self.commit("skip", |db| db.execute(sql, [uid.as_bytes()]))
    }

    /// How many messages are in which state. Stubs count where a delivery is in trouble: among what is held or untrusted.
    pub fn totals(&self) -> Result<Totals, IndexError> {
        self.read(|db| {
            db.query_row(
                "SELECT count(*) FILTER (WHERE state = 'delivered' AND gone IS NULL AND delete_sent IS NULL
                                           AND stub_of IS NULL),
                        count(*) FILTER (WHERE state = 'delivered' AND adopted_by IS NULL AND stub_of IS NULL),
                        count(*) FILTER (WHERE state = 'new' AND gone IS NULL AND stub_of IS NULL),
                        count(DISTINCT held) FILTER (WHERE state = 'held'),
                        count(*) FILTER (WHERE state = 'untrusted')
                            + (SELECT count(*) FROM delivery WHERE state = 'untrusted'),
                        count(*) FILTER (WHERE delete_sent IS NOT NULL AND gone IS NULL),
                        count(*) FILTER (WHERE state = 'new' AND gone IS NULL AND lost_sessions >= ?1),
                        (SELECT count(*) FROM delivery WHERE state = 'in_doubt')
                 FROM message",
                [limits::TROUBLED_AFTER],
                |row| {
                    Ok(Totals {
                        on_server: row.get(0)?,
                        delivered: row.get(1)?,
                        waiting: row.get(2)?,
                        held: row.get(3)?,
                        untrusted: row.get(4)?,
                        delete_sent: row.get(5)?,
                        troubled: row.get(6)?,
                        in_doubt: row.get(7)?,
                    })
                },
            )
        })
    }
}

fn mark_gone(db: &Connection, plan: &Plan, listing: ListingId) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached("UPDATE message SET gone = ?2 WHERE id = ?1")?;
    let mut forget = db.prepare_cached("DELETE FROM left_out WHERE message = ?1")?;
    for row in &plan.gone {
        statement.execute((row.0, listing.0))?;
        forget.execute([row.0])?;
    }
    Ok(())
}

fn mark_proven(db: &Connection, plan: &Plan) -> rusqlite::Result<()> {
    let sql = "UPDATE message SET gone = NULL, size = ?2, proven_epoch = (SELECT epoch FROM account) WHERE id = ?1";
    let mut statement = db.prepare_cached(sql)?;
    for (row, size) in &plan.proven {
        statement.execute((row.0, size.map(signed)))?;
    }
    Ok(())
}

fn insert_fresh(db: &Connection, plan: &Plan, listing: ListingId) -> rusqlite::Result<Vec<RowId>> {
    let mut statement = db.prepare_cached(
        "INSERT INTO message (uid, size, state, first_listed, proven_epoch)
         VALUES (?1, ?2, 'new', ?3, (SELECT epoch FROM account))",
    )?;
    plan.fresh
        .iter()
        .map(|listed| {
            statement.execute((listed.uid.as_bytes(), listed.size.map(signed), listing.0))?;
            Ok(RowId(db.last_insert_rowid()))
        })
        .collect()
}

const ATTEMPTED: &str = "UPDATE message SET attempted = 1, proven_epoch = (SELECT epoch FROM account) WHERE id = ?1";

fn mark_attempted(db: &Connection, plan: &Plan, fresh: &[RowId]) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached(ATTEMPTED)?;
    // A session that only deletes fetches nothing yet.
    let now = plan.fetches.iter().filter(|fetch| !plan.deletions_first && !fetch.beyond_limit);
    for fetch in now.chain(&plan.troubled) {
        if let Some(row) = fetch.row.committed(fresh) {
            statement.execute([row.0])?;
        }
    }
    Ok(())
}

fn read_row(sql: &SqlRow<'_>) -> rusqlite::Result<Row> {
    let delivery = match (sql.get(9)?, sql.get(10)?) {
        (Some(at), Some(clock)) => Some(Delivery { at: Timestamp(at), clock }),
        _ => None,
    };
    Ok(Row {
        id: RowId(sql.get(0)?),
        uid: read_uid(sql, 1)?,
        size: sql.get::<_, Option<u64>>(2)?.map(Octets),
        state: read_state(sql, 3)?,
        first_listed: ListingId(sql.get(4)?),
        gone: sql.get::<_, Option<i64>>(5)?.map(ListingId),
        content: read_content(sql, 6)?,
        delivery,
        delete_sent: sql.get::<_, Option<i64>>(11)?.is_some(),
        proven_epoch: sql.get(12)?,
        attempted: sql.get(13)?,
        lost_sessions: sql.get(14)?,
        retry_after: sql.get::<_, Option<i64>>(15)?.map(Timestamp),
    })
}

pub(super) fn read_uid(sql: &SqlRow<'_>, column: usize) -> rusqlite::Result<Uid> {
    Uid::new(sql.get_ref(column)?.as_blob()?).ok_or_else(|| malformed(column))
}

fn read_state(sql: &SqlRow<'_>, column: usize) -> rusqlite::Result<RowState> {
    Ok(match sql.get_ref(column)?.as_str()? {
        "new" => RowState::New,
        "intent" => RowState::Intent,
        "held" => RowState::Held,
        "delivered" => RowState::Delivered,
        "untrusted" => RowState::Untrusted,
        "skipped" => RowState::Skipped,
        _ => return Err(malformed(column)),
    })
}

/// Reads a header hash, a full hash and a size from three columns; `None` where there is no hash.
pub(super) fn read_content(sql: &SqlRow<'_>, first: usize) -> rusqlite::Result<Option<ContentId>> {
    let (Some(header), Some(full), Some(octets)) = (sql.get(first)?, sql.get(first + 1)?, sql.get(first + 2)?) else {
        return Ok(None);
    };
    Ok(Some(ContentId { header: Digest(header), full: Digest(full), octets: Octets(octets) }))
}

pub(super) fn malformed(column: usize) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(column, "message".into(), rusqlite::types::Type::Null)
}

/// SQLite's integers are signed; no message is longer than 2^63 octets.
pub(super) fn signed(octets: Octets) -> i64 {
    i64::try_from(octets.0).unwrap_or(i64::MAX)
}
