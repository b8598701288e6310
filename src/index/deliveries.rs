//! The journal of deliveries out of the spool: a row for each parcel and target, INTENT before it is performed.

use std::collections::HashMap;

use rusqlite::{Connection, Row as SqlRow};

use super::messages::{malformed, read_content, read_uid, signed};
use super::{Index, IndexError};
use crate::model::{ContentId, DeliveryId, Dialect, Digest, Octets, Promise, RowId, Timestamp, Uid};

/// A HELD message: it lies in the spool until all its targets have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldParcel {
    /// Its name in the spool.
    pub parcel: DeliveryId,
    /// The number of that spool.
    pub spool: i64,
    /// The first row that it is the message of.
    pub row: RowId,
    /// That row's unique-id.
    pub uid: Uid,
    /// What lies in the spool.
    pub content: ContentId,
    /// When it was put there.
    pub fetched_at: Timestamp,
    /// Whether it is the stub of a message that stays on the server.
    pub is_stub: bool,
    /// Whether the last complete listing had it; what a stub lost can be asked for again.
    pub is_listed: bool,
    /// Its size, as the server listed it.
    pub listed_size: Option<Octets>,
    /// How far its deliveries are, by target.
    pub deliveries: HashMap<i64, DeliveryState>,
}

/// How far the delivery of a parcel to one target is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryState {
    /// Promised; after a crash the target tells what became of it.
    Intent,
    /// The target has it.
    Delivered,
    /// The target will never take it: the quarantine gets it instead.
    Rejected,
    /// A sync failed: what the disk holds of it is not known.
    Untrusted,
    /// Only the other side knows, and the user wants to be asked.
    InDoubt,
}

impl DeliveryState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Delivered => "delivered",
            Self::Rejected => "rejected",
            Self::Untrusted => "untrusted",
            Self::InDoubt => "in_doubt",
        }
    }
}

/// A delivery that is about to be performed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PromiseRecord<'a> {
    /// The parcel.
    pub parcel: &'a DeliveryId,
    /// The full hash of the message.
    pub full: Digest,
    /// The header lines put before it.
    pub prefix: &'a [u8],
    /// How to find out what became of it.
    pub promise: Promise,
}

/// A delivery in the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Journal {
    /// The parcel.
    pub parcel: DeliveryId,
    /// The number of the target.
    pub target: i64,
    /// The header lines put before it.
    pub prefix: Vec<u8>,
    /// How to find out what became of it.
    pub promise: Promise,
    /// When it was promised.
    pub at: Timestamp,
}

/// What became of a promised delivery.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding<'a> {
    /// The parcel.
    pub parcel: &'a DeliveryId,
    /// Its new state; `None` where the target has nothing of it, and it is offered again.
    pub state: Option<DeliveryState>,
}

impl Index<'_> {
    /// The HELD messages, one for each parcel, in the order in which they were put into the spool.
    pub fn parcels(&self) -> Result<Vec<HeldParcel>, IndexError> {
        let mut parcels = self.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT held, target, id, uid, header_hash, full_hash, octets, delivered_at, gone IS NULL, size,
                        stub_of IS NOT NULL
                 FROM message WHERE state = 'held' GROUP BY held ORDER BY id",
            )?;
            statement.query_map([], read_parcel)?.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        self.read(|db| {
            let mut statement = db.prepare_cached("SELECT target, state FROM delivery WHERE parcel = ?1")?;
            for parcel in &mut parcels {
                let read = |sql: &SqlRow<'_>| Ok((sql.get(0)?, read_state(sql, 1)?));
                parcel.deliveries = statement.query_map([&parcel.parcel.0], read)?.collect::<rusqlite::Result<_>>()?;
            }
            Ok(parcels)
        })
    }

    /// Records INTENT for deliveries to one target, in one commit.
    pub fn promise(&mut self, target: i64, promises: &[PromiseRecord<'_>], now: Timestamp) -> Result<(), IndexError> {
        self.commit("promise", |db| {
            for record in promises {
                insert_promise(db, target, record, now)?;
            }
            Ok(())
        })
    }

    /// Records what became of promised deliveries to one target, in one commit.
    pub fn find(&mut self, target: i64, findings: &[Finding<'_>]) -> Result<(), IndexError> {
        self.commit("find", |db| {
            let mut forget = db.prepare_cached("DELETE FROM delivery WHERE parcel = ?1 AND target = ?2")?;
            let mut set = db.prepare_cached("UPDATE delivery SET state = ?3 WHERE parcel = ?1 AND target = ?2")?;
            for Finding { parcel, state } in findings {
                match state {
                    None => forget.execute((&parcel.0, target))?,
                    Some(state) => set.execute((&parcel.0, target, state.as_str()))?,
                };
            }
            Ok(())
        })
    }

    /// All targets of these parcels have them: every row that is HELD in one is DELIVERED, in one commit.
    pub fn complete(&mut self, parcels: &[&DeliveryId], clock: i64, now: Timestamp) -> Result<(), IndexError> {
        self.commit("complete", |db| {
            let mut statement = db.prepare_cached(
                "UPDATE message SET state = 'delivered', held = NULL, delivered_at = ?2, delivered_clock = ?3
                 WHERE held = ?1 AND state = 'held'",
            )?;
            parcels.iter().try_for_each(|parcel| statement.execute((&parcel.0, now.0, clock)).map(drop))
        })
    }

    /// The deliveries in one state.
    pub fn journal(&self, state: DeliveryState) -> Result<Vec<Journal>, IndexError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT parcel, target, prefix, at, name, inode, device, start, octets, hash, dialect
                 FROM delivery WHERE state = ?1 ORDER BY target, start, parcel",
            )?;
            statement.query_map([state.as_str()], read_journal)?.collect()
        })
    }
}

fn insert_promise(db: &Connection, target: i64, record: &PromiseRecord<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let parcel = &record.parcel.0;
    let common = (parcel, target, now.0, &record.full.0[..], record.prefix);
    let (parcel, target, at, full, prefix) = common;
    match &record.promise {
        Promise::File { name, inode } => db
            .prepare_cached(
                "INSERT INTO delivery (parcel, target, state, at, full_hash, prefix, name, inode)
                 VALUES (?1, ?2, 'intent', ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((parcel, target, at, full, prefix, name, inode.cast_signed())),
        Promise::Range { device, inode, offset, octets, hash, dialect } => db
            .prepare_cached(
                "INSERT INTO delivery
                    (parcel, target, state, at, full_hash, prefix, inode, device, start, octets, hash, dialect)
                 VALUES (?1, ?2, 'intent', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute((
                parcel,
                target,
                at,
                full,
                prefix,
                inode.cast_signed(),
                device.cast_signed(),
                signed(*offset),
                signed(*octets),
                &hash.0[..],
                name_of(*dialect),
            )),
        Promise::HandedOver => db
            .prepare_cached(
                "INSERT INTO delivery (parcel, target, state, at, full_hash, prefix)
                 VALUES (?1, ?2, 'intent', ?3, ?4, ?5)",
            )?
            .execute((parcel, target, at, full, prefix)),
    }
    .map(drop)
}

fn read_parcel(sql: &SqlRow<'_>) -> rusqlite::Result<HeldParcel> {
    Ok(HeldParcel {
        parcel: DeliveryId(sql.get(0)?),
        spool: sql.get(1)?,
        row: RowId(sql.get(2)?),
        uid: read_uid(sql, 3)?,
        content: read_content(sql, 4)?.ok_or_else(|| malformed(4))?,
        fetched_at: Timestamp(sql.get(7)?),
        is_listed: sql.get(8)?,
        // A size of 0 is none: some servers do not know it.
        listed_size: sql.get::<_, Option<u64>>(9)?.filter(|size| *size > 0).map(Octets),
        is_stub: sql.get(10)?,
        deliveries: HashMap::new(),
    })
}

fn read_journal(sql: &SqlRow<'_>) -> rusqlite::Result<Journal> {
    Ok(Journal {
        parcel: DeliveryId(sql.get(0)?),
        target: sql.get(1)?,
        prefix: sql.get(2)?,
        at: Timestamp(sql.get(3)?),
        promise: read_promise(sql)?,
    })
}

fn read_promise(sql: &SqlRow<'_>) -> rusqlite::Result<Promise> {
    let inode = sql.get::<_, Option<i64>>(5)?.map(i64::cast_unsigned);
    let (Some(inode), Some(hash)) = (inode, sql.get(9)?) else {
        return Ok(match (sql.get(4)?, inode) {
            (Some(name), Some(inode)) => Promise::File { name, inode },
            _ => Promise::HandedOver,
        });
    };
    Ok(Promise::Range {
        device: sql.get::<_, i64>(6)?.cast_unsigned(),
        inode,
        offset: Octets(sql.get(7)?),
        octets: Octets(sql.get(8)?),
        hash: Digest(hash),
        dialect: dialect_of(sql.get_ref(10)?.as_str()?).ok_or_else(|| malformed(10))?,
    })
}

fn read_state(sql: &SqlRow<'_>, column: usize) -> rusqlite::Result<DeliveryState> {
    use DeliveryState::{Delivered, InDoubt, Intent, Rejected, Untrusted};
    let name = sql.get_ref(column)?.as_str()?;
    let all = [Intent, Delivered, Rejected, Untrusted, InDoubt];
    all.into_iter().find(|state| state.as_str() == name).ok_or_else(|| malformed(column))
}

fn name_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Mboxrd => "mboxrd",
        Dialect::Mboxo => "mboxo",
        Dialect::Mboxcl2 => "mboxcl2",
    }
}

fn dialect_of(name: &str) -> Option<Dialect> {
    [Dialect::Mboxrd, Dialect::Mboxo, Dialect::Mboxcl2].into_iter().find(|dialect| name_of(*dialect) == name)
}
