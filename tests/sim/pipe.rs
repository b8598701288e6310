//! Handing a message to a program, with a crash at each step: whether it took it is never taken for granted.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use fetchonce::content::Digester;
use fetchonce::deliver::TargetError;
use fetchonce::deliver::parcel::{Deliver, Outcome, Parcel, Promised, Settled, Source};
use fetchonce::deliver::pipe::Pipe;
use fetchonce::demo::Maildrop;
use fetchonce::model::{DeliveryId, InDoubt, PipeTarget, Promise, Timestamp, Uid, limits};

use crate::world::{Answer, HELD, Piped, Setting, SimHost, World};

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
    world.piped == [Piped { program: "maildrop".to_owned(), token: "token".to_owned(), content }]
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
