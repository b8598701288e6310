//! What happens in a run. Every report, the exit code included, is a fold over these.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::model::{MessageNumber, Octets, Uid};
use crate::plan::Plan;
use crate::report::Exit;
use crate::route::{Foreseen, Why};

/// One step of an account's run.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// Deliveries that a crash had left were settled.
    Recovered {
        /// How many turned out to be delivered.
        delivered: usize,
    },
    /// The listing was taken.
    Listed {
        /// How many messages it has.
        messages: usize,
        /// Whether UIDL, STAT and LIST agree.
        complete: bool,
    },
    /// Everything is decided.
    Planned {
        /// What the session does.
        plan: &'a Plan,
        /// What the account's rules make of messages, as far as it was asked.
        foreseen: &'a HashMap<MessageNumber, Foreseen>,
    },
    /// A message is listed for the first time, and a rule leaves it on the server.
    LeftOut {
        /// Its unique-id.
        uid: &'a Uid,
        /// Which rule, and what it saw.
        why: &'a Why,
    },
    /// Octets of a message arrived, counted as LIST counts them.
    Received(Octets),
    /// A message has arrived whole. It is not in safety yet.
    Arrived,
    /// A message is durable in its target, and recorded.
    Delivered {
        /// Its unique-id.
        uid: &'a Uid,
        /// Its stored octets.
        octets: Octets,
    },
    /// The header of a message that stays on the server is durable in its target, and recorded.
    Announced {
        /// Its unique-id.
        uid: &'a Uid,
    },
    /// A message was fetched and proved to be delivered before, by its full hash.
    Recognised {
        /// Its unique-id.
        uid: &'a Uid,
    },
    /// A session with this many DELEs was ended by QUIT, and the server took it.
    Deleted {
        /// How many.
        messages: usize,
    },
    /// Something about one message, or some, that does not end the run.
    Problem(&'a Problem),
}

/// Something about one message, or some, that does not end the run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Problem {
    /// The server refused RETR: the message is asked for again by the next run.
    RetrRefused {
        /// The message.
        uid: Uid,
        /// The server's words, escaped.
        text: String,
    },
    /// The server refused DELE: it is asked again by the next run.
    DeleRefused {
        /// The server's words, escaped.
        text: String,
    },
    /// The server answered QUIT with -ERR: some messages were not deleted.
    QuitRejected {
        /// The server's words, escaped.
        text: String,
    },
    /// A message that was being fetched vanished from the server undelivered (I7).
    Vanished {
        /// How many.
        messages: usize,
    },
    /// An interrupted delivery is so old that its file may have been cleaned away: fetched again, perhaps a second copy.
    FetchedAgain {
        /// How many.
        messages: usize,
    },
    /// A target refuses: the messages lie in the held Maildir, and are delivered when it takes them.
    Held {
        /// The target, as the configuration names it.
        target: String,
        /// How many.
        messages: usize,
        /// What the target says.
        cause: String,
        /// What that makes of the exit code.
        exit: Exit,
    },
    /// A held message is missing or damaged, and no longer on the server.
    Damaged {
        /// Where it lay.
        path: PathBuf,
    },
    /// A target will never take these messages: they lie in the quarantine.
    Rejected {
        /// The target, as the configuration names it.
        target: String,
        /// How many.
        messages: usize,
        /// What the target says.
        cause: String,
    },
    /// Whether a target has these messages is not known: they are delivered to it again.
    Redelivered {
        /// The target, as the configuration names it.
        target: String,
        /// How many.
        messages: usize,
    },
    /// Whether their target has these messages is not known, and they wait for the user's word.
    InDoubt {
        /// How many.
        messages: usize,
        /// The target and what happened, where it happened just now.
        just_now: Option<(String, String)>,
    },
    /// What the disk holds of these messages is not known after a failed sync.
    Untrusted {
        /// How many.
        messages: usize,
    },
    /// A message does not fit on the target's disk: it is asked for again by the next run.
    TooBig {
        /// The message.
        uid: Uid,
        /// What is free.
        free: Octets,
        /// What it needs, with the floor that stays free.
        needed: Octets,
    },
    /// Messages that were not listed before are larger than what is to be fetched, and stay on the server.
    Oversize {
        /// How many.
        messages: usize,
        /// What is to be fetched at most.
        most: Octets,
        /// Where their headers are wanted, why these do not come either: the server's words, escaped.
        no_header: Option<String>,
    },
    /// The server announces for the first time that it may delete what is to stay there (RFC 2449 §6.7).
    Expires {
        /// The age at which it may; 0 is as soon as it was fetched.
        days: u64,
    },
    /// So many messages were removed from the Maildir that none was deleted for it.
    UnconfirmedRemovals {
        /// How many.
        messages: usize,
    },
    /// The Maildir could not be looked through for removed messages, so none was deleted for it.
    NotLookedThrough {
        /// Why not.
        cause: String,
        /// What that makes of the exit code.
        exit: Exit,
    },
    /// Messages that cost sessions their QUIT wait for their next try.
    BackingOff {
        /// How many.
        messages: usize,
    },
    /// QUIT was not sent, so nothing was deleted: what was read of these messages is not in safety.
    QuitWithheld {
        /// How many.
        messages: usize,
    },
    /// The server gives messages a unique-id that cannot be used, or none: they are neither fetched nor deleted.
    Unidentified {
        /// How many.
        messages: usize,
    },
    /// UIDL, STAT and LIST disagree, so nothing was deleted or taken for gone.
    PartialListing,
    /// A message's size changed to a new one, or its unique-id names other content than before.
    Contradicted,
}

/// Takes the events of all accounts.
pub trait Observer: Sync {
    /// Called for each event of an account, in its order.
    fn observe(&self, account: &str, event: &Event<'_>);
}
