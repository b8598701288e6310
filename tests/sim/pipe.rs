//! Handing messages to a program, with a crash at each step: whether it took one is never taken for granted, and a repeat
//! has the token of what it repeats.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use fetchonce::content::Digester;
use fetchonce::deliver::TargetError;
use fetchonce::deliver::parcel::{Deliver, Outcome, Parcel, Promised, Settled, Source};
use fetchonce::deliver::pipe::Pipe;
use fetchonce::demo::Maildrop;
use fetchonce::model::{DeliveryId, InDoubt, PipeTarget, Promise, Target, Timestamp, Uid, limits};
use fetchonce::policy::Keep;

use crate::explore::{Crashes, Explorer, aftermath, maildrop};
use crate::history::{Scenario, run, run_clean};
use crate::targets::{explore, some_faults};
use crate::world::{Answer, HELD, MAILDIR, Piped, Setting, SimHost, World};

const MESSAGE: &[u8] = b"Subject: x\n\nhello\n";

struct Spool;

impl Source for Spool {
    fn open(&self, _: &DeliveryId) -> Result<Option<Box<dyn Read>>, TargetError> {
        Ok(Some(Box::new(MESSAGE)))
    }
}

fn parcel() -> Parcel<'static> {
    let mut digester = Digester::new();
    digester.push(MESSAGE);
    Parcel {
        token: DeliveryId("token".to_owned()),
        uid: Uid::new(b"u1").expect("it is short"),
        content: digester.finish(),
        fetched_at: Timestamp(0),
        prefix: Vec::new(),
        source: &Spool,
    }
}

fn target() -> PipeTarget {
    PipeTarget { argv: vec!["maildrop".to_owned()], timeout: limits::PIPE, in_doubt: InDoubt::default() }
}

fn taken(world: &World) -> bool {
    let content = Arc::new(MESSAGE.to_vec());
    *world.piped == [Piped { program: "maildrop".to_owned(), token: "token".to_owned(), content }]
}

#[test]
fn a_program_is_never_believed_to_have_what_it_did_not_take() {
    for answer in [Answer::Takes, Answer::Refuses, Answer::TakesAndHangs] {
        let setting = Setting { answers: vec![answer], take_snapshots: true, ..Setting::default() };
        let host = SimHost::new(World::new(Maildrop::new()), 0, setting);
        let target = target();
        let mut pipe = Pipe::new(&host, &target, "work", &[], Path::new(HELD));
        let parcels = [parcel()];
        let outcome = pipe.prepare(&parcels).expect("the program is there").perform().pop();
        let world = host.finish();
        match outcome.expect("one parcel has one outcome") {
            Outcome::Delivered => assert!(answer == Answer::Takes && taken(&world.world)),
            Outcome::Refused(_) => assert!(answer == Answer::Refuses && world.world.piped.is_empty()),
            Outcome::InDoubt(_) => assert!(answer == Answer::TakesAndHangs && taken(&world.world)),
            other => panic!("{other:?}"),
        }
        // A crash falls before or after it took the message, and what is left does not tell which.
        let may_have_it: Vec<bool> = world.snapshots.iter().map(taken).collect();
        assert_eq!(may_have_it, [false, answer != Answer::Refuses], "{answer:?}");
        for world in world.snapshots {
            let host = SimHost::new(world, 1, Setting::default());
            let mut pipe = Pipe::new(&host, &target, "work", &[], Path::new(HELD));
            let promised = Promised { parcel: parcel(), promise: Promise::HandedOver, at: Timestamp(0) };
            assert_eq!(pipe.settle(&[promised]).expect("nothing is looked at"), [Settled::InDoubt]);
        }
    }
}

fn program(in_doubt: InDoubt) -> Target {
    Target::Pipe(PipeTarget { in_doubt, ..target() })
}

fn tokens(world: &World) -> Vec<&str> {
    world.piped.iter().map(|piped| piped.token.as_str()).collect()
}

fn is_each_once(world: &World) -> bool {
    let tokens = tokens(world);
    tokens.iter().all(|token| tokens.iter().filter(|other| *other == token).count() == 1)
}

/// I2, I3, I4: killed, or without power, at any step. Beside a Maildir, which nothing of it may disturb.
#[test]
fn a_program_that_drops_repeats_gets_every_message_once() {
    let program = program(InDoubt::Redeliver);
    let alone = explore(std::slice::from_ref(&program), 2, Crashes::One, &some_faults()[..1]);
    let beside = explore(&[Target::maildir(MAILDIR), program], 1, Crashes::One, &some_faults()[3..]);
    assert!(alone > 1000 && beside > 1000, "{alone} and {beside} histories");
}

/// Nothing is handed over twice where all went well, and after one crash no more than the one message that was under way.
#[test]
fn a_crash_repeats_one_message_at_most() {
    let mail = maildrop(3, false);
    let scenario = Scenario { targets: vec![program(InDoubt::Redeliver)], ..Scenario::new(Keep::None, &mail) };
    let setting = Setting { take_snapshots: true, ..Setting::default() };
    let ran = run(World::new(mail.clone()), &scenario, 0, setting);
    assert!(ran.world.piped.len() == 3 && is_each_once(&ran.world));
    let mut repeated = 0;
    for (world, has_crashed) in aftermath(ran.snapshots, ran.world) {
        let world = run_clean(world, &scenario, 1).expect("a clean run ends well");
        let more = world.piped.len() - 3;
        assert!(more <= usize::from(has_crashed), "{:?}", tokens(&world));
        repeated += more;
    }
    assert!(repeated > 0, "no crash fell between the program and the record");
}

/// What may have been taken waits for the user's word, and nothing is deleted meanwhile that is not recorded.
#[test]
fn on_request_nothing_is_ever_handed_over_twice() {
    let mail = maildrop(2, false);
    for keep in [Keep::Forever, Keep::None] {
        let scenario = Scenario { targets: vec![program(InDoubt::Hold)], ..Scenario::new(keep, &mail) };
        for answer in [Answer::Takes, Answer::Refuses, Answer::TakesAndHangs] {
            let setting = Setting { take_snapshots: true, answers: vec![answer], ..Setting::default() };
            let ran = run(World::new(mail.clone()), &scenario, 0, setting);
            for (mut world, _) in aftermath(ran.snapshots, ran.world) {
                for clean in 1..3 {
                    world = run_clean(world, &scenario, clean).expect("a clean run ends well");
                    assert!(is_each_once(&world), "{answer:?}: {:?}", tokens(&world));
                    assert!(world.lost_at_expunge.is_empty(), "{answer:?}");
                }
            }
        }
    }
}

/// A program that refuses gets every message once in the end, and holds up no other.
#[test]
fn what_a_program_refuses_is_offered_again() {
    let mail = maildrop(2, false);
    let scenario = Scenario { targets: vec![program(InDoubt::Redeliver)], ..Scenario::new(Keep::None, &mail) };
    let mut explorer = Explorer::new(&scenario);
    for answers in [vec![Answer::Refuses], vec![Answer::Takes, Answer::Refuses], vec![Answer::Refuses; 4]] {
        let setting = Setting { take_snapshots: true, answers: answers.clone(), ..Setting::default() };
        let ran = run(World::new(mail.clone()), &scenario, 0, setting);
        let held = ran.outcome.expect("the index opens").summary.held;
        assert_eq!(held, answers.iter().take(2).filter(|answer| **answer == Answer::Refuses).count() as u64);
        for (world, _) in aftermath(ran.snapshots, ran.world) {
            assert_eq!(explorer.end(world, 1), Ok(()), "{answers:?}");
        }
    }
}
