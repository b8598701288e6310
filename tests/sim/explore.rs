//! Every history of a bounded kind: each fault, each crash point, each outcome of a power cut, each reader.

use std::collections::HashSet;

use fetchonce::demo::{BadMessage, CutAt, Event as ServerEvent, Faults, ListOnly, Maildrop, MessageFault, Order, Quit};

use crate::history::{CLEAN_RUNS, Scenario, Violation, check_end, run, run_clean};
use crate::part::hash;
use crate::world::{Reader, Setting, World};

const READERS: [Reader; 3] = [Reader::Away, Reader::Moves, Reader::Removes];

/// How far a history goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Crashes {
    /// At most one, in the first or the second run.
    One,
    /// Up to two: one in each of the first two runs.
    Two,
}

/// Counts and memory of an exploration of one scenario. A state reached again is not run again: its outcome is the same.
pub(crate) struct Explorer<'s> {
    scenario: &'s Scenario,
    /// Histories: ways to reach a state that was then run to its end, or had been.
    pub(crate) histories: u64,
    /// Different states run to their end.
    pub(crate) ends: u64,
    begun: HashSet<u64>,
    ended: HashSet<u64>,
}

impl<'s> Explorer<'s> {
    pub(crate) fn new(scenario: &'s Scenario) -> Self {
        Self { scenario, histories: 0, ends: 0, begun: HashSet::new(), ended: HashSet::new() }
    }

    /// Explores every history of `maildrop` with `fault` in the first or the second run, and gives the first violation.
    pub(crate) fn explore(&mut self, maildrop: &Maildrop, fault: &Faults, crashes: Crashes) -> Result<(), Violation> {
        let plain = self.scenario.server.clone();
        for (first, second) in [(fault, &plain), (&plain, fault)] {
            self.explore_placed(maildrop, first, second, crashes)?;
        }
        Ok(())
    }

    fn explore_placed(
        &mut self,
        maildrop: &Maildrop,
        first: &Faults,
        second: &Faults,
        crashes: Crashes,
    ) -> Result<(), Violation> {
        let scenario = self.scenario;
        let begun = run(World::new(maildrop.clone()), scenario, 0, setting(first, scenario));
        for (world, crashed) in aftermath(begun.snapshots, begun.world) {
            for reader in READERS {
                let mut world = world.clone();
                world.read_mail(reader);
                self.continue_with(world, second, crashes == Crashes::Two || !crashed)?;
            }
        }
        Ok(())
    }

    /// The second run from one state, crashed at every step where another crash is allowed; then the end.
    fn continue_with(&mut self, world: World, faults: &Faults, may_crash: bool) -> Result<(), Violation> {
        self.histories += 1;
        let key = hash(&(&world, faults, may_crash));
        if !self.begun.insert(key) {
            return Ok(());
        }
        let mut again = run(world, self.scenario, 1, setting(faults, self.scenario));
        if !may_crash {
            again.snapshots.clear();
        }
        for (world, _) in aftermath(again.snapshots, again.world) {
            self.end(world, 2)?;
        }
        Ok(())
    }

    /// Runs a state to its end, as far as that was not done before.
    pub(crate) fn end(&mut self, mut world: World, runs_before: usize) -> Result<(), Violation> {
        self.histories += 1;
        for clean in 0..CLEAN_RUNS {
            if !self.is_new_end(&world, clean) {
                return Ok(());
            }
            world = run_clean(world, self.scenario, runs_before + clean)?;
        }
        if !self.is_new_end(&world, CLEAN_RUNS) {
            return Ok(());
        }
        self.ends += 1;
        check_end(world, self.scenario, runs_before + CLEAN_RUNS)
    }

    fn is_new_end(&mut self, world: &World, clean: usize) -> bool {
        let key = hash(&(world, clean));
        self.ended.insert(key)
    }
}

fn setting(faults: &Faults, scenario: &Scenario) -> Setting {
    let mut connections = vec![scenario.server.clone(); 4];
    connections[0] = faults.clone();
    Setting { connections, take_snapshots: true, ..Setting::default() }
}

/// The states after a run: its end, and each crash point after a kill and after each outcome of a power cut.
///
/// The flag tells the crashed ones.
pub(crate) fn aftermath(snapshots: Vec<World>, end: World) -> Vec<(World, bool)> {
    let now = end.now;
    let mut known = HashSet::new();
    let mut states = Vec::new();
    let mut last_disk = None;
    for mut world in snapshots {
        world.now = now;
        // Power cuts between two steps that change neither the disk nor the index differ only by the server.
        let cuts = if last_disk.as_ref() == Some(&(world.disk.clone(), world.index.clone(), world.maildrop.clone())) {
            Vec::new()
        } else {
            world.after_power_cut()
        };
        last_disk = Some((world.disk.clone(), world.index.clone(), world.maildrop.clone()));
        for state in cuts.into_iter().chain([world]) {
            if known.insert(hash(&state)) {
                states.push((state, true));
            }
        }
    }
    states.push((end, false));
    states
}

/// Every single fault of a connection, for a session of `replies` replies about these messages.
///
/// At each reply the ways in which a client can see it fail: the line drops before or within it, or it is `-ERR`.
pub(crate) fn faults(maildrop: &Maildrop, replies: u32) -> Vec<Faults> {
    let mut all = vec![Faults::default()];
    for reply in 0..replies {
        all.push(Faults { drop_at_reply: Some(reply), ..Faults::default() });
        all.push(Faults { cut_reply: Some((reply, CutAt::Half)), ..Faults::default() });
        all.push(Faults { refuse_command: Some(reply), ..Faults::default() });
    }
    for quit in [Quit::AnsweredNotApplied, Quit::AppliedUnanswered, Quit::Lost, Quit::Rejected, Quit::RejectedHalfway] {
        all.push(Faults { quit, ..Faults::default() });
    }
    for order in [Order::Reversed, Order::Rotated(1)] {
        all.push(Faults { order, ..Faults::default() });
    }
    for shown in 0..count(maildrop.messages.len()) {
        for list_only in [ListOnly::InUidl(shown), ListOnly::InFirstUidl(shown)] {
            all.push(Faults { list_only: Some(list_only), ..Faults::default() });
        }
        // Identical copies of which one is deleted before the other is ever listed cannot be told from one message that
        // was renumbered (I6): what counts as two is what was listed together.
        if !are_twins(maildrop) {
            all.push(Faults { list_only: Some(ListOnly::Everywhere(shown)), ..Faults::default() });
        }
    }
    for message in &maildrop.messages {
        for fault in [MessageFault::RetrCut, MessageFault::RetrRefused, MessageFault::DeleRefused] {
            let bad_message = Some(BadMessage { uid: message.uid.clone(), fault });
            all.push(Faults { bad_message, ..Faults::default() });
        }
    }
    all.push(Faults { empty_listing: true, ..Faults::default() });
    all.push(Faults { dele_ignored: true, ..Faults::default() });
    all.push(Faults { no_top: true, ..Faults::default() });
    all.push(Faults { no_capa: true, ..Faults::default() });
    all.push(Faults { pipelining: true, ..Faults::default() });
    all
}

/// Small counts of the simulation.
pub(crate) fn count(number: usize) -> u32 {
    u32::try_from(number).expect("the simulation counts no millions")
}

/// More ways in which a reply can fail, for histories from seeds.
pub(crate) fn rarer_faults(replies: u32) -> Vec<Faults> {
    let mut all = Vec::new();
    for reply in 0..replies {
        for cut in [CutAt::FirstLine, CutAt::LastLine, CutAt::LastOctet] {
            all.push(Faults { cut_reply: Some((reply, cut)), ..Faults::default() });
        }
        all.push(Faults { garbage_instead_of_reply: Some(reply), ..Faults::default() });
        all.push(Faults { silent_at_reply: Some(reply), ..Faults::default() });
    }
    all
}

fn are_twins(maildrop: &Maildrop) -> bool {
    maildrop.messages.windows(2).any(|pair| pair[0].wire == pair[1].wire)
}

/// How many replies a faultless first session has.
pub(crate) fn replies(maildrop: &Maildrop, scenario: &Scenario) -> u32 {
    let ran = run(World::new(maildrop.clone()), scenario, 0, Setting::default());
    1 + count(ran.log.iter().filter(|event| matches!(event, ServerEvent::Command(_))).count())
}

/// Two short messages with one line that begins with a dot; equal ones when `twins`.
pub(crate) fn maildrop(messages: usize, twins: bool) -> Maildrop {
    let mut maildrop = Maildrop::new();
    for number in 0..messages {
        let number = if twins { 0 } else { number };
        maildrop.add(format!("Subject: {number}\nStatus: RO\n\n.line {number}\n").as_bytes());
    }
    maildrop
}

/// The number of steps of a faultless first run.
pub(crate) fn steps(maildrop: &Maildrop, scenario: &Scenario) -> usize {
    let setting = Setting { take_snapshots: true, ..Setting::default() };
    run(World::new(maildrop.clone()), scenario, 0, setting).snapshots.len()
}
