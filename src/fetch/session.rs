//! One session: connect, list, ask the plan, and do what it says.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::batch::Batch;
use super::foresee::Foresight;
use super::targets::Targets;
use super::{FetchError, Login, Next, Purpose, Runner, Stage};
use crate::model::{Listing, MessageNumber, Octets, Receipt, RowId, Seen, Timestamp, Uid, limits};
use crate::plan::{Decision, Deletion, Evidence, Evidences, Facts, Fetch, Plan, Removed};
use crate::policy::{Oversize, Retention};
use crate::pop3::{
    self, DeleOutcome, Matched, Notes, Session, SessionError, SightedContent, Sighting, Timing, TopReply, Transaction,
    Update,
};
use crate::report::{Event, Problem};

/// What a session saw of its messages.
#[derive(Default)]
pub(super) struct Seeing {
    evidence: Evidences,
    /// Each the right to one match.
    sightings: HashMap<MessageNumber, Sighting>,
}

/// An open session with what was decided of its listing.
pub(super) struct Open<'s> {
    pub(super) session: Session<'s, Transaction>,
    pub(super) listing: Listing,
    purpose: Purpose,
    seeing: Seeing,
    /// The rows of [`Plan::fresh`].
    pub(super) fresh: Vec<RowId>,
    /// Rows that were DELEd in this session.
    pub(super) deleted: Vec<RowId>,
    /// The copies of each unique-id that is listed several times, and the row that each turned out to be.
    pub(super) copies: HashMap<Uid, Vec<Option<RowId>>>,
    /// Whether a unique-id of this listing is known to name other content than recorded.
    pub(super) contradicted: bool,
    /// Messages of this session that are new, or that it fetched to delete them. Those that were delivered before under other
    /// unique-ids do not count: where a server makes new ones in each session, the sessions would never come to an end.
    progress: u64,
}

impl Open<'_> {
    /// A message of this session is delivered, held, or known from earlier: it stands in the way of QUIT no longer.
    pub(super) fn settle(&mut self, number: MessageNumber, receipt: &Receipt, sighting: Sighting) {
        self.session.settle(number, receipt);
        self.seeing.evidence.insert(number, Evidence::Whole(receipt.row()));
        self.seeing.sightings.insert(number, sighting);
    }

    /// Whether this session fetched it.
    fn has_settled(&self, number: MessageNumber) -> bool {
        matches!(self.seeing.evidence.get(&number), Some(Evidence::Whole(_)))
    }
}

impl<'r> Runner<'r, '_> {
    /// Runs one session. Without targets it decides and reports, and changes nothing.
    pub(super) fn session(&mut self, targets: Option<&mut Targets<'_>>, purpose: Purpose) -> Result<Next, FetchError> {
        self.stage = Stage::Before;
        self.unasked = 0;
        let mut session = self.connect()?;
        let listing = session.listing()?;
        let seen = self.index.seen()?;
        self.stage = Stage::Deleting;
        let mut facts = self.facts(&session)?;
        if purpose == Purpose::OnlyFetch {
            (facts.retention, facts.top) = (Retention::default(), false);
            facts.removed = Removed::default();
        }
        facts.relogin = facts.relogin.filter(|_| purpose == Purpose::All);
        let rules = self.job.routes.fingerprint();
        let left_out = if facts.account_changed { Vec::new() } else { self.index.left_out(rules)? };
        let mut foresight = Foresight::new(self.job, &listing, facts.top, &left_out);
        // What a session of its own is for was weighed by the session before.
        let asked = (!matches!(purpose, Purpose::Troubled(_))).then_some(&mut foresight);
        let mut seeing = Seeing::default();
        let mut plan = self.decide(&mut session, &listing, &seen, &mut facts, &mut seeing, asked)?;
        narrow(&mut plan, purpose);
        self.report_plan(&listing, &plan, &foresight, purpose)?;
        self.tell_expire(session.capabilities())?;
        let Some(targets) = targets else {
            let _ = session.quit();
            return Ok(Next::default());
        };
        let fresh = self.commit(&listing, &plan)?;
        let left_out = foresight.to_remember();
        if !left_out.is_empty() {
            self.index.note_left_out(rules, &left_out)?;
        }
        let mut open = Open {
            session,
            listing,
            purpose,
            seeing,
            fresh,
            deleted: Vec::new(),
            copies: HashMap::new(),
            contradicted: plan.contradicted,
            progress: 0,
        };
        self.delete(&mut open, &plan.deletions)?;
        if plan.deletions_first && purpose == Purpose::All {
            self.unasked = plan.to_fetch() as u64;
            self.quit(open, &plan)?;
            return Ok(Next { again: true, ..Next::default() });
        }
        self.stage = Stage::Fetching;
        let result = self.fetch_all(&mut open, targets, &plan);
        let again = self.goes_on(&open) && !targets.are_all_stopped();
        match result {
            Ok(()) | Err(FetchError::NoSpace { .. }) => {
                self.delete_what_came(&mut open)?;
                if result.is_ok() {
                    self.announce(&mut open, targets, &plan.stubs)?;
                }
                self.quit(open, &plan)?;
            }
            Err(_) => drop(open),
        }
        result?;
        Ok(Next { again, troubled: plan.troubled.iter().filter_map(|fetch| fetch.row.known()).collect() })
    }

    /// Whether another session of this run is to go on: this one left something to it, or there may be more than it listed.
    fn goes_on(&self, open: &Open<'_>) -> bool {
        let may_be_more = self.job.intake.until_drained && open.progress > 0 && !self.budget.is_spent();
        open.purpose == Purpose::All && (self.unasked > 0 || may_be_more)
    }

    fn connect(&mut self) -> Result<Session<'r, Transaction>, FetchError> {
        let timing = Timing { silence: self.job.silence, run_deadline: self.deadline };
        let credentials = &self.job.credentials;
        let notes = Notes::new(self.job.tracer.clone(), Some(credentials));
        let session = pop3::open(self.host, &self.job.endpoint, timing, notes)?;
        let at = self.host.elapsed();
        let session = session.authenticate(credentials)?;
        let delay = Duration::from_secs(session.capabilities().login_delay_seconds.unwrap_or(0));
        self.login = Some(Login { at, delay });
        Ok(session)
    }

    fn facts(&self, session: &Session<'_, Transaction>) -> Result<Facts, FetchError> {
        Ok(Facts {
            retention: self.job.retention,
            now: self.host.now(),
            clock: self.clock,
            epoch: self.index.epoch()?,
            account_changed: self.account_changed()?,
            last_session_quit: self.index.last_session_quit()?,
            top: session.capabilities().top || !session.capabilities().known,
            order: self.job.intake.order,
            max_size: self.job.intake.max_size,
            announced: match self.job.intake.oversize {
                Oversize::Skip => None,
                Oversize::Headers => Some(self.index.announced()?),
            },
            budget: self.budget,
            relogin: self.job.intake.relogin.filter(|_| self.login.is_none_or(|login| login.delay.is_zero())),
            left_out: HashSet::new(),
            deleted: self.deleted.clone(),
            removed: self.removed.clone(),
        })
    }

    /// Asks the plan and the rules, and takes the headers that they ask for, until everything is decided.
    fn decide(
        &self,
        session: &mut Session<'_, Transaction>,
        listing: &Listing,
        seen: &Seen,
        facts: &mut Facts,
        seeing: &mut Seeing,
        mut foresight: Option<&mut Foresight<'_>>,
    ) -> Result<Plan, FetchError> {
        loop {
            let wanted = match (self.rules.reconcile)(listing, seen, facts, &seeing.evidence) {
                Decision::Probe(wanted) => wanted,
                Decision::Plan(plan) => {
                    let Some(foresight) = foresight.as_deref_mut() else { return Ok(*plan) };
                    let wanted = foresight.wanted(&plan);
                    let left_out = foresight.left_out();
                    if wanted.is_empty() && left_out == facts.left_out {
                        return Ok(*plan);
                    }
                    facts.left_out = left_out;
                    wanted
                }
            };
            session.top_headers(&wanted, &mut |number, reply| {
                seeing.evidence.insert(number, weigh(&reply));
                if let Some(foresight) = foresight.as_deref_mut() {
                    foresight.see(number, &reply);
                }
                if let TopReply::Seen(sighting, _) = reply {
                    seeing.sightings.insert(number, sighting);
                }
            })?;
        }
    }

    pub(super) fn account_changed(&self) -> Result<bool, FetchError> {
        let recorded = self.index.identity()?;
        let now = &self.job.identity;
        Ok((&recorded.server, recorded.port, &recorded.user) != (&now.server, now.port, &now.user))
    }

    /// Commits what the listing says, before anything is fetched by it; one that says nothing new costs no commit.
    fn commit(&mut self, listing: &Listing, plan: &Plan) -> Result<Vec<RowId>, FetchError> {
        if !plan.is_news() && !self.account_changed()? {
            return Ok(Vec::new());
        }
        Ok(self.index.commit_listing(&self.job.identity, listing, plan, self.host.now())?)
    }

    /// DELEs what is due and matched by its content (I3).
    fn delete(&mut self, open: &mut Open<'_>, deletions: &[Deletion]) -> Result<(), FetchError> {
        let mut matched = Vec::new();
        for deletion in deletions {
            self.deleted.insert(deletion.row);
            let Some(sighting) = open.seeing.sightings.remove(&deletion.number) else { continue };
            let Some(receipt) = self.index.receipt(deletion.row)? else { continue };
            matched.extend(Matched::prove(&receipt, sighting).ok());
        }
        if matched.is_empty() {
            return Ok(());
        }
        for (row, outcome) in open.session.dele(matched)? {
            match outcome {
                DeleOutcome::Marked => open.deleted.push(row),
                DeleOutcome::Refused(text) => self.problem(Problem::DeleRefused { text }),
            }
        }
        Ok(())
    }

    /// Asks the plan once more, now that mail has come, and DELEs what goes by it: mail of this session, and older mail that
    /// it displaces. Where a session is not for everything, only what it fetched itself.
    fn delete_what_came(&mut self, open: &mut Open<'_>) -> Result<(), FetchError> {
        let has_come = open.seeing.evidence.values().any(|evidence| matches!(evidence, Evidence::Whole(_)));
        if self.job.retention.is_forever() || !open.listing.complete || !has_come {
            return Ok(());
        }
        let is_for_all = open.purpose == Purpose::All;
        let mut facts = self.facts(&open.session)?;
        facts.top &= is_for_all;
        facts.relogin = None;
        let seen = self.index.seen()?;
        let plan = self.decide(&mut open.session, &open.listing, &seen, &mut facts, &mut open.seeing, None)?;
        let mut deletions = plan.deletions;
        deletions.retain(|deletion| is_for_all || open.has_settled(deletion.number));
        self.delete(open, &deletions)
    }

    fn fetch_all(&mut self, open: &mut Open<'_>, targets: &mut Targets<'_>, plan: &Plan) -> Result<(), FetchError> {
        let mut batch = Batch::new(targets.inbox(self.index)?);
        let result = self.fetch_each(open, targets, &mut batch, plan);
        match result {
            Ok(()) | Err(FetchError::NoSpace { .. }) => self.commit_batch(Some(open), targets, batch).and(result),
            Err(FetchError::Index(_)) => result,
            // The messages that are whole are delivered, and nothing is DELEd: QUIT is out of the question.
            Err(error) => Err(self.commit_batch(None, targets, batch).err().unwrap_or(error)),
        }
    }

    /// Fetches up to the limits; what does not arrive does not count. A message in a session of its own is outside of them.
    fn fetch_each(
        &mut self,
        open: &mut Open<'_>,
        targets: &mut Targets<'_>,
        batch: &mut Batch,
        plan: &Plan,
    ) -> Result<(), FetchError> {
        open.copies = copies_to_fetch(&open.listing, plan);
        for (at, fetch) in plan.fetches.iter().enumerate() {
            if targets.are_all_stopped() || self.is_time_up() {
                let left = within_limit(&plan.fetches[at..]);
                self.summary.planned = self.summary.planned.saturating_sub(left);
                break;
            }
            if self.is_enough(open) {
                self.unasked = within_limit(&plan.fetches[at..]);
                break;
            }
            let counts = fetch.counts() && !matches!(open.purpose, Purpose::Troubled(_));
            if counts && self.budget.is_spent() {
                continue;
            }
            if let Some(row) = fetch.row.committed(&open.fresh).filter(|_| fetch.beyond_limit) {
                self.index.attempt(row)?;
            }
            let recognised = self.summary.recognised;
            if self.fetch_one(open, targets, batch, fetch)? {
                self.arrived += 1;
                let is_new = self.summary.recognised == recognised;
                open.progress += u64::from(is_new || fetch.reason.deletes());
                if counts {
                    self.budget.spend(fetch.listed.size.unwrap_or_default());
                }
            }
        }
        self.settle_copies(open)
    }

    /// Whether another session is to go on from here, so that this one's deletions happen.
    fn is_enough(&self, open: &Open<'_>) -> bool {
        open.purpose == Purpose::All
            && self.job.intake.relogin.is_some_and(|most| open.progress >= most)
            && self.may_log_in()
    }

    /// Where the content of every copy of a unique-id was seen, its other rows are absent from the listing.
    fn settle_copies(&mut self, open: &Open<'_>) -> Result<(), FetchError> {
        if !open.listing.complete {
            return Ok(());
        }
        for rows in open.copies.values() {
            let rows: Option<Vec<RowId>> = rows.iter().copied().collect();
            if let Some(rows) = rows {
                self.index.supersede(&rows, false)?;
            }
        }
        Ok(())
    }

    /// Fetches one message, and says whether it arrived; a refusal is a problem of that message alone.
    fn fetch_one(
        &mut self,
        open: &mut Open<'_>,
        targets: &mut Targets<'_>,
        batch: &mut Batch,
        fetch: &Fetch,
    ) -> Result<bool, FetchError> {
        if !self.has_space(targets, batch, fetch)? {
            return Ok(false);
        }
        if batch.is_full() || (fetch.is_copy && !batch.is_empty()) {
            let full = std::mem::replace(batch, Batch::new(batch.target()));
            self.commit_batch(Some(open), targets, full)?;
        }
        match self.retrieve(open, targets, batch.target(), fetch) {
            Ok((staged, retrieved)) => {
                self.consider(open, targets, batch, fetch, staged, retrieved)?;
                Ok(true)
            }
            Err(Retrieval::Refused(text)) => {
                self.problem_once(Problem::RetrRefused { uid: fetch.listed.uid.clone(), text });
                Ok(false)
            }
            Err(Retrieval::TargetRefuses(error)) => {
                self.hold(open, targets, batch, fetch, &error)?;
                Ok(true)
            }
            Err(Retrieval::Failed(error)) => Err(self.blame(open, fetch, error)),
        }
    }

    /// Refuses to RETR what would fill the disk: then QUIT is still allowed.
    fn has_space(&mut self, targets: &mut Targets<'_>, batch: &Batch, fetch: &Fetch) -> Result<bool, FetchError> {
        let size = fetch.listed.size.unwrap_or_default();
        let (free, needed) = self.free_space(targets, batch.target(), size)?;
        if free < needed {
            self.problem_once(Problem::TooBig { uid: fetch.listed.uid.clone(), free, needed });
        }
        Ok(free >= needed)
    }

    /// An error while a message was read: if the server or the line is at fault, so may the message be.
    pub(super) fn blame(&mut self, open: &Open<'_>, fetch: &Fetch, error: FetchError) -> FetchError {
        let is_ours = |error: &SessionError| matches!(error, SessionError::Interrupted | SessionError::Deadline { .. });
        match &error {
            FetchError::Session(cause) if !is_ours(cause) => {
                self.count_lost_session(open, fetch).err().unwrap_or(error)
            }
            _ => error,
        }
    }

    /// The connection was lost while this message was read: twice, and it waits for a session of its own (I4).
    fn count_lost_session(&mut self, open: &Open<'_>, fetch: &Fetch) -> Result<(), FetchError> {
        let Some(row) = fetch.row.committed(&open.fresh).or(fetch.row.known()) else { return Ok(()) };
        let lost = self.index.count_lost_session(row)?;
        if let Some(retry_after) = back_off(lost, self.host.now()) {
            self.index.back_off(row, retry_after)?;
        }
        Ok(())
    }

    /// Ends the session by QUIT, which makes its deletions happen.
    fn quit(&mut self, open: Open<'_>, plan: &Plan) -> Result<(), FetchError> {
        let update = match open.session.quit() {
            Ok(update) => update,
            // The connection was closed instead, and the next run goes on (I4).
            Err(unsettled) => {
                self.problem(Problem::QuitWithheld { messages: unsettled.messages.len() });
                return Ok(());
            }
        };
        match update {
            Update::Committed => {
                self.summary.deleted += open.deleted.len() as u64;
                if !open.deleted.is_empty() {
                    self.emit(&Event::Deleted { messages: open.deleted.len() });
                }
            }
            Update::Rejected(text) => {
                self.summary.unconfirmed += open.deleted.len() as u64;
                self.problem(Problem::QuitRejected { text });
            }
            // Where nothing was to be deleted, the reply tells nothing.
            Update::Unknown(_) if open.deleted.is_empty() => {}
            Update::Unknown(error) => {
                self.summary.unconfirmed += open.deleted.len() as u64;
                return Err(error.into());
            }
        }
        if plan.has_work() {
            self.index.end_session(&open.deleted, self.host.now())?;
        }
        Ok(())
    }
}

/// The unique-ids of which copies are to be fetched, with a place for each copy that is listed, fetched now or not.
fn copies_to_fetch(listing: &Listing, plan: &Plan) -> HashMap<Uid, Vec<Option<RowId>>> {
    let fetched = plan.fetches.iter().filter(|fetch| fetch.is_copy);
    let mut copies: HashMap<Uid, Vec<Option<RowId>>> =
        fetched.map(|fetch| (fetch.listed.uid.clone(), vec![])).collect();
    if !copies.is_empty() {
        for listed in &listing.messages {
            if let Some(places) = copies.get_mut(&listed.uid) {
                places.push(None);
            }
        }
    }
    copies
}

/// How many of these the limits allow.
fn within_limit(fetches: &[Fetch]) -> u64 {
    fetches.iter().filter(|fetch| !fetch.beyond_limit).count() as u64
}

/// How a RETR failed.
pub(super) enum Retrieval {
    /// The server refused it: no RETR happened.
    Refused(String),
    /// The target refuses, and the session is usable.
    TargetRefuses(crate::deliver::TargetError),
    /// The session or the disk failed.
    Failed(FetchError),
}

/// The longest body to accept: sizes are estimates on some servers, but an endless body is not a message (I8).
pub(super) fn body_cap(size: Option<Octets>) -> Octets {
    // A size of 0 is none: some servers do not know it.
    size.filter(|size| size.0 > 0).map_or(Octets(limits::BODY_OCTETS), |size| {
        Octets(size.0.saturating_mul(2).saturating_add(limits::BODY_SLACK_OCTETS))
    })
}

fn weigh(reply: &TopReply) -> Evidence {
    match reply {
        TopReply::Seen(sighting, _) => match sighting.content() {
            SightedContent::Header(header) => Evidence::Header(*header),
            SightedContent::Whole(content) => Evidence::Header(content.header),
        },
        TopReply::Refused(_) => Evidence::Refused,
    }
}

/// A session for one troubled message does nothing else.
fn narrow(plan: &mut Plan, purpose: Purpose) {
    if let Purpose::Troubled(row) = purpose {
        plan.deletions.clear();
        plan.stubs.clear();
        plan.fetches = std::mem::take(&mut plan.troubled);
        plan.fetches.retain(|fetch| fetch.row.known() == Some(row));
    }
}

fn back_off(lost_sessions: u32, now: Timestamp) -> Option<Timestamp> {
    let doublings = lost_sessions.checked_sub(limits::TROUBLED_AFTER)?;
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    let wait = limits::TROUBLED_BACKOFF.saturating_mul(factor).min(limits::TROUBLED_BACKOFF_MAX);
    Some(now.after(wait))
}
