//! A disk that fails and a target that refuses, at every step.

use fetchonce::demo::{BadMessage, Event as ServerEvent, Faults, Maildrop, MessageFault};
use fetchonce::model::{FolderTarget, Target};
use fetchonce::policy::Keep;
use fetchonce::report::{Exit, Problem};

use crate::KEEPS;
use crate::explore::{Explorer, aftermath, maildrop, steps};
use crate::history::{CLEAN_RUNS, Scenario, check_end, repair, run, run_clean};
use crate::world::{Failure, MAILDIR, OTHER_MAILDIR, Setting, World};

fn run_failing(scenario: &Scenario, messages: usize, failure: Failure, take_snapshots: bool) -> crate::history::Ran {
    let setting = Setting { failure: Some(failure), take_snapshots, ..Setting::default() };
    run(World::new(maildrop(messages, false)), scenario, 0, setting)
}

/// I2, I4: no DELE of what failed, no QUIT; nothing lost, nothing doubled, and what is not known is said until repaired.
#[test]
fn an_io_error_at_any_step_loses_and_doubles_nothing() {
    let mut untrusted = 0;
    for keep in KEEPS {
        let mail = maildrop(2, false);
        let scenario = Scenario::new(keep, &mail);
        untrusted += fail_at_each_step(&scenario, &mail);
    }
    assert!(untrusted > 0, "no failure came after a rename");
}

/// The same of every target, and of the spool.
#[test]
fn an_io_error_on_the_way_through_the_spool_loses_and_doubles_nothing() {
    let eml = Target::Eml(FolderTarget::new("/home/Archive"));
    let targets = [vec![Target::maildir(MAILDIR), Target::maildir(OTHER_MAILDIR)], vec![eml]];
    for (targets, keep) in targets.iter().flat_map(|targets| [Keep::Forever, Keep::None].map(|keep| (targets, keep))) {
        let mail = maildrop(2, false);
        let scenario = Scenario { targets: targets.clone(), ..Scenario::new(keep, &mail) };
        fail_at_each_step(&scenario, &mail);
    }
}

fn fail_at_each_step(scenario: &Scenario, mail: &Maildrop) -> usize {
    let keep = scenario.retention.keep;
    let mut untrusted = 0;
    for step in 0..steps(mail, scenario) {
        let ran = run_failing(scenario, 2, Failure::Disk(step), false);
        let Some(connections) = ran.failed_at else { continue };
        let outcome = ran.outcome.expect("the index opens");
        let is_told = outcome.error.is_some() || outcome.problems.iter().any(|problem| problem.exit() == Exit::Io);
        assert!(is_told, "{keep:?} step {step}: an I/O error was ignored");
        let quits = ran.log.iter().filter(|event| **event == ServerEvent::Command("QUIT".into())).count();
        // What a target of several refuses lies in the spool.
        assert_eq!(
            quits,
            usize::from(outcome.error.is_none()),
            "{keep:?} step {step}, after {connections} connections"
        );
        let mut world = ran.world;
        if outcome.problems.iter().any(|problem| matches!(problem, Problem::Untrusted { .. })) {
            untrusted += 1;
            world = stays_untrusted_until_repaired(world, scenario);
        }
        for clean in 0..CLEAN_RUNS {
            world = run_clean(world, scenario, 10 + clean).unwrap_or_else(|v| panic!("{keep:?} step {step}: {v:?}"));
        }
        assert_eq!(check_end(world, scenario, 20), Ok(()), "{keep:?} step {step}");
    }
    untrusted
}

fn stays_untrusted_until_repaired(world: World, scenario: &Scenario) -> World {
    let ran = run(world, scenario, 1, Setting::default());
    let outcome = ran.outcome.expect("the index opens");
    assert!(outcome.problems.iter().any(|problem| matches!(problem, Problem::Untrusted { .. })));
    assert!(!ran.log.iter().any(|event| matches!(event, ServerEvent::Expunged(_) | ServerEvent::Retr(_))));
    repair(ran.world, 2)
}

/// I4: a message that its target refuses is held, durable, and delivered once when the target takes it.
#[test]
fn a_target_that_refuses_from_any_step_delays_and_doubles_nothing() {
    let mut held = 0;
    for keep in [Keep::Forever, Keep::None] {
        let mail = maildrop(2, false);
        let scenario = Scenario::new(keep, &mail);
        let mut explorer = Explorer::new(&scenario);
        for step in 0..steps(&mail, &scenario) {
            let ran = run_failing(&scenario, 2, Failure::Refusal(step), true);
            let outcome = ran.outcome.expect("the index opens");
            held += outcome.summary.held;
            for (world, _) in aftermath(ran.snapshots, ran.world) {
                let ended = explorer.end(world, 1);
                assert_eq!(ended, Ok(()), "{keep:?} refusing from step {step}");
            }
        }
    }
    assert!(held > 0, "nothing was ever held");
}

/// I4: a message that the server sends without stuffing its dots is never delivered in part, and holds nothing up.
#[test]
fn a_message_that_ends_too_early_is_not_delivered_and_holds_up_no_other() {
    for keep in KEEPS {
        let mut mail = Maildrop::new();
        let bad = mail.add(b".\nSubject: 0\n\nthe rest\n");
        mail.add(b"Subject: 1\n\none\n");
        mail.add(b"Subject: 2\n\ntwo\n");
        let mut scenario = Scenario::new(keep, &mail);
        let bad_message = Some(BadMessage { uid: bad, fault: MessageFault::RetrUnstuffed });
        scenario.server = Faults { bad_message, ..Faults::default() };
        let mut world = World::new(mail);
        for attempt in 0..3 {
            world = run(world, &scenario, attempt, Setting::default()).world;
        }
        let delivered = world.delivered();
        assert_eq!(delivered.len(), 2, "{keep:?}: {delivered:?}");
        assert!(delivered.iter().all(|content| content.starts_with(b"Subject: ")), "{keep:?}: {delivered:?}");
        scenario.server = Faults::default();
        for clean in 0..CLEAN_RUNS {
            world = run_clean(world, &scenario, 3 + clean).unwrap_or_else(|v| panic!("{keep:?}: {v:?}"));
        }
        assert_eq!(check_end(world, &scenario, 9), Ok(()), "{keep:?}");
    }
}
