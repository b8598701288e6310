//! What is told of an account's run: while it runs, and at its end.

use std::collections::HashMap;

use super::failure::Failure;
use super::hints::Place;
use super::logging::{self, Log};
use super::screen::{Format, Screen};
use crate::fetch::Outcome;
use crate::host::{Host, Stopwatch};
use crate::model::{MessageNumber, Target};
use crate::plan::Plan;
use crate::report::decided::Context;
use crate::report::human::{Told, printable};
use crate::report::json::{Message, Record, SummaryRecord};
use crate::report::progress::Bar;
use crate::report::{Event, Exit, Observer, Summary, decided, human};
use crate::route::Foreseen;

/// How an account's part of a run ended.
pub(super) struct Ended {
    pub(super) exit: Exit,
    /// Messages, and headers in the place of messages.
    pub(super) delivered: u64,
    /// What went wrong, in one line that is safe to show; `None` where nothing is, or the user asked to stop.
    pub(super) error: Option<String>,
    pub(super) hook_failed: bool,
}

/// Follows one account's run.
pub(super) struct Watch<'a> {
    pub(super) host: &'a dyn Host,
    pub(super) screen: &'a Screen,
    pub(super) place: &'a Place,
    pub(super) bar: Bar,
    /// Whether it only decides: then each decision is told.
    pub(super) is_dry: bool,
    /// Whether each decision is followed by where the message goes and why.
    pub(super) explains: bool,
    pub(super) targets: &'a [Target],
    /// The longest name of an account.
    pub(super) width: usize,
    pub(super) stopwatch: Stopwatch,
}

impl Observer for Watch<'_> {
    fn observe(&self, account: &str, event: &Event<'_>) {
        Log.observe(account, event);
        if let Some(record) = Record::of_event(self.place.naming(), event) {
            self.screen.record(&record);
        }
        match event {
            Event::Planned { plan, foreseen } if self.is_dry => self.tell_decided(account, plan, foreseen),
            event => self.bar.observe(event),
        }
        if self.screen.shows_steps()
            && let Some(step) = human::step(event)
        {
            self.screen.say(&format!("{account:width$}  {step}\n", width = self.width));
        }
    }
}

impl Watch<'_> {
    fn tell_decided(&self, account: &str, plan: &Plan, foreseen: &HashMap<MessageNumber, Foreseen>) {
        let Self { targets, explains, .. } = *self;
        let context = Context { foreseen, targets, explains, now: self.host.now() };
        match self.screen.format {
            Format::Text => {
                let padded = format!("{account:width$}", width = self.width);
                self.screen.print(&decided::lines(&padded, plan, &context));
            }
            Format::Json => {
                for decided in &plan.decided {
                    self.screen.record(&Record::Message(Message::new(account, decided, &context)));
                }
            }
        }
        if self.screen.shows_summaries() {
            self.screen.say(&format!("{account:width$}  {}\n", decided::summary(plan), width = self.width));
        }
    }

    /// Tells how a run ended.
    pub(super) fn ended(&self, outcome: Outcome) -> Ended {
        let exit = outcome.exit();
        let Outcome { summary, problems, error } = outcome;
        self.bar.finish();
        let mut all_told = human::problems(&problems, self.place.naming());
        // Where an error ended the run, it tells what is safe.
        if error.is_none()
            && !self.is_dry
            && let Some(last) = all_told.iter_mut().rfind(|told| !told.is_warning)
        {
            last.state = Some(human::state(&summary));
        }
        for told in &all_told {
            // Scripts were told of each at its time.
            self.screen.tell_people(Some(self.place.name.as_str()), told);
        }
        let mut what = all_told.iter().find(|told| !told.is_warning).map(one_line);
        if let Some(error) = error {
            let failure = self.place.failure(error);
            what = Some(one_line(&failure.told()));
            self.tell_failure(failure, &summary);
        } else if !self.is_dry && self.screen.shows_summaries() {
            let elapsed = self.stopwatch.elapsed();
            self.screen.say(&human::summary_line(self.place.name.as_str(), self.width, &summary, elapsed));
        }
        self.end(exit, &summary);
        Ended {
            exit,
            delivered: summary.delivered + summary.announced,
            error: what.filter(|_| exit != Exit::Interrupted),
            hook_failed: false,
        }
    }

    /// Tells why there was no run.
    pub(super) fn failed(&self, failure: Failure) -> Ended {
        let exit = failure.exit;
        let error = (!failure.is_routine).then(|| one_line(&failure.told()));
        self.tell_failure(failure, &Summary::default());
        self.end(exit, &Summary::default());
        Ended { exit, delivered: 0, error, hook_failed: false }
    }

    /// The user asked to stop before the account had its turn.
    pub(super) fn left_out(&self) -> Ended {
        self.end(Exit::Interrupted, &Summary::default());
        Ended { exit: Exit::Interrupted, delivered: 0, error: None, hook_failed: false }
    }

    fn tell_failure(&self, failure: Failure, summary: &Summary) {
        let failure = if self.is_dry { failure } else { failure.with_state(summary) };
        let (name, told) = (Some(self.place.name.as_str()), failure.told());
        if failure.is_routine && !self.is_dry && !self.screen.shows_summaries() {
            self.screen.tell_scripts(name, failure.exit, &told);
        } else {
            self.screen.tell(name, failure.exit, &told);
        }
    }

    fn end(&self, exit: Exit, summary: &Summary) {
        let milliseconds = u64::try_from(self.stopwatch.elapsed().as_millis()).unwrap_or(u64::MAX);
        let record = SummaryRecord::new(self.place.name.as_str(), exit, summary, self.is_dry, milliseconds);
        self.screen.record(&Record::Summary(record));
        logging::ended(exit);
    }
}

/// What happened and why, in one line that is safe to show.
fn one_line(told: &Told) -> String {
    printable(&[&told.what].into_iter().chain(&told.causes).map(String::as_str).collect::<Vec<_>>().join(": "))
}
