//! Longer histories from seeds: several crashes and faults, mail that arrives, servers that renumber, move, reuse
//! unique-ids and give one to several messages, other clients that delete, readers that move and remove, targets that
//! refuse, limits.
//!
//! `FETCHONCE_SIM_SEEDS=FROM..TO` runs other seeds than the default ones; a failure names its seeds.

use std::time::Duration;

use fetchonce::demo::{self, Faults, ListOnly, Maildrop};
use fetchonce::model::Octets;
use fetchonce::policy::{Intake, Keep, Order, Oversize, Retention};

use crate::KEEPS;
use crate::explore::{aftermath, faults, rarer_faults};
use crate::history::{CLEAN_RUNS, Scenario, Violation, check_end, expected, run, run_clean};
use crate::world::{Failure, Reader, Setting, World, stored_form};

const SEEDS: std::ops::Range<u64> = 0..1500;

/// A small generator (SplitMix64): a seed is a history.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).expect("a remainder of a usize fits")
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// One history in the making.
struct History {
    random: Random,
    scenario: Scenario,
    world: World,
    /// Messages made so far: each has its own content and its own length.
    made: usize,
    /// Whether the mailbox holds identical copies: then nothing happens that makes them one (I6).
    twins: bool,
    /// Whether the server gives one unique-id to several messages (RFC 1939 §7).
    copies: bool,
    /// Whether the server ever renumbered: a partial listing adopts nothing (I1), so what it renames arrives again
    /// (docs/concepts/exactly-once.md), and no listing is partial here from then on.
    renumbered: bool,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let retention = retention(&mut random);
        let twins = retention.is_forever() && random.chance(4);
        let mut maildrop = Maildrop::new();
        let made = 1 + random.below(4);
        for number in 0..made {
            maildrop.add(&text(if twins { 0 } else { number }));
        }
        let copies = !twins && random.chance(4);
        if copies {
            let uid = maildrop.messages[0].uid.clone();
            for message in maildrop.messages.iter_mut().filter(|_| random.chance(2)) {
                message.uid.clone_from(&uid);
            }
        }
        let mut scenario = Scenario { retention, ..Scenario::new(Keep::Forever, &maildrop) };
        scenario.has_odd_order = copies;
        scenario.server = Faults {
            no_top: random.chance(5),
            no_capa: random.chance(8),
            pipelining: random.chance(2),
            resp_codes: random.chance(3),
            delete_on_retr_quit: random.chance(8),
            ..Faults::default()
        };
        Self { random, scenario, world: World::new(maildrop), made, twins, copies, renumbered: false }
    }

    fn play(mut self) -> Result<(), Violation> {
        let runs = 1 + self.random.below(5);
        for number in 0..runs {
            self.run_once(number);
            if !self.twins {
                self.change_server();
            }
        }
        let Intake { relogin, until_drained, .. } = self.scenario.intake;
        self.scenario.intake = Intake { relogin, until_drained, ..Intake::default() };
        for clean in 0..CLEAN_RUNS {
            self.world = run_clean(self.world, &self.scenario, runs + clean)?;
        }
        check_end(self.world, &self.scenario, runs + CLEAN_RUNS)
    }

    /// A run that may be crashed, refused, cut or lied to.
    fn run_once(&mut self, number: usize) {
        self.scenario.intake = intake(&mut self.random);
        if self.random.chance(6) {
            self.scenario.later_server = if self.scenario.later_server == "localhost" { "moved" } else { "localhost" };
        }
        let mut setting = Setting { take_snapshots: self.random.chance(2), ..Setting::default() };
        setting.connections = (0..4).map(|_| self.connection()).collect();
        if self.random.chance(5) {
            setting.failure = Some(Failure::Refusal(self.random.below(60)));
        }
        if self.random.chance(4) {
            setting.reader = Some((self.random.below(80), *self.random.pick(&[Reader::Moves, Reader::Removes])));
        }
        let ran = run(self.world.clone(), &self.scenario, number, setting);
        let states = aftermath(ran.snapshots, ran.world);
        self.world = self.random.pick(&states).0.clone();
        if self.random.chance(3) {
            self.world.read_mail(*self.random.pick(&[Reader::Moves, Reader::Removes]));
        }
        // Never a day: an INTENT that old, with its file gone, is fetched again, and said (docs/concepts/exactly-once.md).
        self.world.now += *self.random.pick(&[60, 3600, 15_000]);
    }

    fn connection(&mut self) -> Faults {
        let plain = self.scenario.server.clone();
        if self.random.chance(2) {
            return plain;
        }
        let mut all = faults(&self.world.maildrop, 16);
        all.extend(rarer_faults(16));
        let fault = self.random.pick(&all).clone();
        let is_short = fault.empty_listing || matches!(fault.list_only, Some(ListOnly::Everywhere(_)));
        let is_partial = matches!(fault.list_only, Some(ListOnly::InUidl(_)));
        let makes_twins_one = is_short || (is_partial && plain.delete_on_retr_quit);
        if (self.twins && makes_twins_one) || (self.renumbered && is_partial) {
            return plain;
        }
        self.scenario.has_odd_order |= fault.order != demo::Order::AsStored;
        Faults {
            no_top: fault.no_top || plain.no_top,
            no_capa: fault.no_capa || plain.no_capa,
            pipelining: plain.pipelining,
            resp_codes: plain.resp_codes,
            delete_on_retr_quit: plain.delete_on_retr_quit,
            ..fault
        }
    }

    /// What happens at the server between two sessions.
    fn change_server(&mut self) {
        match self.random.below(6) {
            0 => {
                let uid = self.taken_uid();
                self.arrive(uid);
            }
            1 => self.renumber(),
            2 => {
                let freed = self.delete_by_another_client();
                // The RFC lets a server use a unique-id again once its message is gone.
                if let Some(uid) = freed
                    && self.random.chance(2)
                {
                    self.scenario.has_odd_order = true;
                    self.arrive(Some(uid));
                }
            }
            3 => {
                self.scenario.has_odd_order = true;
                self.world.maildrop.messages.reverse();
            }
            _ => {}
        }
    }

    /// The unique-id of a listed message, where the server gives it to several.
    fn taken_uid(&mut self) -> Option<Vec<u8>> {
        let messages = &self.world.maildrop.messages;
        let gives_it_again = self.copies && !messages.is_empty() && self.random.chance(2);
        gives_it_again.then(|| self.random.pick(messages).uid.clone())
    }

    fn arrive(&mut self, uid: Option<Vec<u8>>) {
        let text = text(self.made);
        self.made += 1;
        match uid {
            Some(uid) => self.world.maildrop.add_with_uid(&uid, &text),
            None => drop(self.world.maildrop.add(&text)),
        }
        let message = self.world.maildrop.messages.last().expect("a message was just added");
        self.scenario.expected.push(stored_form(&message.wire).into());
        self.scenario.expected.sort();
    }

    fn renumber(&mut self) {
        self.renumbered = true;
        let generation = self.random.next();
        for (at, message) in self.world.maildrop.messages.iter_mut().enumerate() {
            message.uid = format!("{generation:x}.{at}").into_bytes();
        }
    }

    /// Deletes a message that is delivered; gives its unique-id.
    fn delete_by_another_client(&mut self) -> Option<Vec<u8>> {
        let delivered = self.world.delivered();
        let is_delivered = |wire: &[u8]| delivered.iter().any(|content| ***content == stored_form(wire));
        let at = self.world.maildrop.messages.iter().position(|message| is_delivered(&message.wire))?;
        Some(self.world.maildrop.messages.remove(at).uid)
    }
}

/// Limits that a run of a few short messages meets.
fn intake(random: &mut Random) -> Intake {
    Intake {
        order: *random.pick(&[Order::Oldest, Order::Oldest, Order::Newest, Order::Smallest]),
        max_size: random.chance(6).then(|| Octets(28 + random.next() % 4)),
        oversize: Oversize::Skip,
        messages: random.chance(4).then(|| 1 + random.next() % 2),
        octets: random.chance(8).then(|| Octets(1 + random.next() % 60)),
        relogin: random.chance(4).then(|| 1 + random.next() % 2),
        until_drained: random.chance(4),
        time: random.chance(8).then(|| Duration::from_secs(random.next() % 2)),
    }
}

/// One of the simple rules, or several together; the messages have 28 octets and more.
fn retention(random: &mut Random) -> Retention {
    let keep = *random.pick(&KEEPS);
    if random.chance(2) {
        return Retention { keep, ..Retention::default() };
    }
    let newest = random.chance(2).then(|| random.next() % 3);
    let newest_octets = random.chance(3).then(|| Octets(random.next() % 100));
    let larger_than = random.chance(3).then(|| Octets(28 + random.next() % 4));
    Retention { keep, newest, newest_octets, larger_than }
}

/// A message of its own content and its own length.
fn text(number: usize) -> Vec<u8> {
    let body = ".".repeat(number);
    format!("Subject: {number}\nX-UID: {number}\n\n.{body}\n").into_bytes()
}

#[test]
fn histories_from_seeds() {
    let seeds = match std::env::var("FETCHONCE_SIM_SEEDS") {
        Ok(range) => {
            let (from, to) = range.split_once("..").expect("FETCHONCE_SIM_SEEDS is FROM..TO");
            from.parse().expect("FROM is a number")..to.parse().expect("TO is a number")
        }
        Err(_) => SEEDS,
    };
    let mut failed = Vec::new();
    for seed in seeds {
        let history = History::new(seed);
        let initial = expected(&history.world.maildrop).len();
        if let Err(violation) = history.play() {
            failed.push(format!("seed {seed}, {initial} messages at first: {violation:?}"));
        }
    }
    assert!(failed.is_empty(), "{} seeds failed:\n{}", failed.len(), failed.join("\n"));
}
