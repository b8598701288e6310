//! The walk through a listing: what becomes of each message.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::copies::{pair_by_size, sorted_sizes};
use super::{Decided, Decision, Deletion, Evidence, Evidences, Facts, Fetch, FetchRow, Plan, Reason, due_in};
use crate::model::{Listed, Listing, MessageNumber, Row, RowId, RowState, Seen, Timestamp, Uid, limits};

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
    /// Fetches that the limit counts.
    fetches_that_count: usize,
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
            fetches_that_count: 0,
            plan: Plan::default(),
        }
    }

    pub(super) fn run(&mut self) {
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
        // What is only fetched to be deleted comes after new mail.
        self.plan.fetches.sort_by_key(|fetch| fetch.reason == Reason::Due);
        self.plan.decided.sort_by_key(|decided| decided.listed.number);
        self.plan.contradicted = self.contradicted;
        self.plan.deletions_first = !self.facts.last_session_quit && !self.plan.deletions.is_empty();
        Decision::Plan(self.plan)
    }
}
