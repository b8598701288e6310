//! What to do with each listed message. Pure: the listing, the index, the policy and the evidence go in, a [`Plan`]
//! comes out, and `--dry-run` prints that value.
//!
//! Where a unique-id alone proves nothing (I6), the answer is [`Decision::Probe`] instead: the caller takes the header
//! fingerprints asked for and asks again. Where fingerprints cannot tell either, the message is fetched and
//! [`judge`] compares its full hash before anything is delivered.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::model::{
    DeliveryId, Digest, Listed, Listing, MessageNumber, Octets, Row, RowId, RowState, Seen, Timestamp, Uid, limits,
};
use crate::policy::{self, Keep};
use crate::recover::{self, Found, Resolution};

/// What the decision rests on besides the listing and the index.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The retention policy.
    pub keep: Keep,
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
    /// Most messages to fetch; what is only fetched to be deleted does not count.
    pub limit: Option<usize>,
    /// What the account's rules leave on the server, unless it was delivered before.
    pub left_out: HashSet<MessageNumber>,
}

/// What TOP said of a message of this session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// The strong fingerprint of its header.
    Header(Digest),
    /// TOP was refused.
    Refused,
}

/// All evidence of a session.
pub type Evidences = HashMap<MessageNumber, Evidence>;

/// The answer of [`reconcile`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Take the header fingerprints of these messages by TOP, then ask again.
    Probe(Vec<MessageNumber>),
    /// Everything is decided.
    Plan(Plan),
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
    /// It is delivered, and stays on the server.
    AlreadyDelivered,
    /// It is delivered, and due for deletion.
    Due,
    /// It is due, but the listing is partial: nothing is deleted by it.
    DueButPartial,
    /// It waits in the held Maildir for its target.
    Held,
    /// What the disk holds of it is not known.
    Untrusted,
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
    /// How long it stays on the server by the policy; `None` where it is not delivered, or stays for ever.
    pub due_in: Option<Duration>,
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
    /// Deletions get a session of their own before anything is fetched (I4).
    pub deletions_first: bool,
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

struct Reconciler<'a> {
    listing: &'a Listing,
    seen: &'a Seen,
    facts: &'a Facts,
    evidence: &'a Evidences,
    /// No unique-id proves anything before its fingerprint agrees.
    unproven: bool,
    contradicted: bool,
    probes: Vec<MessageNumber>,
    accounted: HashSet<RowId>,
    /// Fetches that the limit counts.
    fetches_that_count: usize,
    plan: Plan,
}

impl<'a> Reconciler<'a> {
    fn new(listing: &'a Listing, seen: &'a Seen, facts: &'a Facts, evidence: &'a Evidences, unproven: bool) -> Self {
        Self {
            listing,
            seen,
            facts,
            evidence,
            unproven,
            contradicted: unproven,
            probes: Vec::new(),
            accounted: HashSet::new(),
            fetches_that_count: 0,
            plan: Plan::default(),
        }
    }

    fn run(&mut self) {
        let mut groups: HashMap<&Uid, Vec<&'a Listed>> = HashMap::with_capacity(self.listing.messages.len());
        for listed in &self.listing.messages {
            groups.entry(&listed.uid).or_default().push(listed);
        }
        for listed in &self.listing.messages {
            match groups.remove(&listed.uid).as_deref() {
                Some([single]) => self.decide_single(single),
                Some(copies) => self.decide_copies(copies),
                None => {}
            }
        }
    }

    /// A unique-id that is listed once.
    fn decide_single(&mut self, listed: &'a Listed) {
        let rows: Vec<&'a Row> = self.seen.of(&listed.uid).collect();
        let live: Vec<&'a Row> = rows.iter().copied().filter(|row| row.gone.is_none()).collect();
        match (&rows[..], &live[..]) {
            ([], _) => self.fetch_fresh(listed, false, Reason::Unknown),
            (_, [row]) if row.content.is_some() && self.is_proven(row, listed) => self.decide_known(listed, row),
            ([row], _) if row.content.is_none() => self.decide_undelivered(listed, row),
            _ => self.decide_by_evidence(listed, &rows),
        }
    }

    /// A unique-id that is listed several times: only content tells the copies apart.
    fn decide_copies(&mut self, copies: &[&'a Listed]) {
        let Some(first) = copies.first() else { return };
        let rows: Vec<&Row> = self.seen.of(&first.uid).collect();
        self.accounted.extend(rows.iter().map(|row| row.id));
        let live: Vec<&Row> = rows.iter().copied().filter(|row| row.gone.is_none()).collect();
        let settled = !self.unproven
            && live
                .iter()
                .all(|row| row.content.is_some() && row.proven_epoch == self.facts.epoch && !self.is_due(row))
            && sorted_sizes(live.iter().map(|row| row.size)) == sorted_sizes(copies.iter().map(|copy| copy.size));
        if settled {
            for (copy, row) in pair_by_size(copies, &live) {
                self.decide(copy, row, Reason::AlreadyDelivered);
            }
            return;
        }
        for (copy, row) in pair_by_size(copies, &rows) {
            match row {
                Some(row) => self.fetch_row(copy, row, true, Reason::Unproven),
                None => self.fetch_fresh(copy, true, Reason::Unproven),
            }
        }
    }

    fn decide_undelivered(&mut self, listed: &'a Listed, row: &Row) {
        self.accounted.insert(row.id);
        if row.gone.is_some() || row.size != listed.size {
            self.plan.proven.push((row.id, listed.size));
        }
        self.fetch_row(listed, row, false, Reason::NotYetDelivered);
    }

    /// Fetches a message that has a row, unless the user gave it up or it cost sessions their QUIT (I4).
    fn fetch_row(&mut self, listed: &Listed, row: &Row, is_copy: bool, reason: Reason) {
        let how = if row.content.is_some() { FetchRow::Expected(row.id) } else { FetchRow::Waiting(row.id) };
        if row.state == RowState::Skipped {
            self.decide(listed, Some(row), Reason::Skipped);
        } else if self.is_left_out(listed, how) {
            self.decide(listed, Some(row), Reason::LeftOut);
        } else if row.lost_sessions < limits::TROUBLED_AFTER {
            self.fetch(listed, how, Some(row), is_copy, reason);
        } else if row.retry_after.is_some_and(|time| self.is_ahead(time)) {
            self.decide(listed, Some(row), Reason::BackingOff);
        } else {
            self.decide(listed, Some(row), Reason::Troubled);
            let listed = listed.clone();
            self.plan.troubled.push(Fetch { listed, row: how, is_copy, beyond_limit: false, reason });
        }
    }

    /// Whether a back-off still runs; one that ends later than any back-off may was made by a wrong clock.
    fn is_ahead(&self, time: Timestamp) -> bool {
        let longest = i64::try_from(limits::TROUBLED_BACKOFF_MAX.as_secs()).unwrap_or(i64::MAX);
        (1..=longest).contains(&time.0.saturating_sub(self.facts.now.0))
    }

    /// A delivered row that its unique-id proves, unless it is due: then the content must be matched (I3).
    fn decide_known(&mut self, listed: &'a Listed, row: &'a Row) {
        self.accounted.insert(row.id);
        match self.standing(row) {
            Reason::Due => self.decide_by_evidence(listed, &[row]),
            standing => self.decide(listed, Some(row), standing),
        }
    }

    fn decide_by_evidence(&mut self, listed: &'a Listed, rows: &[&'a Row]) {
        self.accounted.extend(rows.iter().map(|row| row.id));
        match self.evidence.get(&listed.number) {
            None if self.facts.top => self.probes.push(listed.number),
            None | Some(Evidence::Refused) => self.fetch_to_compare(listed, rows),
            Some(Evidence::Header(header)) => {
                let same: Vec<&Row> =
                    rows.iter().copied().filter(|row| row.content.is_some_and(|c| c.header == *header)).collect();
                match same[..] {
                    [row] => self.matched(listed, row, rows),
                    [] => {
                        // With a row that waits for its content, the contradiction was met before.
                        self.contradicted |= rows.iter().all(|row| row.content.is_some());
                        self.fetch_to_compare(listed, rows);
                    }
                    _ => self.fetch_to_compare(listed, rows),
                }
            }
        }
    }

    /// The header fingerprint picked one row: it is listed, and the others of its unique-id are not.
    fn matched(&mut self, listed: &'a Listed, row: &'a Row, rows: &[&'a Row]) {
        for other in rows.iter().filter(|other| other.id != row.id) {
            self.accounted.remove(&other.id);
        }
        if !self.is_proven(row, listed) {
            self.plan.proven.push((row.id, listed.size));
        }
        let standing = self.standing(row);
        self.decide(listed, Some(row), standing);
        if standing == Reason::Due {
            self.plan.deletions.push(Deletion { number: listed.number, row: row.id });
        }
    }

    /// What becomes of a row whose content is known to be listed.
    fn standing(&self, row: &Row) -> Reason {
        match row.state {
            RowState::Held => Reason::Held,
            RowState::Untrusted => Reason::Untrusted,
            RowState::Skipped => Reason::Skipped,
            _ if !self.is_due(row) => Reason::AlreadyDelivered,
            _ if !self.listing.complete => Reason::DueButPartial,
            _ => Reason::Due,
        }
    }

    /// Only the full hash can tell whether this is the message of one of `rows`.
    fn fetch_to_compare(&mut self, listed: &Listed, rows: &[&Row]) {
        let waiting = rows.iter().find(|row| row.content.is_none());
        match (waiting, rows) {
            (Some(row), _) => self.fetch_row(listed, row, false, Reason::Unproven),
            (None, [row]) if self.is_proven(row, listed) => self.fetch_row(listed, row, false, Reason::Due),
            _ => self.fetch_fresh(listed, false, Reason::Unproven),
        }
    }

    fn fetch_fresh(&mut self, listed: &Listed, is_copy: bool, reason: Reason) {
        self.plan.fresh.push(listed.clone());
        let how = FetchRow::Fresh(self.plan.fresh.len() - 1);
        if self.is_left_out(listed, how) {
            self.decide(listed, None, Reason::LeftOut);
        } else {
            self.fetch(listed, how, None, is_copy, reason);
        }
    }

    fn is_left_out(&self, listed: &Listed, row: FetchRow) -> bool {
        row.may_be_left_out() && self.facts.left_out.contains(&listed.number)
    }

    fn fetch(&mut self, listed: &Listed, row: FetchRow, known: Option<&Row>, is_copy: bool, reason: Reason) {
        let beyond_limit =
            reason != Reason::Due && self.facts.limit.is_some_and(|limit| self.fetches_that_count >= limit);
        self.fetches_that_count += usize::from(reason != Reason::Due);
        self.decide(listed, known, if beyond_limit { Reason::OverLimit } else { reason });
        self.plan.fetches.push(Fetch { listed: listed.clone(), row, is_copy, beyond_limit, reason });
    }

    fn is_proven(&self, row: &Row, listed: &Listed) -> bool {
        !self.unproven
            && row.gone.is_none()
            && row.proven_epoch == self.facts.epoch
            && (row.size == listed.size || row.size.is_none() || listed.size.is_none())
    }

    fn decide(&mut self, listed: &Listed, row: Option<&Row>, reason: Reason) {
        self.plan.decided.push(Decided {
            listed: listed.clone(),
            reason,
            state: row.map(|row| row.state),
            delivered_at: row.and_then(|row| row.delivery.as_ref()).map(|delivery| delivery.at),
            due_in: row.and_then(|row| due_in(row, self.facts.keep, self.facts.clock)),
        });
    }

    fn is_due(&self, row: &Row) -> bool {
        due_in(row, self.facts.keep, self.facts.clock) == Some(Duration::ZERO)
    }

    fn finish(mut self) -> Decision {
        if !self.probes.is_empty() {
            return Decision::Probe(self.probes);
        }
        if self.listing.complete {
            let missing = self.seen.rows().iter().filter(|row| row.gone.is_none() && !self.accounted.contains(&row.id));
            for row in missing {
                self.plan.gone.push(row.id);
                let is_listed_otherwise = self.seen.of(&row.uid).any(|other| self.accounted.contains(&other.id));
                if row.state == RowState::New && row.attempted && !is_listed_otherwise {
                    self.plan.lost.push(row.id);
                }
            }
        }
        // What is only fetched to be deleted comes after new mail.
        self.plan.fetches.sort_by_key(|fetch| fetch.reason == Reason::Due);
        self.plan.decided.sort_by_key(|decided| decided.listed.number);
        self.plan.contradicted = self.contradicted;
        self.plan.deletions_first = !self.facts.last_session_quit && !self.plan.deletions.is_empty();
        Decision::Plan(self.plan)
    }
}

/// How long a message stays on the server by the policy, at this reading of the credited clock; `None` where it is not
/// delivered, or stays for ever.
#[must_use]
pub fn due_in(row: &Row, keep: Keep, clock: i64) -> Option<Duration> {
    let delivery = row.delivery.as_ref().filter(|_| row.state == RowState::Delivered)?;
    keep.due_in(policy::age(delivery.clock, clock))
}

/// Guesses which row is which copy's, so that a bad copy is blamed on one row from run to run: rows of the same size
/// first, and delivered, waiting and vanished ones in this order. Content decides in the end.
fn pair_by_size<'a>(copies: &[&'a Listed], rows: &[&'a Row]) -> Vec<(&'a Listed, Option<&'a Row>)> {
    let mut free: Vec<&Row> = rows.to_vec();
    free.sort_by_key(|row| (row.gone.is_some(), row.content.is_none()));
    let mut pairs: Vec<(&Listed, Option<&Row>)> = Vec::with_capacity(copies.len());
    for copy in copies {
        let same_size = free.iter().position(|row| row.size == copy.size);
        pairs.push((copy, same_size.map(|at| free.remove(at))));
    }
    // Of another size, what waits is likelier to be a copy than what is delivered.
    free.sort_by_key(|row| (row.gone.is_some(), row.content.is_some()));
    let mut free = free.into_iter();
    for (_, row) in pairs.iter_mut().filter(|(_, row)| row.is_none()) {
        *row = free.next();
    }
    pairs
}

fn sorted_sizes(sizes: impl Iterator<Item = Option<Octets>>) -> Vec<Option<Octets>> {
    let mut sizes: Vec<_> = sizes.collect();
    sizes.sort_unstable();
    sizes
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
