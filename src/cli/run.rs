//! Fetching the chosen accounts side by side: one account's failure, or panic, never ends another.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;

use secrecy::SecretString;

use super::accounts::{Chosen, Global, Purpose, identity};
use super::args::{FetchArgs, ListArgs, LookArgs};
use super::failure::Failure;
use super::hints::Place;
use super::logging;
use super::state::{has_content, known_by_another_name, lost_index, no_state, remember};
use super::watch::{Ended, Watch};
use super::{World, hooks, stdout, watch_signals};
use crate::config::{Account, PasswordSource, Tls};
use crate::deliver::TargetError;
use crate::deliver::folders::create_dirs;
use crate::fetch::{self, Destination, Job, Outcome, RemovedLocally};
use crate::host::{AccountLock, Host};
use crate::index::{Identity, Index};
use crate::model::{FileStyle, Target, shown_path};
use crate::plan::Rules;
use crate::pop3::{Credentials, Endpoint, TlsMode};
use crate::report::{Exit, Summary};

/// Accounts fetched side by side where the command line does not say it.
const JOBS: usize = 4;

/// An account with all that its run needs.
struct Work {
    account: Account,
    place: Place,
    /// Whether it had an index before any account was fetched.
    had_index: bool,
    /// Why it is not fetched at all.
    refused: Option<Failure>,
    /// Asked for before anything runs; other sources are asked when the account's turn comes.
    prompted: Option<Result<SecretString, Failure>>,
}

struct Fetching<'a> {
    world: &'a World,
    args: &'a FetchArgs,
    chosen: &'a Chosen,
    /// The longest name.
    width: usize,
}

/// Shows what is on the servers: a dry run.
pub(super) fn list(world: &World, global: &Global, args: ListArgs) -> Result<Exit, Failure> {
    let ListArgs { look: LookArgs { accounts, json, one_shot }, explain } = args;
    fetch(world, global, &FetchArgs { accounts, json, one_shot, explain, dry_run: true, ..FetchArgs::default() })
}

/// Fetches the chosen accounts, or in a dry run tells what would be done.
pub(super) fn fetch(world: &World, global: &Global, args: &FetchArgs) -> Result<Exit, Failure> {
    let purpose = if args.dry_run { Purpose::Look } else { Purpose::Deliver };
    let is_safe = |failure: Failure| {
        let says_nothing_of_mail = args.dry_run || failure.exit == Exit::Usage;
        if says_nothing_of_mail { failure } else { failure.with_state(&Summary::default()) }
    };
    let chosen = global.choose(&args.accounts, &args.one_shot, purpose).map_err(is_safe)?;
    if !args.dry_run {
        stdout::keep_for_mail(world, &chosen)?;
    }
    let width = chosen.accounts.iter().map(|account| account.name.as_str().len()).max().unwrap_or(0);
    let works: Vec<Work> = chosen.accounts.iter().map(|account| prepare(world, account, &chosen, args)).collect();
    if !args.dry_run && !works.is_empty() {
        create_dirs(&world.host, &chosen.state_dir, &FileStyle::default())
            .map_err(|error| is_safe(no_state(&chosen.state_dir, error)))?;
    }
    // From here on a signal lets each account end in order; a prompt before could not be left by one.
    watch_signals(&world.interrupted)?;
    let jobs = args.jobs.map_or(JOBS, usize::from).min(works.len());
    let fetching = Fetching { world, args, chosen: &chosen, width };
    let ended = fetching.all(works, jobs);
    Ok(fetching.exit_of(&ended))
}

fn prepare(world: &World, account: &Account, chosen: &Chosen, args: &FetchArgs) -> Work {
    let place = chosen.place(account);
    let refused = if args.as_new { None } else { known_by_another_name(world, account, &place.files, chosen) };
    let is_asked = matches!(account.password, PasswordSource::Prompt) && refused.is_none();
    let prompted = is_asked.then(|| {
        account
            .password
            .obtain(account.name.as_str(), &chosen.secret_variables)
            .map_err(|error| chosen.no_password(error))
    });
    let had_index = has_content(&world.host, &place.files.index);
    Work { account: account.clone(), place, had_index, refused, prompted }
}

impl Fetching<'_> {
    fn all(&self, works: Vec<Work>, jobs: usize) -> Vec<Ended> {
        let queue: Mutex<VecDeque<Work>> = Mutex::new(works.into());
        let all_ended = Mutex::new(Vec::new());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        thread::scope(|scope| {
            let work = || {
                while let Some(work) = next() {
                    let ended = self.one(work);
                    all_ended.lock().unwrap_or_else(PoisonError::into_inner).push(ended);
                }
            };
            // This thread works too, and alone where the system gives no more.
            for _ in 1..jobs {
                if thread::Builder::new().spawn_scoped(scope, work).is_err() {
                    break;
                }
            }
            work();
        });
        all_ended.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// What all accounts and their hooks make of the exit code, after the hook of all accounts.
    fn exit_of(&self, all_ended: &[Ended]) -> Exit {
        let delivered = all_ended.iter().map(|ended| ended.delivered).sum();
        let is_hook_fine = self.args.dry_run || hooks::of_all(self.world, self.chosen, delivered);
        match Exit::most_telling(all_ended.iter().map(|ended| ended.exit)) {
            Exit::Fine if !is_hook_fine || all_ended.iter().any(|ended| ended.hook_failed) => {
                if self.world.host.interrupted() { Exit::Interrupted } else { Exit::Unavailable }
            }
            exit => exit,
        }
    }

    /// Runs one account and its hooks.
    fn one(&self, work: Work) -> Ended {
        let account = work.account.clone();
        let ended = self.fetch(work);
        if self.args.dry_run {
            return ended;
        }
        let hook_failed = !hooks::of_account(self.world, self.chosen, &account, &ended);
        Ended { hook_failed, ..ended }
    }

    /// Runs one account and tells what came of it.
    fn fetch(&self, work: Work) -> Ended {
        let World { host, screen, .. } = self.world;
        let (place, targets) = (work.place.clone(), work.account.deliver.clone());
        let _account = logging::account(&place.name);
        let stopwatch = host.stopwatch();
        let watch = Watch {
            host,
            screen,
            place: &place,
            bar: screen
                .progress
                .account(format!("{:1$}", place.name.as_str(), self.width), move || stopwatch.elapsed()),
            is_dry: self.args.dry_run,
            explains: self.args.explain,
            targets: &targets,
            width: self.width,
            stopwatch,
        };
        if host.interrupted() {
            return watch.left_out();
        }
        match catch_unwind(AssertUnwindSafe(|| self.attempt(work, &watch))) {
            Ok(Ok(outcome)) => watch.ended(outcome),
            Ok(Err(failure)) => watch.failed(failure),
            Err(_) => watch.failed(Failure::words(
                Exit::Internal,
                "this account's run ended in a mistake of fetchonce",
                format!("please report it; then {}: what was promised is recorded", place.again),
            )),
        }
    }

    fn attempt(&self, work: Work, watch: &Watch<'_>) -> Result<Outcome, Failure> {
        let host = &self.world.host;
        let Work { account, place, had_index, refused, prompted } = work;
        if let Some(failure) = refused {
            return Err(failure);
        }
        let mut lock = if self.args.dry_run {
            AccountLock::acquire_existing(&place.files.lock).map_err(Place::locked)?
        } else {
            Some(AccountLock::acquire(&place.files.lock).map_err(Place::locked)?)
        };
        self.miss_no_index(lock.as_ref(), &account, &place, had_index)?;
        let identity = identity(&account);
        let password = match prompted {
            Some(prompted) => prompted?,
            None => account
                .password
                .obtain(account.name.as_str(), &self.chosen.secret_variables)
                .map_err(|error| self.chosen.no_password(error))?,
        };
        let mut index = self.open_index(&place, &identity)?;
        if let Some(lock) = &mut lock
            && !self.args.dry_run
        {
            remember(lock, &index, &place)?;
        }
        refuse_own_folders(&account, &place)?;
        let destination = || destination(&account, &place, &self.chosen.secret_variables);
        let deliver = (!self.args.dry_run).then(destination).flatten();
        let mut job = job(account, identity, password, deliver, self.args);
        job.tracer = self.world.tracer(&place.name);
        Ok(fetch::run(host, &job, &mut index, Rules::default(), watch))
    }

    /// An account that had an index and has none now would fetch everything a second time.
    ///
    /// This is asked under the account's lock: while it waited for its turn it may have been renamed.
    fn miss_no_index(
        &self,
        lock: Option<&AccountLock>,
        account: &Account,
        place: &Place,
        had_index: bool,
    ) -> Result<(), Failure> {
        if has_content(&self.world.host, &place.files.index) {
            return Ok(());
        }
        let remembers = lock.map_or(Ok(false), AccountLock::remembers_index);
        if remembers.map_err(|error| no_state(&place.files.lock, error))? {
            return Err(lost_index(place));
        }
        if had_index {
            return Err(Failure::words(
                Exit::TryLater,
                format!(
                    "the index {} went away while the account waited for its turn; nothing was fetched",
                    shown_path(&place.files.index)
                ),
                format!("if the account was renamed, rename it in the configuration too; else {}", place.again),
            ));
        }
        let known_otherwise = || known_by_another_name(self.world, account, &place.files, self.chosen);
        if self.args.as_new { Ok(()) } else { known_otherwise().map_or(Ok(()), Err) }
    }

    /// A dry run makes no index.
    fn open_index<'h>(&'h self, place: &Place, identity: &Identity) -> Result<Index<'h>, Failure> {
        let host = &self.world.host;
        let path = &place.files.index;
        if self.args.dry_run && !has_content(host, path) {
            return Index::open_image(host, None, identity).map_err(|error| place.failure(error));
        }
        let index = Index::open(host, path, identity).map_err(|error| place.failure(error))?;
        if !self.args.dry_run {
            // A new index must not vanish with a power cut after its first delivery.
            let folder = path.parent().unwrap_or(path);
            let unsynced = |source| TargetError::Io { doing: "sync", path: folder.to_owned(), source };
            host.sync_dir(folder).map_err(|error| place.failure(unsynced(error)))?;
        }
        Ok(index)
    }
}

/// How to reach the server of an account.
pub(super) fn endpoint(account: &Account) -> Endpoint {
    Endpoint {
        host: account.server.clone(),
        port: account.port,
        tls: match account.tls {
            Tls::Implicit => TlsMode::Implicit,
            Tls::StartTls => TlsMode::StartTls,
            Tls::None => TlsMode::None,
        },
        ca_file: account.ca_file.clone(),
        allow_cleartext: account.allow_cleartext,
    }
}

/// Mail that lies in a folder of the program's own is removed from there once it is delivered.
pub(super) fn refuse_own_folders(account: &Account, place: &Place) -> Result<(), Failure> {
    let own = [&place.files.held, &place.files.quarantine].map(|folder| folder.parent().unwrap_or(folder));
    let is_own = |target: &&Target| target.path().is_some_and(|path| own.iter().any(|own| path.starts_with(own)));
    account.deliver.iter().find(is_own).map_or(Ok(()), |target| {
        let what = format!("{target} lies where fetchonce keeps mail of its own");
        Err(Failure::words(Exit::Config, what, "name a place outside of the state folder".to_owned()))
    })
}

/// Where a run delivers to; nowhere, where there is no target.
fn destination(account: &Account, place: &Place, secret_variables: &[String]) -> Option<Destination> {
    let destination = || Destination {
        targets: account.deliver.clone(),
        held: place.files.held.clone(),
        quarantine: place.files.quarantine.clone(),
        trace_headers: account.trace_headers.clone(),
        secret_variables: secret_variables.to_vec(),
    };
    (!account.deliver.is_empty()).then(destination)
}

fn job(
    account: Account,
    identity: Identity,
    password: SecretString,
    deliver: Option<Destination>,
    args: &FetchArgs,
) -> Job {
    let removed_locally = match &account.deliver[..] {
        [Target::Maildir(folder)] if account.delete_when_removed_locally => {
            Some(RemovedLocally { maildir: folder.path.clone(), is_confirmed: args.confirm })
        }
        _ => None,
    };
    Job {
        identity,
        endpoint: endpoint(&account),
        credentials: Credentials { user: account.user, password },
        tracer: None,
        retention: account.retention,
        removed_locally,
        routes: account.routes,
        explain: args.explain,
        deliver,
        silence: account.timeout,
        deadline: account.deadline,
        intake: args.intake.over(account.intake),
    }
}
