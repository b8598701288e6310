//! Before connecting: settles the deliveries that a crash left, and offers held messages to their target again.

use std::collections::BTreeMap;

use super::targets::Targets;
use super::{FetchError, Runner};
use crate::deliver::TargetError;
use crate::index::{IntentRecord, Journaled};
use crate::model::{DeliveryId, RowId};
use crate::recover::Resolution;
use crate::report::{Event, Problem, with_causes};

/// A target that refused so many held messages one after the other is not asked for the others in this run.
const MOST_REFUSALS: usize = 8;

impl Runner<'_, '_> {
    pub(super) fn settle(&mut self, targets: &mut Targets<'_>) -> Result<(), FetchError> {
        let intents = self.index.intents()?;
        let promised: Vec<DeliveryId> = intents.iter().map(|intent| intent.delivery.clone()).collect();
        let main = targets.main;
        let mut by_target: BTreeMap<i64, Vec<&Journaled>> = BTreeMap::new();
        by_target.entry(main).or_default();
        for intent in &intents {
            by_target.entry((self.rules.target_to_probe)(intent.target, main)).or_default().push(intent);
        }
        for (target, intents) in by_target {
            self.sweep(targets, target, &promised)?;
            self.recover(targets, target, &intents)?;
        }
        let untrusted = self.index.untrusted()?.len();
        if untrusted > 0 {
            self.problem(Problem::Untrusted { messages: untrusted });
        }
        self.deliver_held(targets)
    }

    /// Removes from `tmp/` what an earlier run of this index left without a promise, to this target or to any other:
    /// two targets may be one folder.
    fn sweep(&mut self, targets: &mut Targets<'_>, target: i64, promised: &[DeliveryId]) -> Result<(), FetchError> {
        let maildir = targets.get(self.index, target)?;
        let names = maildir.tmp_names()?;
        for name in (self.rules.stale)(&names, &maildir.own_mark(), promised) {
            maildir.discard(&DeliveryId(name.to_owned()))?;
        }
        Ok(())
    }

    /// Applies the recovery rules to the INTENT rows of one target.
    fn recover(&mut self, targets: &mut Targets<'_>, target: i64, intents: &[&Journaled]) -> Result<(), FetchError> {
        if intents.is_empty() {
            return Ok(());
        }
        let maildir = targets.get(self.index, target)?;
        let (mut delivered, mut again) = (Vec::new(), Vec::new());
        for intent in intents {
            let mut found = maildir.probe(&intent.delivery, false)?;
            if found.placed.is_none() && found.tmp.is_none() {
                found = maildir.probe(&intent.delivery, true)?;
            }
            match (self.rules.resolve)(found, intent.at, self.host.now()) {
                Resolution::RenameThenDelivered => maildir.place(&intent.delivery, intent.content.octets)?,
                Resolution::UnlinkThenDelivered => maildir.discard(&intent.delivery)?,
                Resolution::SyncThenDelivered | Resolution::TakenAway => {}
                Resolution::Conflict => return Err(FetchError::Conflict(intent.delivery.clone())),
                Resolution::FetchAgain => {
                    again.push(intent.row);
                    continue;
                }
            }
            delivered.push(intent.row);
        }
        if let Err(error) = maildir.sync_placed() {
            self.distrust(&delivered)?;
            return Err(error.into());
        }
        if !delivered.is_empty() {
            self.index.confirm(&delivered)?;
        }
        self.summary.delivered += delivered.len() as u64;
        self.emit(&Event::Recovered { delivered: delivered.len() });
        if !again.is_empty() {
            self.index.withdraw(&again)?;
            self.problem(Problem::FetchedAgain { messages: again.len() });
        }
        Ok(())
    }

    /// A sync failed after the rename: what the disk holds of these INTENT rows is not known.
    pub(super) fn distrust(&mut self, rows: &[RowId]) -> Result<(), FetchError> {
        self.index.distrust(rows)?;
        self.problem(Problem::Untrusted { messages: rows.len() });
        Ok(())
    }

    /// Offers each held message to the configured target; what it refuses stays held.
    fn deliver_held(&mut self, targets: &mut Targets<'_>) -> Result<(), FetchError> {
        targets.find_held(self.index)?;
        let rows = self.index.held()?;
        let mut refused = 0;
        let mut cause = String::new();
        for row in &rows {
            self.go_on()?;
            match self.deliver_one_held(targets, row) {
                Ok(()) => {}
                Err(FetchError::Target(error)) if !error.is_disk_failure() => {
                    refused += 1;
                    cause = with_causes(&error);
                }
                Err(error) => return Err(error),
            }
            if refused == MOST_REFUSALS {
                refused = rows.len();
                break;
            }
        }
        if refused > 0 {
            self.problem(Problem::Held { messages: refused, cause });
        }
        self.remove_orphans(targets)
    }

    fn deliver_one_held(&mut self, targets: &mut Targets<'_>, row: &Journaled) -> Result<(), FetchError> {
        let Some(mut source) = targets.get(self.index, row.target)?.open_message(&row.delivery)? else {
            return self.give_up_held(targets, row);
        };
        let main = targets.main;
        let (staged, content) = targets.get(self.index, main)?.copy_in(&mut *source)?;
        if content != row.content {
            targets.get(self.index, main)?.discard(staged.delivery())?;
            return self.give_up_held(targets, row);
        }
        let record = IntentRecord { row: row.row, delivery: staged.delivery().clone(), inode: staged.inode(), content };
        self.record_durably(targets, main, vec![staged], &[record])?;
        self.delivered(&row.uid, content.octets);
        Ok(targets.get(self.index, row.target)?.remove(&row.delivery)?)
    }

    /// The held copy is gone or damaged: the server's is fetched again, if there is one.
    fn give_up_held(&mut self, targets: &mut Targets<'_>, row: &Journaled) -> Result<(), FetchError> {
        if !row.is_listed {
            let held = targets.get(self.index, row.target)?.root().to_owned();
            return Err(TargetError::Damaged(held.join(&row.delivery.0)).into());
        }
        self.index.give_up_held(row.row)?;
        self.problem(Problem::FetchedAgain { messages: 1 });
        Ok(())
    }

    /// Removes from the held Maildir what no row needs: a crash may have come between a commit and the removal.
    fn remove_orphans(&mut self, targets: &mut Targets<'_>) -> Result<(), FetchError> {
        let Some(held) = self.index.held_target()? else { return Ok(()) };
        let wanted = self.index.held_names()?;
        let Ok(maildir) = targets.get(self.index, held.id) else { return Ok(()) };
        for delivery in maildir.own_in_new()? {
            if !wanted.contains(&delivery) {
                maildir.remove(&delivery)?;
            }
        }
        self.sweep(targets, held.id, &[])
    }
}
