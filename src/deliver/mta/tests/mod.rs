//! The target against a scripted server.

mod bounds;
mod conversations;
mod cuts;
mod reuse;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::time::Duration;

use super::{Mta, Protocol};
use crate::deliver::TargetError;
use crate::deliver::parcel::{Deliver as _, Outcome, Parcel, Promised, Settled, Source};
use crate::host::Host;
use crate::host::tests::script::Script;
use crate::model::{ContentId, DeliveryId, Digest, InDoubt, MtaAddress, MtaTarget, Octets, Promise, Timestamp, Uid};

/// Later than any test takes.
const RUN: Duration = Duration::from_secs(36_000);

/// The greeting and LHLO of a server without extensions.
const PLAIN: &str = "
    220 mx ready
    C: LHLO client.example
    250 mx";

/// The same of one with those that are used.
const EXTENDED: &str = "
    220-mx ready
    220 at your service
    C: LHLO client.example
    250-mx
    250-PIPELINING
    250-8BITMIME
    250-SIZE 1000000
    250 ENHANCEDSTATUSCODES";

/// [`MESSAGE`] taken by a server without extensions.
const TAKEN: &str = "
    C: MAIL FROM:<>
    250 2.1.0 ok
    C: RCPT TO:<alice>
    250 2.1.5 ok
    C: DATA
    354 go on
    C: Subject: x
    C:
    C: ..
    C: .
    250 2.0.0 taken";

const MESSAGE: &[u8] = b"Subject: x\n\n.\n";

/// Messages in memory.
#[derive(Default)]
struct Spool {
    messages: BTreeMap<String, Vec<u8>>,
    changes: RefCell<Option<Change>>,
}

/// What becomes of the messages after they were stored.
#[derive(Clone, Copy)]
enum Change {
    /// After so many octets each reading fails.
    FailsAfter(usize),
    /// Another message of the same length.
    Another,
}

impl Spool {
    fn with(messages: &[&[u8]]) -> Self {
        let numbered = messages.iter().enumerate();
        let messages = numbered.map(|(number, message)| (format!("m{number}"), message.to_vec())).collect();
        Self { messages, ..Self::default() }
    }

    fn parcels(&self) -> Vec<Parcel<'_>> {
        self.messages.iter().map(|(token, message)| parcel(self, token, message.len())).collect()
    }
}

impl Source for Spool {
    fn open(&self, token: &DeliveryId) -> Result<Option<Box<dyn Read>>, TargetError> {
        let Some(message) = self.messages.get(&token.0) else { return Ok(None) };
        Ok(Some(match *self.changes.borrow() {
            Some(Change::FailsAfter(octets)) => Box::new(Cursor::new(message[..octets].to_vec()).chain(Failing)),
            Some(Change::Another) => Box::new(Cursor::new(vec![b'\n'; message.len()])),
            None => Box::new(Cursor::new(message.clone())),
        }))
    }
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(5))
    }
}

fn parcel<'s>(source: &'s Spool, token: &str, octets: usize) -> Parcel<'s> {
    let (header, full) = (Digest([0; 32]), Digest([0; 32]));
    Parcel {
        token: DeliveryId(token.to_owned()),
        uid: Uid::new(b"uid").unwrap(),
        content: ContentId { header, full, octets: Octets(octets as u64) },
        fetched_at: Timestamp(0),
        prefix: Vec::new(),
        source,
    }
}

fn spec() -> MtaTarget {
    let address = MtaAddress::Local("/run/lmtp".into());
    MtaTarget { address, recipient: "alice".to_owned(), sender: None, in_doubt: InDoubt::Redeliver }
}

fn lmtp(host: &dyn Host) -> Mta<'_> {
    Mta::new(host, Protocol::Lmtp, spec(), RUN)
}

fn smtp(host: &dyn Host) -> Mta<'_> {
    let address = MtaAddress::Tcp { host: "mx".to_owned(), port: 25 };
    Mta::new(host, Protocol::Smtp, MtaTarget { address, ..spec() }, RUN)
}

/// What becomes of a parcel, in words.
fn offer(mta: &mut Mta<'_>, parcel: &Parcel<'_>) -> String {
    let parcels = [parcel.clone()];
    let prepared = match mta.prepare(&parcels) {
        Ok(prepared) => prepared,
        Err(error) => return format!("unprepared: {error}"),
    };
    assert_eq!(prepared.promises(), [Promise::HandedOver]);
    let outcome = prepared.perform().remove(0);
    match outcome {
        Outcome::Delivered => "delivered".to_owned(),
        Outcome::Refused(error) => format!("refused: {error}"),
        Outcome::Rejected(error) => format!("rejected: {error}"),
        Outcome::InDoubt(error) => format!("in doubt: {error}"),
        Outcome::Untrusted(error) => panic!("a server has no disk of ours: {error}"),
    }
}

/// What becomes of some copies of [`MESSAGE`], one after the other over LMTP.
fn offer_all(script: &Script, count: usize) -> Vec<String> {
    let spool = Spool::with(&vec![MESSAGE; count]);
    let mut mta = lmtp(script);
    spool.parcels().iter().map(|parcel| offer(&mut mta, parcel)).collect()
}

/// What becomes of one, by this script and no QUIT.
fn offer_one(script: &Script) -> String {
    offer_all(script, 1).remove(0)
}
