//! Out of the spool: each parcel to each of its targets, every one recorded by itself, so that a retry never repeats a
//! finished one.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::exit::of_target;
use super::targets::Targets;
use super::{FetchError, Runner};
use crate::deliver::TargetError;
use crate::deliver::files::FileStore as _;
use crate::deliver::maildir::Maildir;
use crate::deliver::parcel::{Outcome, Parcel, Promised, Settled, Source as _};
use crate::deliver::staging::digest;
use crate::index::{DeliveryState, Finding, HeldParcel, Journal, PromiseRecord};
use crate::model::{DeliveryId, InDoubt, Promise, RowId};
use crate::report::{Event, Exit, Problem, with_causes};

/// A target that refused so many parcels one after the other is not asked for the others in this run.
const MOST_REFUSALS: usize = 8;

/// What a target refuses in this distribution.
#[derive(Default)]
struct Refusals {
    messages: usize,
    cause: String,
    exit: Exit,
    in_a_row: usize,
    /// Nothing more is offered to it.
    is_over: bool,
}

impl Refusals {
    fn of_stopped(why: Option<(String, Exit)>) -> Self {
        why.map_or_else(Self::default, |(cause, exit)| Self { cause, exit, is_over: true, ..Self::default() })
    }

    fn add(&mut self, messages: usize, error: &TargetError) {
        self.messages += messages;
        self.in_a_row += 1;
        self.is_over |= self.in_a_row >= MOST_REFUSALS || error.is_of_whole_target();
        self.cause = with_causes(error);
        self.exit = of_target(error);
    }
}

impl Runner<'_, '_> {
    /// What a crash left of promised deliveries: each target tells, the recorded one, whatever is configured now.
    pub(super) fn settle_deliveries(&mut self, targets: &mut Targets<'_>) -> Result<(), FetchError> {
        let mut by_target: BTreeMap<i64, Vec<Journal>> = BTreeMap::new();
        for journal in self.index.journal(DeliveryState::Intent)? {
            by_target.entry(journal.target).or_default().push(journal);
        }
        if by_target.is_empty() {
            return Ok(());
        }
        let parcels = self.index.parcels()?;
        for (target, journals) in by_target {
            self.settle_target(targets, target, &journals, &parcels)?;
        }
        Ok(())
    }

    fn settle_target(
        &mut self,
        targets: &mut Targets<'_>,
        target: i64,
        journals: &[Journal],
        parcels: &[HeldParcel],
    ) -> Result<(), FetchError> {
        let held = journals.iter().filter_map(|journal| {
            parcels.iter().find(|parcel| parcel.parcel == journal.parcel).map(|parcel| (journal, parcel))
        });
        let mut sources = Vec::new();
        let mut found = Vec::new();
        for (journal, parcel) in held {
            sources.push(targets.get(self.index, parcel.spool)?.clone());
            found.push((journal, parcel));
        }
        let promised: Vec<Promised<'_>> = found
            .iter()
            .zip(&sources)
            .map(|((journal, parcel), source)| Promised {
                parcel: parcel_of(parcel, source, journal.prefix.clone()),
                promise: journal.promise.clone(),
                at: journal.at,
            })
            .collect();
        let settled = if targets.is_known(self.index, target)? {
            targets.deliver(self.index, target)?.settle(&promised)?
        } else {
            vec![Settled::InDoubt; promised.len()]
        };
        let in_doubt = targets.in_doubt(target);
        let states = settled.iter().map(|settled| match settled {
            Settled::Delivered => Some(DeliveryState::Delivered),
            Settled::Untrusted => Some(DeliveryState::Untrusted),
            Settled::InDoubt if in_doubt == InDoubt::Hold => Some(DeliveryState::InDoubt),
            Settled::NotDelivered | Settled::Lost | Settled::InDoubt => None,
        });
        let findings: Vec<Finding<'_>> =
            found.iter().zip(states).map(|((_, parcel), state)| Finding { parcel: &parcel.parcel, state }).collect();
        self.index.find(target, &findings)?;
        self.tell_settled(targets, target, &settled)
    }

    fn tell_settled(&mut self, targets: &Targets<'_>, target: i64, settled: &[Settled]) -> Result<(), FetchError> {
        let count = |wanted| settled.iter().filter(|settled| **settled == wanted).count();
        self.emit(&Event::Recovered { delivered: count(Settled::Delivered) });
        let lost = count(Settled::Lost);
        if lost > 0 {
            self.problem(Problem::FetchedAgain { messages: lost });
        }
        let in_doubt = count(Settled::InDoubt);
        if in_doubt > 0 && targets.in_doubt(target) == InDoubt::Redeliver {
            let target = targets.name(self.index, target)?;
            self.problem(Problem::Redelivered { target, messages: in_doubt });
        }
        Ok(())
    }

    /// Offers parcels to all the targets that lack them, and completes those that all their targets have.
    pub(super) fn distribute(
        &mut self,
        targets: &mut Targets<'_>,
        mut parcels: Vec<HeldParcel>,
    ) -> Result<(), FetchError> {
        let wanted = self.wanted(targets, &parcels)?;
        let mut disk_failure = None;
        let all: BTreeSet<i64> = wanted.iter().flatten().copied().collect();
        for target in all {
            let lacks = |parcel: &HeldParcel, wanted: &[i64]| {
                wanted.contains(&target) && !parcel.deliveries.contains_key(&target)
            };
            let waiting: Vec<usize> = (0..parcels.len()).filter(|at| lacks(&parcels[*at], &wanted[*at])).collect();
            let failure = self.offer(targets, target, &mut parcels, &waiting)?;
            disk_failure = disk_failure.or(failure);
        }
        let is_rejected =
            |parcel: &HeldParcel| parcel.deliveries.values().any(|state| *state == DeliveryState::Rejected);
        if parcels.iter().any(is_rejected) {
            let quarantine = targets.quarantine(self.index)?;
            let wants = |parcel: &HeldParcel| is_rejected(parcel) && !parcel.deliveries.contains_key(&quarantine);
            let waiting: Vec<usize> = (0..parcels.len()).filter(|at| wants(&parcels[*at])).collect();
            let failure = self.offer(targets, quarantine, &mut parcels, &waiting)?;
            disk_failure = disk_failure.or(failure);
        }
        self.complete(targets, &parcels, &wanted)?;
        self.go_on()?;
        disk_failure.map_or(Ok(()), |error| Err(error.into()))
    }

    /// The same for the parcels of these rows.
    pub(super) fn distribute_rows(
        &mut self,
        targets: &mut Targets<'_>,
        rows: &HashSet<RowId>,
    ) -> Result<(), FetchError> {
        let mut parcels = self.index.parcels()?;
        parcels.retain(|parcel| rows.contains(&parcel.row));
        self.distribute(targets, parcels)
    }

    /// The targets of each parcel.
    fn wanted(&mut self, targets: &mut Targets<'_>, parcels: &[HeldParcel]) -> Result<Vec<Vec<i64>>, FetchError> {
        parcels.iter().map(|parcel| targets.wanted(self.index, parcel)).collect()
    }

    /// Offers parcels to one target, a batch at a time. Gives the error of a disk that fails there.
    fn offer(
        &mut self,
        targets: &mut Targets<'_>,
        target: i64,
        parcels: &mut [HeldParcel],
        waiting: &[usize],
    ) -> Result<Option<TargetError>, FetchError> {
        let mut refusals = Refusals::of_stopped(targets.why_stopped(target));
        let mut disk_failure = None;
        let size = targets.deliver(self.index, target)?.batch().max(1);
        for chunk in waiting.chunks(size) {
            // What is not offered any more is no refusal.
            if self.go_on().is_err() {
                break;
            }
            if refusals.is_over {
                refusals.messages += chunk.len();
                continue;
            }
            let result = self.deliver_chunk(targets, target, parcels, chunk, &mut refusals)?;
            let Err(error) = result else { continue };
            // One message that cannot be delivered holds up no other one of its batch.
            if chunk.len() == 1 || error.is_of_whole_target() {
                refusals.add(chunk.len(), &error);
                disk_failure = disk_failure.or(error.is_disk_failure().then_some(error));
                continue;
            }
            for single in chunk.chunks(1) {
                if refusals.is_over {
                    refusals.messages += 1;
                } else if let Err(error) = self.deliver_chunk(targets, target, parcels, single, &mut refusals)? {
                    refusals.add(1, &error);
                    disk_failure = disk_failure.or(error.is_disk_failure().then_some(error));
                }
            }
        }
        if refusals.messages > 0 {
            let Refusals { messages, cause, exit, is_over, .. } = refusals;
            if is_over {
                targets.stop(target, &cause, exit);
            }
            self.problem(Problem::Held { target: targets.name(self.index, target)?, messages, cause, exit });
        }
        Ok(disk_failure)
    }

    /// The order of a delivery out of the spool: make ready, INTENT, deliver, record. The inner error is the target's refusal.
    fn deliver_chunk(
        &mut self,
        targets: &mut Targets<'_>,
        target: i64,
        parcels: &mut [HeldParcel],
        chunk: &[usize],
        refusals: &mut Refusals,
    ) -> Result<Result<(), TargetError>, FetchError> {
        let mut sources = Vec::new();
        for at in chunk {
            sources.push(targets.get(self.index, parcels[*at].spool)?.clone());
        }
        let with_prefix = |(at, source): (&usize, &Maildir<'_>)| targets.prefix(target, &parcels[*at], source);
        let prefixes: Vec<Vec<u8>> = match chunk.iter().zip(&sources).map(with_prefix).collect() {
            Ok(prefixes) => prefixes,
            Err(error) => return Ok(Err(error)),
        };
        let offered = chunk.iter().zip(&sources).zip(prefixes);
        let offered: Vec<Parcel<'_>> =
            offered.map(|((at, source), prefix)| parcel_of(&parcels[*at], source, prefix)).collect();
        match targets.count_run(self.index, target) {
            Err(FetchError::Target(error)) => return Ok(Err(error)),
            result => result?,
        }
        let prepared = match targets.deliver(self.index, target)?.prepare(&offered) {
            Ok(prepared) => prepared,
            Err(error) => return Ok(Err(error)),
        };
        self.promise(target, &offered, prepared.promises())?;
        let outcomes = prepared.perform();
        for (at, outcome) in chunk.iter().zip(outcomes) {
            let name = targets.name(self.index, target)?;
            if let Some(state) = self.weigh(outcome, name, targets.in_doubt(target), refusals) {
                parcels[*at].deliveries.insert(target, state);
            }
        }
        self.record(target, parcels, chunk)?;
        Ok(Ok(()))
    }

    fn promise(&mut self, target: i64, offered: &[Parcel<'_>], promises: Vec<Promise>) -> Result<(), FetchError> {
        let records: Vec<PromiseRecord<'_>> =
            offered.iter().zip(promises).map(|(parcel, promise)| promise_of(parcel, promise)).collect();
        Ok(self.index.promise(target, &records, self.host.now())?)
    }

    /// Records what became of the promises; those of which nothing is known stay promised.
    fn record(&mut self, target: i64, parcels: &[HeldParcel], chunk: &[usize]) -> Result<(), FetchError> {
        let found = chunk.iter().map(|at| (&parcels[*at].parcel, parcels[*at].deliveries.get(&target).copied()));
        let findings: Vec<Finding<'_>> = found
            .filter(|(_, state)| *state != Some(DeliveryState::Intent))
            .map(|(parcel, state)| Finding { parcel, state })
            .collect();
        Ok(self.index.find(target, &findings)?)
    }

    /// What an outcome makes of the journal, and of what the user is told.
    fn weigh(
        &mut self,
        outcome: Outcome,
        target: String,
        in_doubt: InDoubt,
        refusals: &mut Refusals,
    ) -> Option<DeliveryState> {
        match outcome {
            Outcome::Delivered => {
                refusals.in_a_row = 0;
                Some(DeliveryState::Delivered)
            }
            Outcome::Refused(error) => {
                refusals.add(1, &error);
                None
            }
            Outcome::Rejected(error) => {
                refusals.in_a_row = 0;
                self.problem(Problem::Rejected { target, messages: 1, cause: with_causes(&error) });
                Some(DeliveryState::Rejected)
            }
            Outcome::Untrusted(_) => {
                self.problem(Problem::Untrusted { messages: 1 });
                Some(DeliveryState::Untrusted)
            }
            Outcome::InDoubt(error) if in_doubt == InDoubt::Hold => {
                refusals.add(0, &error);
                let just_now = Some((target, with_causes(&error)));
                self.problem(Problem::InDoubt { messages: 1, just_now });
                Some(DeliveryState::InDoubt)
            }
            // The next run settles it.
            Outcome::InDoubt(error) => {
                refusals.add(1, &error);
                Some(DeliveryState::Intent)
            }
        }
    }

    /// What all its targets have is DELIVERED, and leaves the spool.
    fn complete(
        &mut self,
        targets: &mut Targets<'_>,
        parcels: &[HeldParcel],
        wanted: &[Vec<i64>],
    ) -> Result<(), FetchError> {
        let quarantine = targets.quarantine_id();
        let is_complete = |(parcel, wanted): &(&HeldParcel, &Vec<i64>)| is_complete(parcel, wanted, quarantine);
        let complete = parcels.iter().zip(wanted).filter(is_complete);
        let complete: Vec<&HeldParcel> = complete.map(|(parcel, _)| parcel).collect();
        if complete.is_empty() {
            return Ok(());
        }
        let names: Vec<&DeliveryId> = complete.iter().map(|parcel| &parcel.parcel).collect();
        self.index.complete(&names, self.clock, self.host.now())?;
        for parcel in complete {
            if parcel.is_stub {
                self.announced(&parcel.uid);
            } else {
                self.delivered(&parcel.uid, parcel.content.octets);
            }
            targets.get(self.index, parcel.spool)?.remove(&parcel.parcel)?;
        }
        Ok(())
    }

    /// Whether a parcel of an earlier run still lies whole in the spool. What does not is fetched again, if it is listed.
    pub(super) fn check_parcel(&mut self, targets: &mut Targets<'_>, parcel: &HeldParcel) -> Result<bool, FetchError> {
        let maildir = targets.get(self.index, parcel.spool)?;
        let content = maildir.open(&parcel.parcel)?.and_then(|mut message| digest(&mut *message).ok());
        if content == Some(parcel.content) {
            return Ok(true);
        }
        if !parcel.is_listed {
            let path = maildir.root().join(&parcel.parcel.0);
            self.problem(Problem::Damaged { path });
            return Ok(false);
        }
        self.index.give_up_held(parcel.row)?;
        self.problem(Problem::FetchedAgain { messages: 1 });
        Ok(false)
    }
}

fn promise_of<'p>(parcel: &'p Parcel<'_>, promise: Promise) -> PromiseRecord<'p> {
    PromiseRecord { parcel: &parcel.token, full: parcel.content.full, prefix: &parcel.prefix, promise }
}

fn parcel_of<'s>(parcel: &HeldParcel, source: &'s Maildir<'_>, prefix: Vec<u8>) -> Parcel<'s> {
    Parcel {
        token: parcel.parcel.clone(),
        uid: parcel.uid.clone(),
        content: parcel.content,
        fetched_at: parcel.fetched_at,
        prefix,
        source,
    }
}

/// Whether every wanted target has it, or has rejected it and the quarantine has it. What a rule skips has none.
fn is_complete(parcel: &HeldParcel, wanted: &[i64], quarantine: Option<i64>) -> bool {
    let state = |target: &i64| parcel.deliveries.get(target);
    let is_done = |target: &i64| matches!(state(target), Some(DeliveryState::Delivered | DeliveryState::Rejected));
    let is_rejected = wanted.iter().any(|target| state(target) == Some(&DeliveryState::Rejected));
    let in_quarantine = || quarantine.is_some_and(|id| state(&id) == Some(&DeliveryState::Delivered));
    !wanted.is_empty() && wanted.iter().all(is_done) && (!is_rejected || in_quarantine())
}
