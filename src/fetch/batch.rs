//! Messages on their way from the session into a target, made durable and recorded a batch at a time.

use std::collections::HashSet;

use super::exit::of_target;
use super::session::{Open, Retrieval, body_cap};
use super::targets::Targets;
use super::{FetchError, Runner};
use crate::deliver::TargetError;
use crate::deliver::files::FileStore as _;
use crate::deliver::staging::Staged;
use crate::index::IntentRecord;
use crate::model::{MessageNumber, Octets, Receipt, RowId, Uid, limits};
use crate::plan::{Fetch, FetchRow, Reason, Verdict};
use crate::pop3::{RetrError, Retrieved, SessionError, Sighting};
use crate::report::{Event, Problem};

/// A message that is durable and recorded, and what this session saw of it.
struct Recorded {
    receipt: Receipt,
    number: MessageNumber,
    sighting: Sighting,
}

/// Whole messages in `tmp/` of one target, not durable yet.
pub(super) struct Batch {
    target: i64,
    messages: Vec<Waiting>,
    octets: u64,
}

struct Waiting {
    staged: Staged,
    record: IntentRecord,
    number: MessageNumber,
    uid: Uid,
    sighting: Sighting,
}

impl Batch {
    pub(super) fn new(target: i64) -> Self {
        Self { target, messages: Vec::new(), octets: 0 }
    }

    pub(super) fn target(&self) -> i64 {
        self.target
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= limits::BATCH_MESSAGES || self.octets >= limits::BATCH_OCTETS
    }

    fn push(&mut self, waiting: Waiting) {
        self.octets += waiting.record.content.octets.0;
        self.messages.push(waiting);
    }
}

impl Runner<'_, '_> {
    /// What is free where mail goes, and what so many octets need with the floor that stays free. A full disk ends the run.
    pub(super) fn free_space(
        &self,
        targets: &mut Targets<'_>,
        target: i64,
        size: Octets,
    ) -> Result<(Octets, Octets), FetchError> {
        let floor = limits::FREE_SPACE_FLOOR_OCTETS;
        let free = targets.get(self.index, target)?.folder().free_space()?;
        let needed = Octets(size.0.saturating_add(floor));
        if free.0 < floor { Err(FetchError::NoSpace { free, needed }) } else { Ok((free, needed)) }
    }

    /// RETRs one message into `tmp/` of a target.
    pub(super) fn retrieve(
        &mut self,
        open: &mut Open<'_>,
        targets: &mut Targets<'_>,
        target: i64,
        fetch: &Fetch,
    ) -> Result<(Staged, Retrieved), Retrieval> {
        let maildir = targets.get(self.index, target).map_err(Retrieval::Failed)?;
        let mut incoming = maildir.staging().begin().map_err(refuse_or_fail)?;
        let delivery = incoming.delivery().clone();
        let observer = self.observer;
        let account = &self.job.identity.name;
        let result = open.session.retr(fetch.listed.number, body_cap(fetch.listed.size), &mut |stored| {
            // Stored line ends are one octet, listed ones two (RFC 1939 §11).
            let listed = stored.len() + memchr::memchr_iter(b'\n', stored).count();
            observer.observe(account, &Event::Received(Octets(listed as u64)));
            incoming.write(stored)
        });
        let error = match result {
            Ok(retrieved) => match check_end(open, fetch, &retrieved) {
                Ok(()) => {
                    let staged = incoming.finish().map_err(refuse_or_fail)?;
                    observer.observe(account, &Event::Arrived);
                    return Ok((staged, retrieved));
                }
                Err(error) => RetrError::Session(error),
            },
            Err(error) => error,
        };
        // Nothing was promised; what cannot be removed now is swept by the next run.
        let _ = maildir.staging().discard(&delivery);
        match error {
            RetrError::Refused { text, .. } => Err(Retrieval::Refused(text)),
            RetrError::Session(error) => Err(Retrieval::Failed(error.into())),
            RetrError::Sink(source) => {
                let path = maildir.root().to_owned();
                let refusal = refuse_or_fail(TargetError::Io { doing: "write a message into", path, source });
                if matches!(refusal, Retrieval::TargetRefuses(_)) {
                    open.session.drain_body().map_err(|error| Retrieval::Failed(error.into()))?;
                }
                Err(refusal)
            }
        }
    }

    /// Decides whether a fetched message was delivered before; if not, it joins the batch.
    pub(super) fn consider(
        &mut self,
        open: &mut Open<'_>,
        targets: &mut Targets<'_>,
        batch: &mut Batch,
        fetch: &Fetch,
        staged: Staged,
        retrieved: Retrieved,
    ) -> Result<(), FetchError> {
        let row = fetch.row.committed(&open.fresh);
        let ((Some(seen_from), _) | (None, FetchRow::Expected(seen_from))) = (row, fetch.row) else { return Ok(()) };
        let mut twins = self.index.twins(seen_from, retrieved.content.full)?;
        // Among copies of one unique-id each is compared with its own row first.
        twins.sort_by_key(|twin| twin.row != seen_from);
        if let Verdict::SameAs(known) = (self.rules.judge)(&twins, open.listing.complete) {
            targets.get(self.index, batch.target())?.staging().discard(staged.delivery())?;
            let same_uid = twins.iter().any(|twin| twin.row == known && twin.same_uid);
            return self.recognise(open, fetch, known, same_uid, retrieved);
        }
        let row = match row {
            Some(row) => row,
            None => self.index.add_beside(seen_from, &fetch.listed.uid, fetch.listed.size)?,
        };
        self.supersede(open, fetch, row, true)?;
        let (delivery, inode) = (staged.delivery().clone(), staged.inode());
        batch.push(Waiting {
            staged,
            record: IntentRecord { row, delivery, inode, content: retrieved.content },
            number: fetch.listed.number,
            uid: fetch.listed.uid.clone(),
            sighting: retrieved.sighting,
        });
        Ok(())
    }

    /// A fetched message is one that was delivered before: nothing is delivered, and it may be due.
    fn recognise(
        &mut self,
        open: &mut Open<'_>,
        fetch: &Fetch,
        known: RowId,
        same_uid: bool,
        retrieved: Retrieved,
    ) -> Result<(), FetchError> {
        let row = fetch.row.committed(&open.fresh);
        let lives_on = match row {
            Some(row) if !same_uid || fetch.is_copy => {
                self.index.adopt(row, known, !same_uid)?;
                row
            }
            row => {
                self.index.merge(row, known, fetch.listed.size)?;
                known
            }
        };
        self.supersede(open, fetch, lives_on, false)?;
        self.summary.recognised += 1;
        self.emit(&Event::Recognised { uid: &fetch.listed.uid });
        let Some(receipt) = self.index.receipt(lives_on)? else { return Ok(()) };
        open.settle(fetch.listed.number, &receipt, retrieved.sighting);
        Ok(())
    }

    /// Where the unique-id alone proved nothing, its content now tells which of its rows is listed.
    fn supersede(&mut self, open: &mut Open<'_>, fetch: &Fetch, row: RowId, is_other: bool) -> Result<(), FetchError> {
        if let Some(copies) = open.copies.get_mut(&fetch.listed.uid) {
            if let Some(unseen) = copies.iter_mut().find(|copy| copy.is_none()) {
                *unseen = Some(row);
            }
            return Ok(());
        }
        let was_in_doubt = fetch.reason == Reason::Unproven || fetch.reason.deletes();
        if was_in_doubt && open.listing.complete {
            self.index.supersede(&[row], is_other && !open.contradicted)?;
            open.contradicted |= is_other;
        }
        Ok(())
    }

    /// Makes a batch durable and records it, in the order of the life of a message.
    pub(super) fn commit_batch(
        &mut self,
        open: Option<&mut Open<'_>>,
        targets: &mut Targets<'_>,
        batch: Batch,
    ) -> Result<(), FetchError> {
        if batch.is_empty() {
            return Ok(());
        }
        let is_spooled = targets.direct().is_none();
        let mut recorded = self.make_durable(targets, batch)?;
        if is_spooled {
            recorded = self.pass_on(targets, recorded)?;
        }
        let Some(open) = open else { return Ok(()) };
        for Recorded { receipt, number, sighting } in recorded {
            open.settle(number, &receipt, sighting);
        }
        Ok(())
    }

    /// Out of the spool to the targets; what they all have may be deleted.
    fn pass_on(&mut self, targets: &mut Targets<'_>, recorded: Vec<Recorded>) -> Result<Vec<Recorded>, FetchError> {
        let rows: HashSet<RowId> = recorded.iter().map(|recorded| recorded.receipt.row()).collect();
        self.distribute_rows(targets, &rows)?;
        let renew = |recorded: Recorded| -> Result<Recorded, FetchError> {
            let receipt = self.index.receipt(recorded.receipt.row())?.unwrap_or(recorded.receipt);
            Ok(Recorded { receipt, ..recorded })
        };
        let renewed = recorded.into_iter().map(renew).collect::<Result<Vec<_>, _>>()?;
        self.summary.held += renewed.iter().filter(|recorded| recorded.receipt.is_held()).count() as u64;
        Ok(renewed)
    }

    fn make_durable(&mut self, targets: &mut Targets<'_>, batch: Batch) -> Result<Vec<Recorded>, FetchError> {
        let target = batch.target;
        let (mut files, mut records, mut uids, mut seen) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for message in batch.messages {
            files.push(message.staged);
            records.push(message.record);
            uids.push(message.uid);
            seen.push((message.number, message.sighting));
        }
        let receipts = self.record_durably(targets, target, files, &records)?;
        for (receipt, uid) in receipts.iter().zip(&uids) {
            if !receipt.is_held() {
                self.delivered(uid, receipt.content().octets);
            }
        }
        let recorded = |(receipt, (number, sighting))| Recorded { receipt, number, sighting };
        Ok(receipts.into_iter().zip(seen).map(recorded).collect())
    }

    /// The order of a delivery, from whole files in `tmp/` to their receipts: sync, INTENT, rename, sync, DELIVERED.
    pub(super) fn record_durably(
        &mut self,
        targets: &mut Targets<'_>,
        target: i64,
        files: Vec<Staged>,
        records: &[IntentRecord],
    ) -> Result<Vec<Receipt>, FetchError> {
        let rows: Vec<RowId> = records.iter().map(|record| record.row).collect();
        targets.count_run(self.index, target)?;
        let maildir = targets.get(self.index, target)?;
        if let Err(error) = maildir.staging().sync(files) {
            // Before INTENT nothing is promised: the next run uses new files.
            for record in records {
                let _ = maildir.staging().discard(&record.delivery);
            }
            return Err(error.into());
        }
        self.index.intend(target, records, self.clock, self.host.now())?;
        for record in records {
            maildir.place(&record.delivery, record.content.octets)?;
        }
        let deliveries: Vec<_> = records.iter().map(|record| record.delivery.clone()).collect();
        if let Err(error) = maildir.sync_placed(&deliveries) {
            self.distrust(&rows)?;
            return Err(error.into());
        }
        Ok(self.index.confirm(&rows)?)
    }

    /// The target refuses a message: it goes into the held Maildir, durable, and stays on the server (I4).
    pub(super) fn hold(
        &mut self,
        open: &mut Open<'_>,
        targets: &mut Targets<'_>,
        batch: &mut Batch,
        fetch: &Fetch,
        refusal: &TargetError,
    ) -> Result<(), FetchError> {
        let cause = crate::report::with_causes(refusal);
        let started = std::mem::replace(batch, Batch::new(batch.target()));
        self.commit_batch(Some(open), targets, started)?;
        let held = targets.held(self.index)?;
        let (staged, retrieved) = match self.retrieve(open, targets, held, fetch) {
            Ok(got) => got,
            Err(Retrieval::Refused(text)) => {
                self.problem_once(Problem::RetrRefused { uid: fetch.listed.uid.clone(), text });
                return Ok(());
            }
            Err(Retrieval::TargetRefuses(error)) => return Err(error.into()),
            Err(Retrieval::Failed(error)) => return Err(self.blame(open, fetch, error)),
        };
        let mut alone = Batch::new(held);
        self.consider(open, targets, &mut alone, fetch, staged, retrieved)?;
        if !alone.is_empty() {
            self.commit_batch(Some(open), targets, alone)?;
            self.summary.held += 1;
            let target =
                targets.direct().map(|direct| targets.name(self.index, direct)).transpose()?.unwrap_or_default();
            self.problem(Problem::Held { target, messages: 1, cause, exit: of_target(refusal) });
        }
        Ok(())
    }
}

/// A body shorter than listed may have ended at a dot that the server forgot to stuff: Dovecot 2.3 leaves the first octet
/// of a message alone. Then its rest is read as the next reply, so another command tells before anything is delivered.
fn check_end(open: &mut Open<'_>, fetch: &Fetch, retrieved: &Retrieved) -> Result<(), SessionError> {
    if fetch.listed.size.is_some_and(|listed| retrieved.wire < listed) { open.session.noop() } else { Ok(()) }
}

/// A failing or full disk ends the run; any other error of a target is its refusal of this message.
fn refuse_or_fail(error: TargetError) -> Retrieval {
    if error.is_disk_failure() { Retrieval::Failed(error.into()) } else { Retrieval::TargetRefuses(error) }
}
