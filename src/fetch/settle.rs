//! Before connecting: settles the deliveries that a crash left, and offers held messages to their targets again.

use std::collections::{BTreeMap, HashSet};

use super::targets::Targets;
use super::{FetchError, Runner};
use crate::deliver::files::{self, FileStore as _, PromisedFile};
use crate::deliver::parcel::Settled;
use crate::index::{DeliveryState, HELD, Journaled};
use crate::model::{DeliveryId, Promise, RowId};
use crate::report::{Event, Problem};

impl Runner<'_, '_> {
    pub(super) fn settle(&mut self, targets: &mut Targets<'_>) -> Result<(), FetchError> {
        let intents = self.index.intents()?;
        let mut promised: Vec<DeliveryId> = intents.iter().map(|intent| intent.delivery.clone()).collect();
        for journal in self.index.journal(DeliveryState::Intent)? {
            if let Promise::File { name, .. } = journal.promise {
                promised.push(DeliveryId(name));
            }
        }
        let main = targets.direct();
        let mut by_target: BTreeMap<i64, Vec<&Journaled>> = BTreeMap::new();
        for target in targets.maildirs() {
            by_target.entry(target).or_default();
        }
        for intent in &intents {
            let target = main.map_or(intent.target, |main| (self.rules.target_to_probe)(intent.target, main));
            by_target.entry(target).or_default().push(intent);
        }
        for (target, intents) in by_target {
            self.sweep(targets, target, &promised)?;
            self.recover(targets, target, &intents)?;
        }
        targets.find_held(self.index)?;
        self.settle_deliveries(targets)?;
        self.tell_doubts()?;
        self.offer_held(targets)
    }

    /// Removes from `tmp/` what an earlier run of this index left without a promise, to this target or to any other:
    /// two targets may be one folder.
    fn sweep(&mut self, targets: &mut Targets<'_>, target: i64, promised: &[DeliveryId]) -> Result<(), FetchError> {
        let staging = targets.get(self.index, target)?.staging();
        let names = staging.names()?;
        for name in (self.rules.stale)(&names, &staging.own_mark(), promised) {
            staging.discard(&DeliveryId(name.to_owned()))?;
        }
        Ok(())
    }

    /// Applies the recovery rules to the INTENT rows of one target.
    fn recover(&mut self, targets: &mut Targets<'_>, target: i64, intents: &[&Journaled]) -> Result<(), FetchError> {
        if intents.is_empty() {
            return Ok(());
        }
        let promised = |intent: &&Journaled| PromisedFile {
            delivery: intent.delivery.clone(),
            octets: intent.octets,
            at: intent.at,
        };
        let promised: Vec<PromisedFile> = intents.iter().map(promised).collect();
        let maildir = targets.get(self.index, target)?;
        let settled = files::settle(maildir, &promised, self.rules.resolve, self.host.now())?;
        let with = |wanted| {
            let rows = intents.iter().zip(&settled).filter(move |(_, settled)| **settled == wanted);
            rows.map(|(intent, _)| intent.row).collect::<Vec<RowId>>()
        };
        let (delivered, untrusted, again) = (with(Settled::Delivered), with(Settled::Untrusted), with(Settled::Lost));
        if !untrusted.is_empty() {
            return self.distrust(&untrusted);
        }
        if !delivered.is_empty() {
            let messages = self.index.confirm(&delivered)?.len();
            self.summary.delivered += messages as u64;
            self.summary.announced += (delivered.len() - messages) as u64;
        }
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

    fn tell_doubts(&mut self) -> Result<(), FetchError> {
        let totals = self.index.totals()?;
        let count = |messages| usize::try_from(messages).unwrap_or(usize::MAX);
        if totals.untrusted > 0 {
            self.problem(Problem::Untrusted { messages: count(totals.untrusted) });
        }
        if totals.in_doubt > 0 {
            self.problem(Problem::InDoubt { messages: count(totals.in_doubt), just_now: None });
        }
        Ok(())
    }

    /// Offers each held message to the targets that lack it; what they refuse stays held.
    fn offer_held(&mut self, targets: &mut Targets<'_>) -> Result<(), FetchError> {
        let mut whole = Vec::new();
        for parcel in self.index.parcels()? {
            self.go_on()?;
            if self.check_parcel(targets, &parcel)? {
                whole.push(parcel);
            }
        }
        if !whole.is_empty() {
            self.distribute(targets, whole)?;
        }
        self.remove_orphans(targets)
    }

    /// Removes from the spool what no row needs: a crash may have come between a commit and the removal.
    fn remove_orphans(&mut self, targets: &mut Targets<'_>) -> Result<(), FetchError> {
        let Some(held) = self.index.own_target(HELD)? else { return Ok(()) };
        let wanted: HashSet<DeliveryId> = self.index.held_names()?;
        let Ok(maildir) = targets.get(self.index, held.id) else { return Ok(()) };
        for delivery in maildir.own_in_new()? {
            if !wanted.contains(&delivery) {
                maildir.remove(&delivery)?;
            }
        }
        self.sweep(targets, held.id, &[])
    }
}
