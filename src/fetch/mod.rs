//! The imperative shell: the only room that sees session, index and mailbox together.
//!
//! A run settles what a crash left (`settle`), opens a session, asks the plan what to do, tells it (`telling`), and does it
//! (`session`, `batch`). Nothing here decides: decisions are the pure functions of [`Rules`].

mod announce;
mod batch;
mod distribute;
mod error;
mod exit;
mod foresee;
mod removed;
mod session;
mod settle;
mod targets;
mod telling;
mod verify;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::host::Host;
use crate::index::{Identity, Index, Run};
use crate::model::{Octets, RowId, Target, TraceHeader, Uid, limits};
use crate::plan::{Removed, Rules};
use crate::policy::{Budget, Intake, Retention};
use crate::pop3::{Credentials, Endpoint, SessionError, Tracer};
use crate::report::{Event, Exit, Observer, Problem};
use crate::route::Routes;

pub use crate::report::Summary;
pub use error::FetchError;
pub use removed::RemovedLocally;
use targets::Targets;
pub use verify::{Repaired, repair, settle_doubts};

/// Everything a run needs to know of its account.
pub struct Job {
    /// What the account is called and where its maildrop is.
    pub identity: Identity,
    /// How to connect.
    pub endpoint: Endpoint,
    /// How to log in.
    pub credentials: Credentials,
    /// Who takes down what is said on each connection.
    pub tracer: Option<Arc<dyn Tracer>>,
    /// When delivered mail may go.
    pub retention: Retention,
    /// Whether what is removed from the Maildir goes too.
    pub removed_locally: Option<RemovedLocally>,
    /// Which targets a message is for.
    pub routes: Routes,
    /// Whether the header of each message that is to be fetched is asked for, to tell where it goes and why.
    pub explain: bool,
    /// Where the mail goes; without it a run decides and reports, and changes nothing (`--dry-run`, `list`).
    pub deliver: Option<Destination>,
    /// Longest silence on the wire.
    pub silence: Duration,
    /// Longest run.
    pub deadline: Duration,
    /// What a run takes, in which order, and how much of it.
    pub intake: Intake,
}

/// Where an account's mail goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Destination {
    /// Every target that any message is for; never empty.
    pub targets: Vec<Target>,
    /// The account's own Maildir for messages that not all targets have yet: the spool.
    pub held: PathBuf,
    /// The account's own Maildir for messages that a target will never take.
    pub quarantine: PathBuf,
    /// The header fields that deliveries put before each message.
    pub trace_headers: Vec<TraceHeader>,
    /// Variables of the environment that hold passwords: no program sees them (I9).
    pub secret_variables: Vec<String>,
}

/// The result of a run.
#[derive(Debug)]
pub struct Outcome {
    /// What was done.
    pub summary: Summary,
    /// What went wrong with single messages.
    pub problems: Vec<Problem>,
    /// What ended the run early.
    pub error: Option<FetchError>,
}

impl Outcome {
    /// What the run makes of the exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        exit_of(&self.problems, self.error.as_ref())
    }
}

fn exit_of(problems: &[Problem], error: Option<&FetchError>) -> Exit {
    Exit::most_telling(problems.iter().map(Problem::exit).chain(error.map(FetchError::exit)))
}

/// Runs one account once. Everything that was promised is recorded in the index when it returns, however it ends.
pub fn run(host: &dyn Host, job: &Job, index: &mut Index<'_>, rules: Rules, observer: &dyn Observer) -> Outcome {
    let mut runner = Runner {
        host,
        job,
        index,
        rules,
        observer,
        began: host.elapsed(),
        deadline: host.elapsed().saturating_add(job.deadline),
        budget: Budget::of(&job.intake),
        clock: 0,
        summary: Summary::default(),
        problems: Vec::new(),
        deleted: HashSet::new(),
        login: None,
        has_planned: false,
        arrived: 0,
        unasked: 0,
        removed: Removed::default(),
        stage: Stage::Before,
    };
    let error = runner.run().err();
    Outcome { summary: runner.summary, problems: runner.problems, error }
}

struct Runner<'r, 'h> {
    host: &'r dyn Host,
    job: &'r Job,
    index: &'r mut Index<'h>,
    rules: Rules,
    observer: &'r dyn Observer,
    /// On [`Host::elapsed`], as is the deadline.
    began: Duration,
    deadline: Duration,
    /// What may be fetched still.
    budget: Budget,
    /// The index's credited clock.
    clock: i64,
    summary: Summary,
    problems: Vec<Problem>,
    /// Rows that this run tried to delete.
    deleted: HashSet<RowId>,
    login: Option<Login>,
    /// Whether a session of this run told what it sets out to do.
    has_planned: bool,
    /// Messages that arrived.
    arrived: u64,
    /// What the last session set out to fetch and left to another one.
    unasked: u64,
    removed: Removed,
    stage: Stage,
}

/// How far a session came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// It is not logged in, or has no listing.
    Before,
    /// It proves and deletes what was delivered earlier.
    Deleting,
    /// It fetches.
    Fetching,
}

/// What a session is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Purpose {
    /// Everything that is to be done.
    All,
    /// Fetching, after proving or deleting what was delivered earlier cost a session.
    OnlyFetch,
    /// One message that cost earlier sessions their QUIT (I4).
    Troubled(RowId),
}

/// What remains to be done after a session.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Next {
    /// Another session is to go on.
    again: bool,
    /// These messages want a session each.
    troubled: Vec<RowId>,
}

/// The login of the last session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Login {
    /// On [`Host::elapsed`].
    at: Duration,
    /// How long the server wants to be left alone after it.
    delay: Duration,
}

impl Runner<'_, '_> {
    fn run(&mut self) -> Result<(), FetchError> {
        let Some(destination) = &self.job.deliver else {
            self.clock = self.index.credited_clock(self.host.now())?;
            self.look_for_removed()?;
            return self.session(None, Purpose::All).map(drop);
        };
        let (clock, run) = self.index.begin_run(self.host.now())?;
        self.clock = clock;
        let result = self.run_recorded(destination);
        let record = Run {
            ended_at: Some(self.host.now()),
            exit_code: Some(exit_of(&self.problems, result.as_ref().err()).code()),
            listed: self.summary.listed,
            delivered: self.summary.delivered,
            octets: self.summary.octets,
            deleted: self.summary.deleted,
            error: result.as_ref().err().map(ToString::to_string),
            ..Run::default()
        };
        // What ended the run is told first: a full disk fails this commit too.
        let ended = self.index.end_run(run, &record);
        result.and(ended.map_err(FetchError::from))
    }

    fn run_recorded(&mut self, destination: &Destination) -> Result<(), FetchError> {
        let mut targets = Targets::open(self.host, self.index, self.job, destination, self.deadline)?;
        self.settle(&mut targets)?;
        self.look_for_removed()?;
        let (next, failed) = self.main_sessions(&mut targets)?;
        for row in next.troubled.into_iter().take(limits::TROUBLED_SESSIONS) {
            if self.is_time_up() || !self.may_log_in() {
                break;
            }
            self.session(Some(&mut targets), Purpose::Troubled(row))?;
        }
        failed.map_or(Ok(()), Err)
    }

    /// The sessions for everything. Where TOP or DELE of earlier mail costs the first one, another one fetches without
    /// them, so that a server that fails there holds up no new mail; the error is told all the same.
    fn main_sessions(&mut self, targets: &mut Targets<'_>) -> Result<(Next, Option<FetchError>), FetchError> {
        for _ in 0..limits::SESSIONS {
            match self.session(Some(targets), Purpose::All) {
                Ok(next) if !next.again => return Ok((next, None)),
                Ok(_) if self.is_time_up() || !self.may_log_in() => break,
                Ok(_) => self.go_on()?,
                Err(error @ FetchError::Session(_)) if self.stage == Stage::Deleting => {
                    self.go_on()?;
                    return Ok((self.session(Some(targets), Purpose::OnlyFetch)?, Some(error)));
                }
                Err(error) => return Err(error),
            }
        }
        self.summary.planned = self.summary.planned.saturating_sub(self.unasked);
        Ok((Next::default(), None))
    }

    /// An error once the user wants to stop, or the run's time is over.
    fn go_on(&self) -> Result<(), FetchError> {
        if self.host.interrupted() {
            return Err(SessionError::Interrupted.into());
        }
        if self.host.elapsed() >= self.deadline {
            return Err(SessionError::Deadline { during: "the run".into() }.into());
        }
        Ok(())
    }

    /// Whether the server takes another login already (RFC 2449 §6.5).
    fn may_log_in(&self) -> bool {
        self.login.is_none_or(|Login { at, delay }| self.host.elapsed().saturating_sub(at) >= delay)
    }

    /// Whether the time is over after which no further message is begun.
    fn is_time_up(&self) -> bool {
        self.job.intake.time.is_some_and(|most| self.host.elapsed().saturating_sub(self.began) >= most)
    }

    fn delivered(&mut self, uid: &Uid, octets: Octets) {
        self.summary.delivered += 1;
        self.summary.octets.0 += octets.0;
        self.emit(&Event::Delivered { uid, octets });
    }

    fn announced(&mut self, uid: &Uid) {
        self.summary.announced += 1;
        self.emit(&Event::Announced { uid });
    }

    fn emit(&self, event: &Event<'_>) {
        self.observer.observe(&self.job.identity.name, event);
    }

    /// A problem that each session of a run may meet again.
    fn problem_once(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problem(problem);
        }
    }

    fn problem(&mut self, problem: Problem) {
        self.emit(&Event::Problem(&problem));
        self.problems.push(problem);
    }
}
