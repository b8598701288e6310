//! What rules leave on the server by its header.

use super::messages::read_uid;
use super::{Index, IndexError};
use crate::model::{Digest, Octets, Uid};

/// A message that a rule leaves on the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeftOut {
    /// Its unique-id.
    pub uid: Uid,
    /// Its size as it was listed.
    pub size: Octets,
    /// Why it stays there.
    pub why: String,
}

impl Index<'_> {
    /// What these rules said of new messages that were listed ever since, in an epoch in which their unique-ids still name
    /// them.
    pub fn left_out(&self, rules: Digest) -> Result<Vec<LeftOut>, IndexError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT uid, left_out.size, why FROM left_out JOIN message ON message.id = left_out.message
                  WHERE rules = ?1 AND state = 'new' AND gone IS NULL AND epoch = (SELECT epoch FROM account)",
            )?;
            let read = |sql: &rusqlite::Row<'_>| {
                Ok(LeftOut { uid: read_uid(sql, 0)?, size: Octets(sql.get(1)?), why: sql.get(2)? })
            };
            statement.query_map([&rules.0[..]], read)?.collect()
        })
    }

    /// Records what rules said of new messages, and forgets what others did. Of several messages of one unique-id nothing
    /// is recorded.
    pub fn note_left_out(&mut self, rules: Digest, messages: &[LeftOut]) -> Result<(), IndexError> {
        self.commit("note_left_out", |db| {
            db.execute("DELETE FROM left_out WHERE rules <> ?1", [&rules.0[..]])?;
            let mut statement = db.prepare_cached(
                "INSERT OR REPLACE INTO left_out (message, rules, size, epoch, why)
                 SELECT min(id), ?2, ?3, (SELECT epoch FROM account), ?4 FROM message
                  WHERE uid = ?1 AND state = 'new' AND gone IS NULL AND stub_of IS NULL HAVING count(*) = 1",
            )?;
            messages.iter().try_for_each(|LeftOut { uid, size, why }| {
                statement.execute((uid.as_bytes(), &rules.0[..], size.0, why)).map(drop)
            })
        })
    }
}
