//! The header in the place of a message that is too large: delivered exactly once, while the message stays on the server
//! whatever fails where; and once it may be fetched, so is it.

use std::sync::Arc;

use fetchonce::demo::{Event as ServerEvent, Faults, Maildrop, Message};
use fetchonce::model::{Octets, Target};
use fetchonce::policy::{Intake, Keep, Oversize};
use fetchonce::report::{Exit, Problem};

use crate::explore::{Crashes, Explorer, aftermath, count, steps};
use crate::history::{CLEAN_RUNS, Scenario, check_end, repair, run, run_clean};
use crate::world::{Break, Failure, MAILDIR, OTHER_MAILDIR, Setting, Verb, World, stored_form};

/// Of the small message only; the large one has some octets more.
const MOST: u64 = 40;

/// What is delivered in the place of the large message: written apart from the program.
const STUB: &str = "X-Fetchonce-Headers-Only: 104 octets left on the server\n\
                    Subject: large\nX-Original-Message-ID: <l@example.com>\n\n\
                    This message is larger than 40 B, the `max_size` of its account: only its header was fetched,\n\
                    and all of it stays on the server until `max_size` is raised.\n";

/// The large message, alone or after a small one.
fn mail(with_small: bool) -> Maildrop {
    let mut mail = Maildrop::new();
    if with_small {
        mail.add(b"Subject: 0\n\nsmall\n");
    }
    mail.add(format!("Subject: large\nMessage-ID: <l@example.com>\n\n{}\n", "x".repeat(55)).as_bytes());
    assert_eq!(large(&mail).octets(), 104);
    mail
}

fn large(mail: &Maildrop) -> &Message {
    mail.messages.last().expect("there is one")
}

/// The large message stays, and its header is delivered.
fn announcing(keep: Keep, mail: &Maildrop, targets: &[Target]) -> Scenario {
    let large = stored_form(&large(mail).wire);
    let mut scenario = Scenario { targets: targets.to_vec(), skipped: 1, ..Scenario::new(keep, mail) };
    scenario.intake = Intake { max_size: Some(Octets(MOST)), oversize: Oversize::Headers, ..Intake::default() };
    scenario.expected.retain(|message| **message != large);
    scenario.expected.push(Arc::new(STUB.into()));
    scenario.expected.sort();
    scenario
}

/// The same, with everything fetched.
fn raised(announcing: &Scenario, mail: &Maildrop) -> Scenario {
    let mut scenario = Scenario { intake: Intake::default(), skipped: 0, ..announcing.clone() };
    scenario.expected.push(Arc::new(stored_form(&large(mail).wire)));
    scenario.expected.sort();
    scenario
}

fn all_targets() -> [Vec<Target>; 2] {
    [vec![Target::maildir(MAILDIR)], vec![Target::maildir(MAILDIR), Target::maildir(OTHER_MAILDIR)]]
}

/// What may happen to TOP, in the first run or in the second.
fn faults(scenario: &Scenario, mail: &Maildrop) -> [Faults; 4] {
    let ran = run(World::new(mail.clone()), scenario, 0, Setting::default());
    let is_command = |event: &&ServerEvent| matches!(event, ServerEvent::Command(_));
    let is_top = |event: &ServerEvent| matches!(event, ServerEvent::Command(line) if line.starts_with("TOP"));
    let reply = 1 + ran.log.iter().filter(is_command).position(is_top).expect("the header is asked for");
    let reply = Some(count(reply));
    [
        Faults::default(),
        Faults { no_top: true, ..Faults::default() },
        Faults { drop_at_reply: reply, ..Faults::default() },
        Faults { refuse_command: reply, ..Faults::default() },
    ]
}

fn explore(keep: Keep, targets: &[Target], mail: &Maildrop, faults: usize) -> u64 {
    let scenario = announcing(keep, mail, targets);
    let mut explorer = Explorer::new(&scenario);
    for fault in &self::faults(&scenario, mail)[..faults] {
        let result = explorer.explore(mail, fault, Crashes::One);
        assert_eq!(result, Ok(()), "{keep:?} {targets:?} {fault:?}");
    }
    explorer.histories
}

/// I2, I3: into a Maildir straight from the session, and into two out of the spool; beside mail that is deleted.
#[test]
fn the_header_of_a_message_that_is_too_large_is_delivered_once_and_the_message_stays() {
    let mut histories = 0;
    for targets in all_targets() {
        histories += explore(Keep::Forever, &targets, &mail(false), 4);
    }
    histories += explore(Keep::None, &all_targets()[0], &mail(true), 1);
    assert!(histories > 1000, "{histories} histories");
}

/// I2, I3: a crash at each step, of the run that delivers the header and of the run that fetches the message.
#[test]
fn once_it_may_be_fetched_the_message_comes_once_and_its_header_not_again() {
    let mail = mail(false);
    for (keep, targets) in [Keep::None, Keep::Forever].into_iter().zip(all_targets()) {
        let announcing = announcing(keep, &mail, &targets);
        let raised = raised(&announcing, &mail);
        let recorded = || Setting { take_snapshots: true, ..Setting::default() };
        let ran = run(World::new(mail.clone()), &announcing, 0, recorded());
        for (at, (mut world, _)) in aftermath(ran.snapshots, ran.world).into_iter().enumerate() {
            for clean in 0..CLEAN_RUNS {
                world = run_clean(world, &announcing, 1 + clean).unwrap_or_else(|violation| panic!("{violation:?}"));
            }
            assert_eq!(check_end(world.clone(), &announcing, 9), Ok(()), "{keep:?}");
            // By now all of them differ in names alone.
            if at == 0 {
                let fetched = run(world, &raised, 10, recorded());
                assert!(!fetched.log.iter().any(|event| matches!(event, ServerEvent::Top(_))), "{keep:?}");
                let mut explorer = Explorer::new(&raised);
                for (world, _) in aftermath(fetched.snapshots, fetched.world) {
                    assert_eq!(explorer.end(world, 11), Ok(()), "{keep:?}");
                }
            }
        }
    }
}

/// I4: a server that loses the connection over a header costs two runs, and holds up neither new mail nor deletions.
#[test]
fn a_header_that_breaks_sessions_is_given_up_and_its_message_is_not() {
    let mail = mail(true);
    let mut scenario = announcing(Keep::None, &mail, &all_targets()[0]);
    scenario.breaks = vec![Break { verb: Verb::Top, wire: Some(Arc::clone(&large(&mail).wire)) }];
    let (mut world, mut failed) = (World::new(mail.clone()), Vec::new());
    for attempt in 0..4 {
        let ran = run(world, &scenario, attempt, Setting::default());
        failed.push(ran.outcome.expect("the index opens").error.is_some());
        world = ran.world;
    }
    assert_eq!(failed, [true, true, false, false]);
    assert_eq!((world.delivered().len(), &world.maildrop.messages[..]), (1, &mail.messages[1..]));

    let mut raised = raised(&scenario, &mail);
    raised.expected.retain(|message| **message != STUB.as_bytes());
    for clean in 0..CLEAN_RUNS {
        world = run_clean(world, &raised, 4 + clean).unwrap_or_else(|violation| panic!("{violation:?}"));
    }
    assert_eq!(check_end(world, &raised, 9), Ok(()));
}

/// I2, I4: the error is told, and nothing is lost or doubled, and what is not known is said until it is repaired.
#[test]
fn an_io_error_at_any_step_loses_and_doubles_no_header() {
    let mail = mail(false);
    let mut untrusted = 0;
    for targets in all_targets() {
        let scenario = announcing(Keep::None, &mail, &targets);
        for step in 0..steps(&mail, &scenario) {
            let setting = Setting { failure: Some(Failure::Disk(step)), ..Setting::default() };
            let ran = run(World::new(mail.clone()), &scenario, 0, setting);
            if ran.failed_at.is_none() {
                continue;
            }
            let outcome = ran.outcome.expect("the index opens");
            assert_ne!(outcome.exit(), Exit::Fine, "step {step}: an I/O error was ignored");
            let has_quit = ran.log.contains(&ServerEvent::Command("QUIT".into()));
            assert!(!has_quit || targets.len() > 1, "step {step}: what is held is safe, and nothing else");
            let is_untrusted = outcome.problems.iter().any(|problem| matches!(problem, Problem::Untrusted { .. }));
            let mut world = ran.world;
            if is_untrusted {
                untrusted += 1;
                world = repair(world, 1);
            }
            for clean in 0..CLEAN_RUNS {
                world = run_clean(world, &scenario, 2 + clean).unwrap_or_else(|found| panic!("step {step}: {found:?}"));
            }
            assert_eq!(check_end(world, &scenario, 9), Ok(()), "step {step} {targets:?}");
        }
    }
    assert!(untrusted > 1, "no failure came after a rename");
}
