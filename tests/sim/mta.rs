//! What delivery by LMTP says of a message, compared with what the server has: over every fault and every cut of a connection.

use std::io::{Cursor, Read};
use std::path::PathBuf;
use std::time::Duration;

use fetchonce::deliver::TargetError;
use fetchonce::deliver::mta::{Mta, Protocol};
use fetchonce::deliver::parcel::{Deliver as _, Outcome, Parcel, Source};
use fetchonce::demo::Maildrop;
use fetchonce::model::{ContentId, DeliveryId, Digest, InDoubt, MtaAddress, MtaTarget, Octets, Target, Timestamp, Uid};

use crate::lmtp::{Effect, Faults, Mailbox, Stage};
use crate::places::Layer;
use crate::world::{LMTP, Setting, SimHost, World};

const MESSAGES: usize = 3;
/// More octets than one side sends.
const LAST_CUT: usize = 500;

struct Spool;

impl Source for Spool {
    fn open(&self, token: &DeliveryId) -> Result<Option<Box<dyn Read>>, TargetError> {
        Ok(Some(Box::new(Cursor::new(stored(&token.0)))))
    }
}

fn stored(token: &str) -> Vec<u8> {
    format!("Subject: {token}\n\n.\n..{token}\n").into_bytes()
}

fn parcel(token: String) -> Parcel<'static> {
    let (header, full) = (Digest([0; 32]), Digest([0; 32]));
    let octets = Octets(stored(&token).len() as u64);
    Parcel {
        prefix: format!("X-Fetchonce-Token: {token}\n").into_bytes(),
        token: DeliveryId(token),
        uid: Uid::new(b"uid").expect("a unique-id"),
        content: ContentId { header, full, octets },
        fetched_at: Timestamp(0),
        source: &Spool,
    }
}

fn spec() -> MtaTarget {
    let address = MtaAddress::Local(PathBuf::from(LMTP));
    MtaTarget { address, recipient: "alice".to_owned(), sender: None, in_doubt: InDoubt::Redeliver }
}

/// What was said of each message, and what the server has after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Said {
    Delivered,
    Refused,
    Rejected,
    InDoubt,
}

/// Offers some messages over connections with these faults; later ones behave.
fn offer(connections: &[Faults], messages: usize) -> (Vec<Said>, Mailbox) {
    let setting = Setting { lmtp: connections.to_vec(), ..Setting::default() };
    let host = SimHost::new(World::new(Maildrop::new()), 0, setting);
    let mut mta = Mta::new(&host, Protocol::Lmtp, spec(), Duration::from_secs(100_000));
    let mut said = Vec::new();
    for number in 0..messages {
        let parcels = [parcel(format!("m{number}"))];
        let Ok(prepared) = mta.prepare(&parcels) else {
            said.push(Said::Refused);
            continue;
        };
        said.push(match prepared.perform().remove(0) {
            Outcome::Delivered => Said::Delivered,
            Outcome::Refused(_) => Said::Refused,
            Outcome::Rejected(_) => Said::Rejected,
            Outcome::InDoubt(_) => Said::InDoubt,
            Outcome::Untrusted(error) => panic!("a server has no disk of ours: {error}"),
        });
    }
    drop(mta);
    let world = host.finish().world;
    assert_eq!(world.in_target(&Target::Lmtp(spec()), Layer::Durable).len(), world.mailbox.messages.len());
    (said, (*world.mailbox).clone())
}

/// Delivered is there once, refused and rejected are not there, in doubt is either.
#[track_caller]
fn assert_true(faults: &Faults, said: &[Said], mailbox: &Mailbox) {
    for (number, said) in said.iter().enumerate() {
        let content = stored(&format!("m{number}"));
        let copies = mailbox.messages.iter().filter(|message| ***message == content).count();
        let is_true = match said {
            Said::Delivered => copies == 1,
            Said::Refused | Said::Rejected => copies == 0,
            Said::InDoubt => copies <= 1,
        };
        assert!(is_true, "message {number} is {said:?}, and the server has it {copies} times: {faults:?}");
    }
    assert!(mailbox.messages.iter().all(|message| message.ends_with(b"\n") && message.starts_with(b"Subject: m")));
}

fn all_faults() -> Vec<Faults> {
    let mut all = Vec::new();
    for pipelining in [false, true] {
        let base = Faults { pipelining, ..Faults::default() };
        all.push(base.clone());
        for stage in Stage::ALL {
            for code in [421, 450, 500, 530, 550, 552] {
                all.push(Faults { refuse: Some((stage, code)), ..base.clone() });
            }
            for (time, effect) in (0..MESSAGES).flat_map(|time| [(time, Effect::None), (time, Effect::Done)]) {
                all.push(Faults { close: Some((stage, time, effect)), ..base.clone() });
                all.push(Faults { silence: Some((stage, time, effect)), ..base.clone() });
            }
        }
    }
    all
}

#[test]
fn i2_what_is_said_of_a_message_is_true_whatever_the_server_does() {
    let mut in_doubt = [0, 0];
    for faults in all_faults() {
        let (said, mailbox) = offer(std::slice::from_ref(&faults), MESSAGES);
        assert_true(&faults, &said, &mailbox);
        let delivered = said.iter().filter(|said| **said == Said::Delivered).count();
        let doubtful = said.iter().filter(|said| **said == Said::InDoubt).count();
        assert!(doubtful <= 1, "one connection is lost, and one message in doubt: {faults:?}");
        if doubtful == 1 {
            in_doubt[mailbox.messages.len() - delivered] += 1;
        }
        if faults.refuse.is_none() && faults.close.is_none() && faults.silence.is_none() {
            assert_eq!(said, [Said::Delivered; MESSAGES]);
        }
    }
    assert!(in_doubt[0] > 0 && in_doubt[1] > 0, "either truth of a doubt was met: {in_doubt:?}");
}

#[test]
fn i2_what_is_said_of_a_message_is_true_wherever_the_connection_is_cut() {
    let mut met = Vec::new();
    for pipelining in [false, true] {
        for cut in 0..=LAST_CUT {
            let base = Faults { pipelining, ..Faults::default() };
            for faults in
                [Faults { cut_input: Some(cut), ..base.clone() }, Faults { cut_output: Some(cut), ..base.clone() }]
            {
                let (said, mailbox) = offer(std::slice::from_ref(&faults), MESSAGES);
                assert_true(&faults, &said, &mailbox);
                assert!(cut < LAST_CUT || said == [Said::Delivered; MESSAGES], "{faults:?}: {said:?}");
                for said in said {
                    if !met.contains(&said) {
                        met.push(said);
                    }
                }
            }
        }
    }
    assert_eq!(met.len(), 3, "{met:?}");
}

/// After a doubt the message is offered again: with a server that drops repeats it is there once.
#[test]
fn a_server_that_drops_repeats_has_each_message_once() {
    for effect in [Effect::None, Effect::Done] {
        for drops_repeats in [false, true] {
            let mut world = World::new(Maildrop::new());
            world.mailbox.drops_repeats = drops_repeats;
            let close = Faults { close: Some((Stage::End, 0, effect)), ..Faults::default() };
            let setting = Setting { lmtp: vec![close], ..Setting::default() };
            let host = SimHost::new(world, 0, setting);
            let mut mta = Mta::new(&host, Protocol::Lmtp, spec(), Duration::from_secs(100_000));
            let parcels = [parcel("m0".to_owned())];
            let outcome = mta.prepare(&parcels).expect("it greets").perform().remove(0);
            assert!(matches!(outcome, Outcome::InDoubt(_)), "{outcome:?}");
            let outcome = mta.prepare(&parcels).expect("it greets again").perform().remove(0);
            assert!(matches!(outcome, Outcome::Delivered), "{outcome:?}");
            drop(mta);
            let copies = host.finish().world.mailbox.messages.len();
            let is_doubled = effect == Effect::Done && !drops_repeats;
            assert_eq!(copies, if is_doubled { 2 } else { 1 });
        }
    }
}
