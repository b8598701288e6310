//! Stubs: rows that are delivered like messages, and stand for the header alone of one that stays on the server.
//!
//! A stub goes through the states of a message, but is never compared with a listing and gives no receipt: nothing is
//! deleted by it (I3).

use std::collections::HashSet;

use rusqlite::OptionalExtension as _;

use super::messages::signed;
use super::{Index, IndexError};
use crate::model::{Digest, Listed, RowId};

impl Index<'_> {
    /// The messages that have a stub, delivered or on its way.
    pub fn announced(&self) -> Result<HashSet<RowId>, IndexError> {
        self.read(|db| {
            let sql = "SELECT stub_of FROM message WHERE stub_of IS NOT NULL AND state <> 'new'";
            db.prepare_cached(sql)?.query_map([], |sql| sql.get(0).map(RowId))?.collect()
        })
    }

    /// Makes a NEW row for the stub of each of these messages, or gives the one that an earlier run left NEW.
    pub fn add_stubs(&mut self, messages: &[(RowId, &Listed)]) -> Result<Vec<RowId>, IndexError> {
        self.commit("add_stubs", |db| {
            let mut find = db.prepare_cached("SELECT id FROM message WHERE stub_of = ?1 AND state = 'new'")?;
            let mut insert = db.prepare_cached(
                "INSERT INTO message (uid, size, state, first_listed, stub_of)
                 SELECT uid, ?2, 'new', first_listed, id FROM message WHERE id = ?1",
            )?;
            let mut row = |(message, listed): &(RowId, &Listed)| {
                if let Some(known) = find.query_row([message.0], |sql| sql.get(0).map(RowId)).optional()? {
                    return Ok(known);
                }
                insert.execute((message.0, listed.size.map(signed)))?;
                Ok(RowId(db.last_insert_rowid()))
            };
            messages.iter().map(&mut row).collect()
        })
    }

    /// A stub with this header that is delivered, or on its way: of a message that is listed under another unique-id now.
    pub fn stub_with(&self, header: Digest) -> Result<Option<RowId>, IndexError> {
        self.read(|db| {
            db.query_row(
                "SELECT id FROM message
                 WHERE stub_of IS NOT NULL AND header_hash = ?1 AND state IN ('delivered', 'held', 'untrusted')
                 ORDER BY id LIMIT 1",
                [&header.0[..]],
                |sql| sql.get(0).map(RowId),
            )
            .optional()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::host::RealHost;
    use crate::index::{Identity, IntentRecord, LeftOut};
    use crate::model::{ContentId, DeliveryId, Listing, MessageNumber, Octets, RowState, Timestamp, Uid};
    use crate::plan::Plan;

    const NOW: Timestamp = Timestamp(1_700_000_000);

    fn listed(uid: &str) -> Listed {
        Listed { number: MessageNumber(1), uid: Uid::new(uid.as_bytes()).unwrap(), size: Some(Octets(99)) }
    }

    fn list(index: &mut Index<'_>, uid: &str) -> RowId {
        let identity = index.identity().unwrap();
        let listing = Listing { messages: vec![listed(uid)], complete: true, unidentified: 0 };
        let plan = Plan { fresh: vec![listed(uid)], ..Plan::default() };
        index.commit_listing(&identity, &listing, &plan, NOW).unwrap()[0]
    }

    fn record(row: RowId, content: u8) -> IntentRecord {
        let digest = Digest([content; 32]);
        let content = ContentId { header: digest, full: digest, octets: Octets(9) };
        IntentRecord { row, delivery: DeliveryId(format!("d{}", row.0)), inode: 1, content }
    }

    fn with_index(kind: &str, test: impl FnOnce(&mut Index<'_>, i64)) {
        let host = RealHost::new(Arc::new(AtomicBool::new(false)));
        let identity = Identity { name: "work".into(), server: "s".into(), port: 110, user: "u".into() };
        let mut index = Index::open_image(&host, None, &identity).unwrap();
        let target = index.add_target(kind, "/mail".as_ref(), "", 0).unwrap().id;
        test(&mut index, target);
    }

    /// I3: durable in its target or held, a stub gives no receipt, and is nothing that a listing has or lacks.
    #[test]
    fn i3_a_stub_gives_no_receipt_and_is_no_message() {
        for kind in ["maildir", super::super::HELD] {
            with_index(kind, |index, target| {
                let message = list(index, "u");
                let before = (index.seen().unwrap().rows().to_vec(), index.totals().unwrap());
                let stub = index.add_stubs(&[(message, &listed("u"))]).unwrap()[0];
                assert!(index.announced().unwrap().is_empty(), "nothing is promised yet");
                assert_eq!(index.add_stubs(&[(message, &listed("u"))]).unwrap(), [stub], "one that was left is used");
                let (rules, uid) = (Digest([7; 32]), listed("u").uid);
                let left_out = LeftOut { uid, size: Octets(99), why: "\"rule\"".into() };
                index.note_left_out(rules, std::slice::from_ref(&left_out)).unwrap();
                assert_eq!(index.left_out(rules).unwrap(), [left_out], "the unique-id is that of one message");
                index.intend(target, &[record(stub, 1)], 0, NOW).unwrap();
                assert_eq!(index.confirm(&[stub]).unwrap(), []);
                assert_eq!(index.receipt(stub).unwrap(), None);
                assert_eq!(index.announced().unwrap(), [message].into());
                assert_eq!(index.stub_with(Digest([1; 32])).unwrap(), Some(stub));
                assert_eq!(index.twins(message, Digest([1; 32])).unwrap(), []);
                assert_eq!(index.seen().unwrap().rows(), before.0);
                assert_eq!(index.lying_in(target).unwrap(), [], "nothing of it can be removed");
                let held = u64::from(kind == super::super::HELD);
                assert_eq!(index.totals().unwrap(), crate::index::Totals { held, ..before.1 });
                assert_eq!(index.parcels().unwrap().iter().filter(|parcel| parcel.is_stub).count() as u64, held);

                index.supersede(&[message], false).unwrap();
                assert!(index.parcels().unwrap().iter().all(|parcel| parcel.is_listed), "it was never listed");
                assert_eq!(index.skip(&listed("u").uid).unwrap(), 1);
                assert_eq!(index.announced().unwrap(), [message].into());
            });
        }
    }

    #[test]
    fn a_message_that_gives_its_place_to_a_known_one_leaves_it_the_stub() {
        with_index("maildir", |index, target| {
            let known = list(index, "u");
            let fresh = list(index, "v");
            index.intend(target, &[record(known, 1)], 0, NOW).unwrap();
            assert_eq!(index.confirm(&[known]).unwrap().len(), 1);
            let stub = index.add_stubs(&[(fresh, &listed("v"))]).unwrap()[0];
            index.intend(target, &[record(stub, 2)], 0, NOW).unwrap();
            index.confirm(&[stub]).unwrap();
            assert_eq!(index.stub_with(Digest([1; 32])).unwrap(), None, "a message is no stub");
            index.merge(Some(fresh), known, None).unwrap();
            assert_eq!(index.announced().unwrap(), [known].into());
            assert_eq!(index.seen().unwrap().rows()[0].state, RowState::Delivered);
            assert_eq!(index.seen().unwrap().rows().len(), 1);
        });
    }
}
