//! One history: runs of the real program over a simulated world, and the checkers outside it.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use fetchonce::demo::{Event as ServerEvent, Faults, Maildrop, Message};
use fetchonce::fetch::{self, Destination, Job, Outcome, RemovedLocally};
use fetchonce::index::{Identity, Index};
use fetchonce::model::{Target, Uid};
use fetchonce::plan::Rules;
use fetchonce::policy::{Intake, Keep, Retention};
use fetchonce::pop3::{Credentials, Endpoint, TlsMode};
use fetchonce::report::{Event, Observer};
use fetchonce::route::Routes;

use crate::places::Layer;
use crate::staying::overstaying;
use crate::world::{Break, HELD, LeftOut, MAILDIR, QUARANTINE, Setting, SimHost, World, stored_form};

pub(crate) const DAY: i64 = 24 * 3600;
/// Between two runs.
const GAP: i64 = 60;

/// What stays the same through a history.
#[derive(Clone)]
pub(crate) struct Scenario {
    pub(crate) retention: Retention,
    pub(crate) rules: Rules,
    pub(crate) left_out: Option<LeftOut>,
    /// Behaviour of the server that every connection shows.
    pub(crate) server: Faults,
    /// Commands that every connection is lost by.
    pub(crate) breaks: Vec<Break>,
    /// The configured targets.
    pub(crate) targets: Vec<Target>,
    /// Which of them a message goes to.
    pub(crate) routes: Routes,
    /// Whether what readers remove from the Maildir is deleted on the server too, however much that is.
    pub(crate) follows_removals: bool,
    /// How many messages a rule leaves on the server.
    pub(crate) skipped: usize,
    /// The only target in the runs after the first, where it is configured anew.
    pub(crate) later_maildir: Option<&'static str>,
    /// The configured server's name in the runs after the first.
    pub(crate) later_server: &'static str,
    /// What a run takes; the clean runs at the end take everything.
    pub(crate) intake: Intake,
    /// Whether the order in which messages arrived, the one in which they appeared and that of a listing ever differ.
    pub(crate) has_odd_order: bool,
    /// What must be delivered, in stored form.
    pub(crate) expected: Vec<Arc<Vec<u8>>>,
}

impl Scenario {
    pub(crate) fn new(keep: Keep, maildrop: &Maildrop) -> Self {
        Self {
            retention: Retention { keep, ..Retention::default() },
            rules: Rules::default(),
            left_out: None,
            server: Faults::default(),
            breaks: Vec::new(),
            targets: vec![Target::maildir(MAILDIR)],
            routes: Routes::to_all(0),
            follows_removals: false,
            skipped: 0,
            later_maildir: None,
            later_server: "localhost",
            intake: Intake::default(),
            has_odd_order: false,
            expected: expected(maildrop),
        }
    }

    fn keeps_newest(&self) -> bool {
        self.retention.newest.is_some() || self.retention.newest_octets.is_some()
    }

    fn job(&self, run: usize) -> Job {
        let anew = self.later_maildir.filter(|_| run > 0).map(|path| vec![Target::maildir(path)]);
        let server = if run == 0 { "localhost" } else { self.later_server };
        Job {
            identity: Identity { server: server.into(), ..identity() },
            endpoint: Endpoint {
                host: "localhost".into(),
                port: 110,
                tls: TlsMode::None,
                ca_file: None,
                allow_cleartext: true,
            },
            credentials: Credentials { user: "alice".into(), password: "secret".to_owned().into() },
            tracer: None,
            retention: self.retention,
            removed_locally: self
                .follows_removals
                .then(|| RemovedLocally { maildir: MAILDIR.into(), is_confirmed: true }),
            routes: self.routes.clone(),
            explain: false,
            deliver: Some(Destination {
                targets: anew.unwrap_or_else(|| self.targets.clone()),
                held: HELD.into(),
                quarantine: QUARANTINE.into(),
                trace_headers: Vec::new(),
                secret_variables: Vec::new(),
            }),
            silence: Duration::from_secs(30),
            deadline: Duration::from_secs(3600),
            intake: self.intake,
        }
    }
}

fn identity() -> Identity {
    Identity { name: "work".into(), server: "localhost".into(), port: 110, user: "alice".into() }
}

/// The stored forms of a maildrop's messages, sorted.
pub(crate) fn expected(maildrop: &Maildrop) -> Vec<Arc<Vec<u8>>> {
    let mut all: Vec<_> = maildrop.messages.iter().map(|message| Arc::new(stored_form(&message.wire))).collect();
    all.sort();
    all
}

/// How one run went.
pub(crate) struct Ran {
    pub(crate) world: World,
    pub(crate) snapshots: Vec<World>,
    pub(crate) outcome: Result<Outcome, String>,
    pub(crate) log: Vec<ServerEvent>,
    /// Whether a disk operation failed, and how many connections there were by then.
    pub(crate) failed_at: Option<usize>,
}

/// Runs the program once; `run` counts the runs of the history from 0.
pub(crate) fn run(mut world: World, scenario: &Scenario, run: usize, mut setting: Setting) -> Ran {
    (*world.targets).clone_from(&scenario.targets);
    if setting.connections.is_empty() {
        setting.connections = vec![scenario.server.clone(); 4];
    }
    setting.left_out = scenario.left_out;
    setting.retention = scenario.retention;
    setting.removals_after = scenario.follows_removals.then_some(DAY);
    setting.breaks.clone_from(&scenario.breaks);
    trace(|| format!("run {run}: {:?} {:?} {:?}", setting.failure, setting.reader, setting.connections.first()));
    trace(|| format!("  before: {world:#?}"));
    let image = world.index.clone();
    let host = SimHost::new(world, run, setting);
    let outcome = match Index::open_image(&host, image.as_ref().map(|image| &image.bytes[..]), &identity()) {
        Ok(mut index) => Ok(fetch::run(&host, &scenario.job(run), &mut index, scenario.rules, &Silent)),
        Err(error) => Err(error.to_string()),
    };
    let shared = host.finish();
    let mut world = shared.world;
    world.now += GAP;
    trace(|| format!("  {outcome:?}\n  {:?}\n  after: {world:#?}", shared.log));
    Ran { world, snapshots: shared.snapshots, outcome, log: shared.log, failed_at: shared.failed_at }
}

/// With `FETCHONCE_SIM_TRACE` set, says what happens: for one seed or one fault.
fn trace(text: impl FnOnce() -> String) {
    if std::env::var_os("FETCHONCE_SIM_TRACE").is_some() {
        writeln!(std::io::stderr(), "{}", text()).expect("stderr takes a line");
    }
}

/// What the user does about untrusted messages.
pub(crate) fn repair(world: World, run: usize) -> World {
    with_index(world, run, |host, index| {
        fetch::repair(host, index).expect("the disk works again");
    })
}

/// What the user does about a message that cannot be fetched.
pub(crate) fn skip(world: World, run: usize, uid: &[u8]) -> World {
    with_index(world, run, |_, index| {
        let uid = Uid::new(uid).expect("the unique-id is a short one");
        index.skip(&uid).expect("the index takes it");
    })
}

fn with_index(world: World, run: usize, act: impl FnOnce(&SimHost, &mut Index<'_>)) -> World {
    let image = world.index.clone();
    let host = SimHost::new(world, run, Setting::default());
    let mut index = Index::open_image(&host, image.as_ref().map(|image| &image.bytes[..]), &identity())
        .expect("the index was committed whole");
    act(&host, &mut index);
    drop(index);
    host.finish().world
}

struct Silent;

impl Observer for Silent {
    fn observe(&self, _account: &str, _event: &Event<'_>) {}
}

/// What a checker found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Violation {
    /// Expunged by this client while the durable layer did not hold it.
    LostAtExpunge(String),
    /// Deleted although a rule keeps it.
    WronglyDeleted(String),
    /// Missing or changed at the end.
    Lost(String),
    /// Delivered more often than it was sent.
    Duplicated(String),
    /// A clean run failed.
    Stuck(String),
    /// What was to be deleted is still on the server.
    Undeleted(String),
    /// One more run was not idle.
    Restless(String),
}

/// Clean runs that must suffice to finish anything, two days apart: a message may be backed off, then fetched, deleted,
/// and gone.
pub(crate) const CLEAN_RUNS: usize = 4;

/// One clean run.
pub(crate) fn run_clean(world: World, scenario: &Scenario, runs_before: usize) -> Result<World, Violation> {
    let ran = run(world, scenario, runs_before, Setting::default());
    check_clean(&ran)?;
    let mut world = ran.world;
    world.now += 2 * DAY;
    Ok(world)
}

/// Checks everything after the clean runs.
pub(crate) fn check_end(world: World, scenario: &Scenario, runs_before: usize) -> Result<(), Violation> {
    check_delivered(&world, scenario)?;
    let is_removed = |message: &&Message| world.removed.contains(&Arc::new(stored_form(&message.wire)));
    if let Some(left) = world.maildrop.messages.iter().find(is_removed).filter(|_| scenario.follows_removals) {
        return Err(Violation::Undeleted(format!("{left:?}")));
    }
    let overstaying = overstaying(&scenario.retention, &world.maildrop);
    // Where the orders of arrival, of appearance and of the listing differ, the newest by each may stay.
    let may_stay = scenario.has_odd_order && scenario.keeps_newest();
    if !may_stay && overstaying.len() > scenario.skipped {
        return Err(Violation::Undeleted(format!("{overstaying:?}")));
    }
    check_idle(world, scenario, runs_before)
}

fn check_clean(ran: &Ran) -> Result<(), Violation> {
    match &ran.outcome {
        Ok(Outcome { error: None, .. }) => Ok(()),
        Ok(Outcome { error: Some(error), .. }) => Err(Violation::Stuck(fetchonce::report::with_causes(error))),
        Err(error) => Err(Violation::Stuck(error.clone())),
    }
}

/// Everything exactly once and byte-equal, for readers and after the worst power cut.
fn check_delivered(world: &World, scenario: &Scenario) -> Result<(), Violation> {
    if let Some(message) = world.lost_at_expunge.first() {
        return Err(Violation::LostAtExpunge(format!("{message:?}")));
    }
    if let Some(message) = world.wrongly_deleted.first() {
        return Err(Violation::WronglyDeleted(format!("{message:?}")));
    }
    let layers = [Layer::Volatile, Layer::Durable];
    for (target, layer) in world.targets.iter().flat_map(|target| layers.map(|layer| (target, layer))) {
        let found = world.in_target(target, layer);
        if found == scenario.expected {
            continue;
        }
        let count = |all: &[Arc<Vec<u8>>], one: &Arc<Vec<u8>>| all.iter().filter(|other| *other == one).count();
        let text = |content: &Arc<Vec<u8>>| format!("{target}, {layer:?}: {}", content.escape_ascii());
        if let Some(lost) = scenario.expected.iter().find(|one| count(&found, one) < count(&scenario.expected, one)) {
            return Err(Violation::Lost(text(lost)));
        }
        if let Some(more) = found.iter().find(|one| count(&found, one) > count(&scenario.expected, one)) {
            return Err(Violation::Duplicated(text(more)));
        }
    }
    Ok(())
}

/// One further run does no RETR, no write to the mailbox and no change of a message row.
fn check_idle(world: World, scenario: &Scenario, runs_before: usize) -> Result<(), Violation> {
    let rows = |world: &World| world.index.as_ref().map(|image| image.rows().messages.clone());
    let before = (world.disk.clone(), rows(&world));
    let ran = run(world, scenario, runs_before, Setting::default());
    check_clean(&ran)?;
    if ran.log.iter().any(|event| matches!(event, ServerEvent::Retr(_))) {
        return Err(Violation::Restless("RETR".into()));
    }
    if (ran.world.disk.clone(), rows(&ran.world)) != before {
        return Err(Violation::Restless(format!("{:?} became {:?}", before.1, rows(&ran.world))));
    }
    Ok(())
}
