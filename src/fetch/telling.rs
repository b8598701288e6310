//! What the user is told of a listing, before anything is done by it.

use super::foresee::Foresight;
use super::{FetchError, Purpose, Runner};
use crate::model::Listing;
use crate::plan::{Plan, Reason};
use crate::policy::Oversize;
use crate::pop3::{Capabilities, Expire};
use crate::report::{Event, Problem};

impl Runner<'_, '_> {
    pub(super) fn report_plan(
        &mut self,
        listing: &Listing,
        plan: &Plan,
        foresight: &Foresight<'_>,
        purpose: Purpose,
    ) -> Result<(), FetchError> {
        if !plan.lost.is_empty() {
            self.problem(Problem::Vanished { messages: plan.lost.len() });
        }
        if matches!(purpose, Purpose::Troubled(_)) {
            return Ok(());
        }
        let unidentified = usize::try_from(listing.unidentified).unwrap_or(usize::MAX);
        let listed = listing.messages.len().saturating_add(unidentified);
        self.count_planned(listed, plan);
        self.emit(&Event::Listed { messages: listed, complete: listing.complete });
        self.emit(&Event::Planned { plan, foreseen: foresight.known() });
        self.tell_left_out(plan, foresight);
        if unidentified > 0 {
            self.problem_once(Problem::Unidentified { messages: unidentified });
        } else if !listing.complete {
            self.problem_once(Problem::PartialListing);
        }
        if plan.unconfirmed_removals > 0 {
            self.problem_once(Problem::UnconfirmedRemovals { messages: plan.unconfirmed_removals });
        }
        if plan.contradicted && !self.account_changed()? {
            self.problem_once(Problem::Contradicted);
        }
        // Once is enough: later runs only count them.
        let oversize = plan.count(|decided| decided.reason == Reason::Oversize && decided.state.is_none());
        if let Some(most) = self.job.intake.max_size.filter(|_| oversize > 0) {
            let no_header =
                (self.job.intake.oversize == Oversize::Headers).then(|| "TOP cannot be asked for it".to_owned());
            self.problem(Problem::Oversize { messages: oversize, most, no_header });
        }
        let backing_off = plan.count(|decided| decided.reason == Reason::BackingOff);
        if backing_off > 0 {
            self.problem_once(Problem::BackingOff { messages: backing_off });
        }
        Ok(())
    }

    /// Tells once that the server may delete what is to stay, and again should it announce other days.
    pub(super) fn tell_expire(&mut self, announced: &Capabilities) -> Result<(), FetchError> {
        if !announced.known {
            return Ok(());
        }
        let days = match announced.expire {
            Some(Expire::Days(days)) => Some(days).filter(|days| self.job.retention.outlasts(*days)),
            Some(Expire::Never) | None => None,
        };
        if days == self.index.expire_told()? {
            return Ok(());
        }
        if self.job.deliver.is_some() {
            self.index.set_expire_told(days)?;
        }
        if let Some(days) = days {
            self.problem(Problem::Expires { days });
        }
        Ok(())
    }

    /// The numbers of a run that has several sessions: a message counts once, in the first listing that has it.
    fn count_planned(&mut self, listed: usize, plan: &Plan) {
        let oversize =
            |is_new: bool| plan.count(|decided| decided.reason.is_oversize() && (!is_new || decided.state.is_none()));
        let goes_on = std::mem::replace(&mut self.has_planned, true);
        if goes_on {
            self.summary.listed += plan.fresh.len() as u64;
            self.summary.oversize += oversize(true) as u64;
        } else {
            self.summary.listed = listed as u64;
            self.summary.oversize = oversize(false) as u64;
            self.summary.known = plan.count(|decided| decided.reason.is_known()) as u64;
        }
        self.summary.planned = self.arrived + plan.to_fetch() as u64;
    }

    /// What a rule skips is told when it is listed first; later runs only count it.
    fn tell_left_out(&mut self, plan: &Plan, foresight: &Foresight<'_>) {
        let left_out = plan.decided.iter().filter(|decided| decided.reason == Reason::LeftOut);
        self.summary.skipped = left_out.clone().count() as u64;
        if self.job.deliver.is_none() {
            return;
        }
        for decided in left_out.filter(|decided| decided.state.is_none()) {
            let foreseen = foresight.known().get(&decided.listed.number);
            if let Some(decision) = foreseen.and_then(|foreseen| foreseen.decision.as_ref()) {
                self.emit(&Event::LeftOut { uid: &decided.listed.uid, why: &decision.why });
            }
        }
    }
}
