//! Before connecting: settles the deliveries that a crash left, and offers held messages to their target again.

use std::collections::BTreeMap;

use super::targets::Targets;
use super::{FetchError, Runner};
use crate::index::{IntentRecord, Journaled};
use crate::model::{DeliveryId, RowId};
use crate::recover::Resolution;
use crate::report::{Event, Problem};

impl Runner<'_, '_> {
    pub(super) fn settle(&mut self, targets: &mut Targets<'_>) -> Result<(), FetchError> {
        let intents = self.index.intents()?;
        let main = targets.main;
        let mut by_target: BTreeMap<i64, Vec<&Journaled>> = BTreeMap::new();
        by_target.entry(main).or_default();
        for intent in &intents {
            by_target.entry((self.rules.target_to_probe)(intent.target, main)).or_default().push(intent);
        }
        for (target, intents) in by_target {
            self.sweep(targets, target, &intents)?;
            self.recover(targets, target, &intents)?;
        }
        let untrusted = self.index.untrusted()?.len();
        if untrusted > 0 {
            self.problem(Problem::Untrusted { messages: untrusted });
        }
        self.deliver_held(targets)
    }

    /// Removes from `tmp/` what an earlier run of this index left without a promise.
    fn sweep(&mut self, targets: &mut Targets<'_>, target: i64, intents: &[&Journaled]) -> Result<(), FetchError> {
        let maildir = targets.get(self.index, target)?;
        let names = maildir.tmp_names()?;
        let promised: Vec<DeliveryId> = intents.iter().map(|intent| intent.delivery.clone()).collect();
        for name in (self.rules.stale)(&names, &maildir.own_mark(), &promised) {
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
                Resolution::RenameThenDelivered => maildir.place(&intent.delivery, intent.octets)?,
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
        let Some(held) = targets.held(self.index, false)? else { return Ok(()) };
        self.sweep(targets, held, &[])?;
        let mut refused = 0;
        let mut cause = String::new();
        for row in self.index.held()? {
            match self.deliver_one_held(targets, held, &row) {
                Ok(()) => {}
                Err(FetchError::Target(error)) if !error.is_disk_failure() => {
                    refused += 1;
                    cause = error.to_string();
                }
                Err(error) => return Err(error),
            }
        }
        if refused > 0 {
            self.problem(Problem::Held { messages: refused, cause });
        }
        self.remove_orphans(targets, held)
    }

    fn deliver_one_held(&mut self, targets: &mut Targets<'_>, held: i64, row: &Journaled) -> Result<(), FetchError> {
        let source = targets.get(self.index, held)?.open_message(&row.delivery)?;
        let Some(mut source) = source else {
            return Err(crate::deliver::TargetError::Missing(targets.get(self.index, held)?.root().to_owned()).into());
        };
        let main = targets.main;
        let (staged, content) = targets.get(self.index, main)?.copy_in(&mut *source)?;
        targets.count_run(self.index, main)?;
        let maildir = targets.get(self.index, main)?;
        let record = IntentRecord { row: row.row, delivery: staged.delivery().clone(), inode: staged.inode(), content };
        maildir.sync_staged(vec![staged])?;
        self.index.intend(main, std::slice::from_ref(&record), self.clock, self.host.now())?;
        maildir.place(&record.delivery, content.octets)?;
        if let Err(error) = maildir.sync_placed() {
            self.distrust(&[row.row])?;
            return Err(error.into());
        }
        self.index.confirm(&[row.row])?;
        self.delivered(&row.uid, content.octets);
        Ok(targets.get(self.index, held)?.remove(&row.delivery)?)
    }

    /// Removes from the held Maildir what its target took: a crash may have come between the commit and the removal.
    fn remove_orphans(&mut self, targets: &mut Targets<'_>, held: i64) -> Result<(), FetchError> {
        let wanted = self.index.held_names()?;
        let maildir = targets.get(self.index, held)?;
        for delivery in maildir.own_in_new()? {
            if !wanted.contains(&delivery) {
                maildir.remove(&delivery)?;
            }
        }
        Ok(())
    }
}
