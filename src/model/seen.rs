//! What the index knows of each message: the life of a message as types.

use std::collections::HashMap;

use super::{ContentId, ListingId, Octets, RowId, Timestamp, Uid};

/// How far a message's delivery has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RowState {
    /// Listed, and nothing promised yet.
    New,
    /// About to be renamed into its target; after a crash [`crate::recover`] decides.
    Intent,
    /// The target refused it; the bytes lie durable in the account's held Maildir.
    Held,
    /// Durable in its target.
    Delivered,
    /// A sync failed after the rename: never fetched again, never deleted, reported.
    Untrusted,
    /// The user asked never to fetch it.
    Skipped,
}

/// Where and when a message was delivered.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Delivery {
    /// Wall-clock time of the INTENT.
    pub at: Timestamp,
    /// The index's credited clock at that time, in seconds; retention counts from it.
    pub clock: i64,
}

/// One message of the index. A row with `gone` is a tombstone: a complete listing lacked it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Row {
    /// Its number in the index.
    pub id: RowId,
    /// The unique-id it was listed by.
    pub uid: Uid,
    /// The size that was last listed for it.
    pub size: Option<Octets>,
    /// How far its delivery has come.
    pub state: RowState,
    /// The listing in which it first appeared.
    pub first_listed: ListingId,
    /// The first complete listing that lacked it.
    pub gone: Option<ListingId>,
    /// Its content, once it was fetched.
    pub content: Option<ContentId>,
    /// Its delivery, once there was an INTENT.
    pub delivery: Option<Delivery>,
    /// Whether a session with its DELE was ended by QUIT.
    pub delete_sent: bool,
    /// The epoch in which its unique-id was last proven to name its content (I6).
    pub proven_epoch: i64,
    /// Whether a session set out to fetch it.
    pub attempted: bool,
    /// Sessions that ended without QUIT while it was being read.
    pub lost_sessions: u32,
    /// Not fetched before this time after lost sessions.
    pub retry_after: Option<Timestamp>,
}

/// All rows of an account, found by unique-id.
#[derive(Clone, Default, Debug)]
pub struct Seen {
    rows: Vec<Row>,
    by_uid: HashMap<Uid, Vec<usize>>,
}

impl Seen {
    /// The rows in the order of the index.
    #[must_use]
    pub fn new(rows: Vec<Row>) -> Self {
        let mut by_uid: HashMap<Uid, Vec<usize>> = HashMap::with_capacity(rows.len());
        for (at, row) in rows.iter().enumerate() {
            by_uid.entry(row.uid.clone()).or_default().push(at);
        }
        Self { rows, by_uid }
    }

    /// All rows.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows of one unique-id, tombstones included.
    pub fn of<'a>(&'a self, uid: &Uid) -> impl Iterator<Item = &'a Row> + use<'a> {
        self.by_uid.get(uid).into_iter().flatten().map(|&at| &self.rows[at])
    }
}
