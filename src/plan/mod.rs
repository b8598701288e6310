//! What to do with each listed message. Pure: the listing, the index, the policy and the evidence go in, a [`Plan`]
//! comes out, and `--dry-run` prints that value.
//!
//! Where a unique-id alone proves nothing (I6), the answer is [`Decision::Probe`] instead: the caller takes the header
//! fingerprints asked for and asks again. Where fingerprints cannot tell either, the message is fetched and
//! [`judge`] compares its full hash before anything is delivered.

mod copies;
mod reconcile;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::model::{DeliveryId, Digest, Listed, Listing, MessageNumber, Octets, Row, RowId, RowState, Seen, Timestamp};
use crate::policy::{self, Budget, OnServer, Order, Retention, Stay};
use crate::recover::{self, Found, Resolution};
use reconcile::Reconciler;

/// What the decision rests on besides the listing and the index.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When delivered mail may go.
    pub retention: Retention,
    /// Wall-clock time.
    pub now: Timestamp,
    /// The index's credited clock, in seconds.
    pub clock: i64,
    /// Matches proven in an earlier epoch are proven no longer.
    pub epoch: i64,
    /// The server or the user differs from the last session's.
    pub account_changed: bool,
    /// Whether the last session that had work to do ended by QUIT.
    pub last_session_quit: bool,
    /// Whether TOP may be asked.
    pub top: bool,
    /// What is fetched first.
    pub order: Order,
    /// A larger message stays on the server unfetched.
    pub max_size: Option<Octets>,
    /// The messages whose headers were delivered, or are on their way; `None` where the header of what is larger than
    /// `max_size` is not wanted.
    pub announced: Option<HashSet<RowId>>,
    /// What may be fetched still.
    pub budget: Budget,
    /// Most messages that a session deletes before it fetches; another one goes on.
    pub relogin: Option<u64>,
    /// What the account's rules leave on the server, unless it was delivered before.
    pub left_out: HashSet<MessageNumber>,
    /// Rows that this run tried to delete: once is enough for one run.
    pub deleted: HashSet<RowId>,
    /// What the user removed from the Maildir, where such messages are to be deleted on the server.
    pub removed: Removed,
}

/// What the user removed from the Maildir.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Removed {
    /// The delivered rows.
    pub rows: HashSet<RowId>,
    /// Whether the user said that as many may be deleted on the server.
    pub is_confirmed: bool,
}

/// What this session saw of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// The strong fingerprint of its header, by TOP.
    Header(Digest),
    /// TOP was refused.
    Refused,
    /// Its content, by RETR: it is this row's message.
    Whole(RowId),
}

/// All evidence of a session.
pub type Evidences = HashMap<MessageNumber, Evidence>;

/// The answer of [`reconcile`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Take the header fingerprints of these messages by TOP, then ask again.
    Probe(Vec<MessageNumber>),
    /// Everything is decided.
    Plan(Box<Plan>),
}

/// Why a message is fetched or left.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// Its unique-id was never seen.
    Unknown,
    /// It was listed before and not delivered.
    NotYetDelivered,
    /// Its unique-id names other content than before, or may: the full hash decides.
    Unproven,
    /// It is delivered, and stays on the server for some time, or for ever.
    AlreadyDelivered,
    /// It is delivered, and stays as one of the newest.
    AmongNewest,
    /// It is delivered, and goes: kept long enough.
    Due,
    /// It is delivered, and goes: kept long enough, and no longer one of the newest.
    Displaced,
    /// It is delivered, and goes: larger than what may stay.
    TooLarge,
    /// It is delivered, and goes: the user removed it from the Maildir.
    RemovedLocally,
    /// It is due, but the listing is partial: nothing is deleted by it.
    DueButPartial,
    /// It waits in the held Maildir for its target.
    Held,
    /// What the disk holds of it is not known.
    Untrusted,
    /// It is larger than what is to be fetched.
    Oversize,
    /// It is larger than what is to be fetched: its header alone is delivered.
    OversizeHeader,
    /// The user asked never to fetch it.
    Skipped,
    /// A rule of the account leaves it on the server.
    LeftOut,
    /// It cost sessions their QUIT; not before its time.
    BackingOff,
    /// It cost sessions their QUIT; fetched last, in a session of its own.
    Troubled,
    /// The run's limit is reached.
    OverLimit,
}

impl Reason {
    /// Whether the message is delivered and goes.
    #[must_use]
    pub fn deletes(self) -> bool {
        matches!(self, Self::Due | Self::Displaced | Self::TooLarge | Self::RemovedLocally)
    }

    /// Whether the message stays because it is larger than what is to be fetched.
    #[must_use]
    pub fn is_oversize(self) -> bool {
        matches!(self, Self::Oversize | Self::OversizeHeader)
    }

    /// Whether the message is delivered, and its unique-id or its content says so.
    #[must_use]
    pub fn is_known(self) -> bool {
        self.deletes() || matches!(self, Self::AlreadyDelivered | Self::AmongNewest | Self::DueButPartial)
    }
}

/// One message to RETR.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fetch {
    /// The message in this session.
    pub listed: Listed,
    /// Where its row comes from, should it be delivered.
    pub row: FetchRow,
    /// Whether the unique-id is listed several times: equal content is then kept as a row of its own.
    pub is_copy: bool,
    /// Whether the run's limit is reached before it, should all messages before it arrive.
    pub beyond_limit: bool,
    /// Why it is fetched.
    pub reason: Reason,
}

impl Fetch {
    /// Whether the limits count it: not what was delivered before, and is only fetched to be told apart or deleted. It may
    /// have to be fetched again and again, and must not hold up new mail.
    #[must_use]
    pub fn counts(&self) -> bool {
        !matches!(self.row, FetchRow::Expected(_))
    }
}

/// The row of a message to fetch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FetchRow {
    /// A row that waits undelivered.
    Waiting(RowId),
    /// [`Plan::fresh`] at this position: committed as NEW before any RETR.
    Fresh(usize),
    /// None: it is expected to be this row's message, and a new row is made only if it is not.
    Expected(RowId),
}

impl Plan {
    /// Whether a session by it RETRs or DELEs anything, now or in a session of its own.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !(self.fetches.is_empty() && self.troubled.is_empty() && self.deletions.is_empty())
    }

    /// How many messages this run sets out to fetch.
    #[must_use]
    pub fn to_fetch(&self) -> usize {
        self.fetches.iter().filter(|fetch| !fetch.beyond_limit).count() + self.troubled.len()
    }

    /// How many messages were decided so.
    #[must_use]
    pub fn count(&self, is_so: impl Fn(&Decided) -> bool) -> usize {
        self.decided.iter().filter(|decided| is_so(decided)).count()
    }

    /// Whether its listing says anything that the index does not know.
    #[must_use]
    pub fn is_news(&self) -> bool {
        self.has_work()
            || self.contradicted
            || !(self.fresh.is_empty() && self.gone.is_empty() && self.proven.is_empty())
    }
}

impl FetchRow {
    /// The row once [`Plan::fresh`] is committed as `fresh`.
    #[must_use]
    pub fn committed(self, fresh: &[RowId]) -> Option<RowId> {
        match self {
            Self::Waiting(row) => Some(row),
            Self::Fresh(at) => fresh.get(at).copied(),
            Self::Expected(_) => None,
        }
    }

    /// Whether rules may leave the message on the server. What was delivered once is fetched whatever they say, to be told
    /// apart or to be deleted.
    #[must_use]
    pub fn may_be_left_out(self) -> bool {
        !matches!(self, Self::Expected(_))
    }

    /// The row that is known without [`Plan::fresh`].
    #[must_use]
    pub fn known(self) -> Option<RowId> {
        match self {
            Self::Waiting(row) | Self::Expected(row) => Some(row),
            Self::Fresh(_) => None,
        }
    }
}

/// What was decided of one listed message, and what is known of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decided {
    /// The message in this session.
    pub listed: Listed,
    /// What becomes of it, and why.
    pub reason: Reason,
    /// The state of its row; `None` where it has none, or only its content can tell which one it is.
    pub state: Option<RowState>,
    /// When it was delivered.
    pub delivered_at: Option<Timestamp>,
    /// How long it stays on the server by the policy; `None` where it is not delivered, or no time says it.
    pub due_in: Option<Duration>,
    /// Whether it is to be fetched, and goes once it is delivered.
    pub goes_once_delivered: bool,
}

/// One delivered message to delete: its header must match the row's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deletion {
    /// The message in this session.
    pub number: MessageNumber,
    /// Its row.
    pub row: RowId,
}

/// Everything a session does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// Unknown messages, committed as NEW before any RETR.
    pub fresh: Vec<Listed>,
    /// Rows that this complete listing lacks.
    pub gone: Vec<RowId>,
    /// Rows whose content was proven: listed again, or by evidence in this epoch. With the size listed now.
    pub proven: Vec<(RowId, Option<Octets>)>,
    /// A unique-id of this listing named other content than recorded, or the account changed: a new epoch begins.
    pub contradicted: bool,
    /// Messages that a session set out to fetch and that vanished undelivered (I7).
    pub lost: Vec<RowId>,
    /// What to delete.
    pub deletions: Vec<Deletion>,
    /// What to fetch, in order.
    pub fetches: Vec<Fetch>,
    /// What to fetch afterwards, each in a session of its own (I4).
    pub troubled: Vec<Fetch>,
    /// Of which messages to deliver the header alone, by a stub.
    pub stubs: Vec<Fetch>,
    /// Deletions get a session of their own before anything is fetched: the last session did not end by QUIT (I4), or they
    /// are as many as one session is to have.
    pub deletions_first: bool,
    /// So many messages were removed from the Maildir that none is deleted for it before the user confirms it.
    pub unconfirmed_removals: usize,
    /// What was decided of each listed message, in the server's order.
    pub decided: Vec<Decided>,
}

/// Decides what to do with every message of a listing.
#[must_use]
pub fn reconcile(listing: &Listing, seen: &Seen, facts: &Facts, evidence: &Evidences) -> Decision {
    let mut first = Reconciler::new(listing, seen, facts, evidence, facts.account_changed);
    first.run();
    if first.contradicted && !facts.account_changed {
        first = Reconciler::new(listing, seen, facts, evidence, true);
        first.run();
    }
    first.finish()
}

/// What the content of a fetched message makes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing proves that it was delivered before.
    Deliver,
    /// It is this row's message.
    SameAs(RowId),
}

/// A delivered row with the same full hash as a fetched message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Twin {
    /// The row.
    pub row: RowId,
    /// Whether it has the same unique-id.
    pub same_uid: bool,
    /// Whether it had vanished from the listings when the fetched unique-id was first listed, and nothing took it over since.
    pub vanished_before: bool,
}

/// Whether a fetched message was delivered before (I6).
///
/// Unique-ids once listed together are different messages, even with identical octets, so only a row of the same
/// unique-id, or one that vanished before the fetched unique-id appeared, proves anything; and nothing is adopted by a
/// partial listing.
#[must_use]
pub fn judge(twins: &[Twin], listing_complete: bool) -> Verdict {
    twins
        .iter()
        .find(|twin| twin.same_uid)
        .or_else(|| twins.iter().find(|twin| twin.vanished_before && listing_complete))
        .map_or(Verdict::Deliver, |twin| Verdict::SameAs(twin.row))
}

/// What the policy says of each delivered message that was listed last, without a session: in the order in which they
/// were first listed.
#[must_use]
pub fn stays_without_listing(seen: &Seen, retention: &Retention, clock: i64) -> Vec<Stay> {
    let is_listed = |row: &&Row| row.gone.is_none() && !row.delete_sent;
    let places = (1..).map(MessageNumber);
    let delivered: Vec<OnServer> = places
        .zip(seen.rows().iter().filter(is_listed))
        .filter_map(|(number, row)| on_server(row, number, row.size, clock))
        .collect();
    retention.stays(&delivered)
}

/// A row as the policy sees it under this number and with this listed size; `None` unless it is delivered.
fn on_server(row: &Row, number: MessageNumber, size: Option<Octets>, clock: i64) -> Option<OnServer> {
    let delivery = row.delivery.as_ref().filter(|_| row.state == RowState::Delivered)?;
    // A size of 0 is none: some servers do not know it.
    let octets = size.filter(|size| size.0 > 0).or(row.content.map(|content| content.octets)).unwrap_or_default();
    let age = policy::age(delivery.clock, clock);
    Some(OnServer { number, place: number, first_listed: row.first_listed, octets, age })
}

/// The pure decisions of a run, gathered so that the simulation can put a weaker one in the place of each and show that
/// the loss or the duplicate is noticed. The program itself only ever uses [`Rules::default`].
#[derive(Clone, Copy)]
pub struct Rules {
    /// See [`reconcile`].
    pub reconcile: fn(&Listing, &Seen, &Facts, &Evidences) -> Decision,
    /// See [`judge`].
    pub judge: fn(&[Twin], bool) -> Verdict,
    /// See [`crate::recover::resolve`].
    pub resolve: fn(Found, Timestamp, Timestamp) -> Resolution,
    /// See [`crate::recover::target_to_probe`].
    pub target_to_probe: fn(i64, i64) -> i64,
    /// See [`crate::recover::stale`].
    pub stale: for<'a> fn(&'a [String], &str, &[DeliveryId]) -> Vec<&'a str>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            reconcile,
            judge,
            resolve: recover::resolve,
            target_to_probe: recover::target_to_probe,
            stale: recover::stale,
        }
    }
}
