//! The walk through a listing: what becomes of each message.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::copies::{pair_by_size, sorted_sizes};
use super::{
    Decided, Decision, Deletion, Evidence, Evidences, Facts, Fetch, FetchRow, Plan, Reason, Removed, on_server,
};
use crate::model::{Listed, Listing, ListingId, MessageNumber, Row, RowId, RowState, Seen, Timestamp, Uid, limits};
use crate::policy::{self, OnServer, Order, Stay};

pub(super) struct Reconciler<'a> {
    listing: &'a Listing,
    seen: &'a Seen,
    facts: &'a Facts,
    evidence: &'a Evidences,
    /// No unique-id proves anything before its fingerprint agrees.
    unproven: bool,
    pub(super) contradicted: bool,
    probes: Vec<MessageNumber>,
    accounted: HashSet<RowId>,
    /// The delivered messages of the listing, as far as they are known, and what the policy says of each.
    delivered: Vec<OnServer>,
    stays: HashMap<RowId, Stay>,
    plan: Plan,
}

impl<'a> Reconciler<'a> {
    pub(super) fn new(
        listing: &'a Listing,
        seen: &'a Seen,
        facts: &'a Facts,
        evidence: &'a Evidences,
        unproven: bool,
    ) -> Self {
        Self {
            listing,
            seen,
            facts,
            evidence,
            unproven,
            contradicted: unproven,
            probes: Vec::new(),
            accounted: HashSet::new(),
            delivered: Vec::new(),
            stays: HashMap::new(),
            plan: Plan::default(),
        }
    }

    pub(super) fn run(&mut self) {
        let groups = self.by_unique_id();
        self.ask_policy(&groups);
        for group in &groups {
            match group[..] {
                [single] => self.decide_single(single),
                _ => self.decide_copies(group),
            }
        }
    }

    /// The messages of each unique-id, in the order in which the listing has their first ones.
    fn by_unique_id(&self) -> Vec<Vec<&'a Listed>> {
        let mut places: HashMap<&Uid, usize> = HashMap::with_capacity(self.listing.messages.len());
        let mut groups: Vec<Vec<&Listed>> = Vec::with_capacity(self.listing.messages.len());
        for listed in &self.listing.messages {
            let place = *places.entry(&listed.uid).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.push(listed),
                None => groups.push(vec![listed]),
            }
        }
        groups
    }

    /// Asks what becomes of the delivered messages. Those that may be others than they seem are left out, and take no
    /// place among the newest.
    fn ask_policy(&mut self, groups: &[Vec<&'a Listed>]) {
        let mut rows = Vec::new();
        for group in groups {
            let known = match group[..] {
                [single] => self.known(single).map(|row| (single, row)).into_iter().collect(),
                _ => self.known_copies(group),
            };
            let place = group.iter().map(|listed| listed.number).max().unwrap_or(MessageNumber(0));
            for (listed, row) in known {
                if let Some(message) = on_server(row, listed.number, listed.size, self.facts.clock) {
                    self.delivered.push(OnServer { place, ..message });
                    rows.push(row.id);
                }
            }
        }
        self.stays = rows.into_iter().zip(self.facts.retention.stays(&self.delivered)).collect();
        self.mark_removed();
    }

    /// What the user removed goes too, unless that is too much. What goes in any case counts as well, and so does what this
    /// run deleted already.
    fn mark_removed(&mut self) {
        let Removed { rows, is_confirmed } = &self.facts.removed;
        let deleted = || self.facts.deleted.iter().filter(|row| !self.stays.contains_key(row));
        let removed = rows.iter().filter(|row| self.stays.contains_key(row)).count();
        let removed_before = deleted().filter(|row| rows.contains(row)).count();
        let delivered = self.delivered.len() + deleted().count();
        if !policy::may_delete_removed(removed + removed_before, delivered, *is_confirmed) {
            self.plan.unconfirmed_removals = removed;
            return;
        }
        for row in rows {
            if let Some(stay) = self.stays.get_mut(row).filter(|stay| !stay.is_over()) {
                *stay = Stay::RemovedLocally;
            }
        }
    }

    /// The row that a message of a unique-id of its own is known to be.
    fn known(&self, listed: &Listed) -> Option<&'a Row> {
        let rows: Vec<&'a Row> = self.seen.of(&listed.uid).collect();
        let evidence = self.evidence.get(&listed.number);
        if let Some(Evidence::Whole(id)) = evidence {
            return rows.into_iter().find(|row| row.id == *id);
        }
        let live: Vec<&'a Row> = rows.iter().copied().filter(|row| row.gone.is_none()).collect();
        match (&live[..], evidence) {
            ([row], _) if row.content.is_some() && self.is_proven(row, listed) => Some(row),
            (_, Some(Evidence::Header(header))) => {
                let is_same = |row: &&&Row| row.content.is_some_and(|content| content.header == *header);
                let mut same = rows.iter().filter(is_same);
                same.next().copied().filter(|_| same.next().is_none())
            }
            _ => None,
        }
    }

    /// The same for the messages of one unique-id.
    fn known_copies(&self, copies: &[&'a Listed]) -> Vec<(&'a Listed, &'a Row)> {
        let rows = |uid: &Uid| self.seen.of(uid).collect::<Vec<&'a Row>>();
        let Some(rows) = copies.first().map(|first| rows(&first.uid)) else { return Vec::new() };
        let of_evidence = |copy: &&'a Listed| match self.evidence.get(&copy.number) {
            Some(Evidence::Whole(id)) => rows.iter().find(|row| row.id == *id).map(|row| (*copy, *row)),
            _ => None,
        };
        let by_evidence: Vec<_> = copies.iter().filter_map(of_evidence).collect();
        if !by_evidence.is_empty() {
            return by_evidence;
        }
        let live: Vec<&Row> = rows.into_iter().filter(|row| row.gone.is_none()).collect();
        if !self.is_settled(copies, &live) {
            return Vec::new();
        }
        pair_by_size(copies, &live).into_iter().filter_map(|(copy, row)| Some((copy, row?))).collect()
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
        let rows: Vec<&'a Row> = self.seen.of(&first.uid).collect();
        self.accounted.extend(rows.iter().map(|row| row.id));
        let live: Vec<&'a Row> = rows.iter().copied().filter(|row| row.gone.is_none()).collect();
        if self.is_settled(copies, &live) && !live.iter().any(|row| self.standing(row).deletes()) {
            for (copy, row) in pair_by_size(copies, &live) {
                let standing = row.map_or(Reason::AlreadyDelivered, |row| self.standing(row));
                self.decide(copy, row, standing);
            }
            return;
        }
        for (copy, row) in pair_by_size(copies, &rows) {
            match (self.evidence.get(&copy.number), row) {
                (Some(Evidence::Whole(id)), _) => self.decide_whole(copy, *id, &rows),
                (_, Some(row)) => self.fetch_row(copy, row, true, Reason::Unproven),
                (_, None) => self.fetch_fresh(copy, true, Reason::Unproven),
            }
        }
    }

    /// Whether the number and the sizes of copies are those of their delivered rows.
    fn is_settled(&self, copies: &[&Listed], live: &[&Row]) -> bool {
        !self.unproven
            && live.iter().all(|row| row.content.is_some() && row.proven_epoch == self.facts.epoch)
            && sorted_sizes(live.iter().map(|row| row.size)) == sorted_sizes(copies.iter().map(|copy| copy.size))
    }

    /// A message that this session fetched: it is this row's.
    fn decide_whole(&mut self, listed: &'a Listed, row: RowId, rows: &[&'a Row]) {
        match rows.iter().find(|known| known.id == row) {
            Some(row) => self.matched(listed, row, &[]),
            None => self.decide(listed, None, Reason::AlreadyDelivered),
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
        } else if let Some(reason) = self.stays_unfetched(listed, how, Some(row)) {
            self.leave(listed, how, Some(row), reason);
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
        let standing = self.standing(row);
        if standing.deletes() {
            self.decide_by_evidence(listed, &[row]);
        } else {
            self.decide(listed, Some(row), standing);
        }
    }

    fn decide_by_evidence(&mut self, listed: &'a Listed, rows: &[&'a Row]) {
        self.accounted.extend(rows.iter().map(|row| row.id));
        match self.evidence.get(&listed.number) {
            None if self.facts.top => self.probes.push(listed.number),
            None | Some(Evidence::Refused) => self.fetch_to_compare(listed, rows),
            Some(Evidence::Whole(row)) => self.decide_whole(listed, *row, rows),
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
        if standing.deletes() {
            self.plan.deletions.push(Deletion { number: listed.number, row: row.id });
        }
    }

    /// What becomes of a row whose content is known to be listed.
    fn standing(&self, row: &Row) -> Reason {
        match row.state {
            RowState::Held => Reason::Held,
            RowState::Untrusted => Reason::Untrusted,
            RowState::Skipped => Reason::Skipped,
            _ if self.facts.deleted.contains(&row.id) => Reason::AlreadyDelivered,
            _ => match self.stays.get(&row.id) {
                None | Some(Stay::Forever | Stay::For(_)) => Reason::AlreadyDelivered,
                Some(Stay::AmongNewest) => Reason::AmongNewest,
                Some(_) if !self.listing.complete => Reason::DueButPartial,
                Some(Stay::Over) => Reason::Due,
                Some(Stay::Displaced) => Reason::Displaced,
                Some(Stay::TooLarge) => Reason::TooLarge,
                Some(Stay::RemovedLocally) => Reason::RemovedLocally,
            },
        }
    }

    /// Only the full hash can tell whether this is the message of one of `rows`.
    fn fetch_to_compare(&mut self, listed: &Listed, rows: &[&Row]) {
        let waiting = rows.iter().find(|row| row.content.is_none());
        match (waiting, rows) {
            (Some(row), _) => self.fetch_row(listed, row, false, Reason::Unproven),
            (None, [row]) if self.is_proven(row, listed) => self.fetch_row(listed, row, false, self.standing(row)),
            _ => self.fetch_fresh(listed, false, Reason::Unproven),
        }
    }

    fn fetch_fresh(&mut self, listed: &Listed, is_copy: bool, reason: Reason) {
        self.plan.fresh.push(listed.clone());
        let how = FetchRow::Fresh(self.plan.fresh.len() - 1);
        if let Some(reason) = self.stays_unfetched(listed, how, None) {
            self.leave(listed, how, None, reason);
        } else {
            self.fetch(listed, how, None, is_copy, reason);
        }
    }

    /// What leaves a message on the server. What was delivered once is fetched again whatever the rules and its size say, to be
    /// told apart or to be deleted.
    fn stays_unfetched(&self, listed: &Listed, row: FetchRow, known: Option<&Row>) -> Option<Reason> {
        let is_oversize = || listed.size.zip(self.facts.max_size).is_some_and(|(size, most)| size > most);
        match row {
            FetchRow::Expected(_) => None,
            _ if self.facts.left_out.contains(&listed.number) => Some(Reason::LeftOut),
            _ if !is_oversize() => None,
            _ if self.wants_stub(known) => Some(Reason::OversizeHeader),
            _ => Some(Reason::Oversize),
        }
    }

    /// Whether the header of a message that is too large is to be delivered, once; not where it cost sessions their QUIT.
    fn wants_stub(&self, row: Option<&Row>) -> bool {
        let is_new = |row: &Row, announced: &HashSet<RowId>| {
            !announced.contains(&row.id) && row.lost_sessions < limits::TROUBLED_AFTER
        };
        let announced = self.facts.announced.as_ref().filter(|_| self.facts.top);
        announced.is_some_and(|announced| row.is_none_or(|row| is_new(row, announced)))
    }

    /// Leaves a message on the server, maybe with a stub.
    fn leave(&mut self, listed: &Listed, row: FetchRow, known: Option<&Row>, reason: Reason) {
        self.decide(listed, known, reason);
        if reason == Reason::OversizeHeader {
            let listed = listed.clone();
            self.plan.stubs.push(Fetch { listed, row, is_copy: false, beyond_limit: false, reason });
        }
    }

    fn fetch(&mut self, listed: &Listed, row: FetchRow, known: Option<&Row>, is_copy: bool, reason: Reason) {
        self.decide(listed, known, reason);
        self.plan.fetches.push(Fetch { listed: listed.clone(), row, is_copy, beyond_limit: false, reason });
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
            due_in: row.and_then(|row| self.stays.get(&row.id)).and_then(|stay| stay.left()),
            goes_once_delivered: false,
        });
    }

    pub(super) fn finish(mut self) -> Decision {
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
        self.put_in_order();
        self.limit();
        self.foresee();
        self.plan.decided.sort_by_key(|decided| decided.listed.number);
        self.plan.contradicted = self.contradicted;
        self.plan.deletions_first = !self.facts.last_session_quit && !self.plan.deletions.is_empty();
        self.divide();
        Decision::Plan(Box::new(self.plan))
    }

    fn put_in_order(&mut self) {
        let fetches = &mut self.plan.fetches;
        match self.facts.order {
            Order::Oldest => {}
            Order::Newest => fetches.sort_by_key(|fetch| Reverse(fetch.listed.number)),
            // A size of 0 is none: some servers do not know it.
            Order::Smallest => {
                fetches
                    .sort_by_key(|fetch| fetch.listed.size.filter(|size| size.0 > 0).map_or(u64::MAX, |size| size.0));
            }
        }
        // What is only fetched to be deleted comes after new mail.
        fetches.sort_by_key(|fetch| fetch.reason.deletes());
    }

    /// Tells what the limits leave for later runs, should everything arrive.
    fn limit(&mut self) {
        let mut budget = self.facts.budget;
        let mut later = HashSet::new();
        for fetch in self.plan.fetches.iter_mut().filter(|fetch| fetch.counts()) {
            fetch.beyond_limit = budget.is_spent();
            if fetch.beyond_limit {
                later.insert(fetch.listed.number);
            } else {
                budget.spend(fetch.listed.size.unwrap_or_default());
            }
        }
        for decided in self.plan.decided.iter_mut().filter(|decided| later.contains(&decided.listed.number)) {
            decided.reason = Reason::OverLimit;
        }
    }

    /// Leaves to other sessions of this run the deletions that are too many for one.
    fn divide(&mut self) {
        let most = self.facts.relogin.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        if self.plan.deletions.len() > most {
            self.plan.deletions.truncate(most);
            self.plan.deletions_first = true;
        }
    }

    /// What the policy will say once all that is to be fetched has arrived: the end of the session goes by what did.
    fn foresee(&mut self) {
        if !self.listing.complete || self.facts.retention.is_forever() {
            return;
        }
        let mut messages = self.delivered.clone();
        let known: HashSet<MessageNumber> = messages.iter().map(|message| message.number).collect();
        let new = self.plan.fetches.iter().filter(|fetch| !fetch.beyond_limit).chain(&self.plan.troubled);
        let new = new.filter(|fetch| !known.contains(&fetch.listed.number));
        messages.extend(new.map(|fetch| as_if_delivered(&fetch.listed)));
        let stays = self.facts.retention.stays(&messages);
        let goes: HashSet<MessageNumber> =
            messages.iter().zip(stays).filter(|(_, stay)| stay.is_over()).map(|(message, _)| message.number).collect();
        for decided in self.plan.decided.iter_mut().filter(|decided| goes.contains(&decided.listed.number)) {
            if decided.reason == Reason::AmongNewest {
                (decided.reason, decided.due_in) = (Reason::Displaced, Some(Duration::ZERO));
            }
            decided.goes_once_delivered = !decided.reason.is_known();
        }
    }
}

/// A message as the policy would see it, were it delivered now.
fn as_if_delivered(listed: &Listed) -> OnServer {
    let (number, octets) = (listed.number, listed.size.unwrap_or_default());
    OnServer { number, place: number, first_listed: ListingId(i64::MAX), octets, age: Duration::ZERO }
}
