//! Mail for standard output, with a crash at each step: what was written to a pipe cannot be taken back, so a message that
//! broke off there is written again, whole, with the same token.

use fetchonce::model::{Dialect, Target};
use fetchonce::policy::Keep;

use crate::explore::{Crashes, aftermath, maildrop};
use crate::history::{Scenario, repair, run, run_clean};
use crate::targets::{explore, some_faults};
use crate::world::{Failure, MAILDIR, Setting, World};

const TARGET: Target = Target::Stdout(Dialect::Mboxrd);

/// The messages of one run with their tokens; the last one may have broken off.
pub(crate) fn messages(stream: &[u8]) -> Vec<(String, Vec<u8>)> {
    let text = String::from_utf8_lossy(stream);
    let message = |part: &str| {
        let (_, rest) = part.split_once('\n')?;
        let (token, message) = rest.strip_prefix("X-Fetchonce-Token: ")?.split_once('\n')?;
        let message = if message.ends_with("\n\n") { &message[..message.len() - 1] } else { message };
        Some((token.to_owned(), message.as_bytes().to_vec()))
    };
    text.split("From MAILER-DAEMON ").filter_map(message).collect()
}

/// I2, I3, I4: killed, or without power, at any step. Beside a Maildir, which nothing of it may disturb.
#[test]
fn a_reader_that_replaces_repeats_gets_every_message_once() {
    let alone = explore(&[TARGET], 2, Crashes::One, &some_faults()[..1]);
    let beside = explore(&[Target::maildir(MAILDIR), TARGET], 1, Crashes::One, &some_faults()[3..]);
    assert!(alone > 1000 && beside > 1000, "{alone} and {beside} histories");
}

/// How often each message of the scenario was written whole.
fn copies(world: &World, scenario: &Scenario) -> Vec<usize> {
    let written: Vec<Vec<u8>> =
        world.output.iter().flat_map(|stream| messages(stream)).map(|(_, found)| found).collect();
    let count = |wanted: &Vec<u8>| written.iter().filter(|found| *found == wanted).count();
    scenario.expected.iter().map(|message| count(message)).collect()
}

/// Nothing is lost, nothing is deleted too early, and a crash or a failed write repeats one message at most.
#[test]
fn one_message_at_most_is_repeated() {
    let mail = maildrop(3, false);
    let scenario = Scenario { targets: vec![TARGET], ..Scenario::new(Keep::None, &mail) };
    let setting = Setting { take_snapshots: true, ..Setting::default() };
    let ran = run(World::new(mail.clone()), &scenario, 0, setting);
    assert_eq!(copies(&ran.world, &scenario), [1, 1, 1]);
    let steps = ran.snapshots.len();
    let mut repeated = 0;
    for (world, has_crashed) in aftermath(ran.snapshots, ran.world) {
        repeated += check(world, &scenario, usize::from(has_crashed));
    }
    assert!(repeated > 0, "no crash fell between a message and its record");
    for step in 0..steps {
        let setting = Setting { failure: Some(Failure::Disk(step)), ..Setting::default() };
        // What the spool holds is in doubt where a sync failed there.
        let world = repair(run(World::new(mail.clone()), &scenario, 0, setting).world, 1);
        check(world, &scenario, 1);
    }
}

/// Runs it to its end; gives how many messages were written twice, at most `most`.
fn check(mut world: World, scenario: &Scenario, most: usize) -> usize {
    for clean in 2..5 {
        world = run_clean(world, scenario, clean).expect("a clean run ends well");
    }
    assert!(world.lost_at_expunge.is_empty() && world.maildrop.messages.is_empty());
    let copies = copies(&world, scenario);
    let repeated = copies.iter().sum::<usize>() - copies.len();
    assert!(copies.iter().all(|copies| *copies >= 1) && repeated <= most, "{copies:?}");
    repeated
}
