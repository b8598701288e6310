//! `check`: looks at everything that a fetch needs, one thing after the other, and changes nothing here or on the server.
//!
//! What a fetch would fail by is told in the words, with the hint and with the exit code of a fetch. What rests on a thing
//! that failed is skipped. `local` looks at what lies on this machine, `targets` at where the mail goes, `server` at what a
//! session shows.

mod local;
mod server;
mod targets;

use std::sync::Arc;

use secrecy::SecretString;

use super::accounts::{Chosen, Global, Purpose};
use super::args::LookArgs;
use super::failure::Failure;
use super::hints::Place;
use super::logging;
use super::{World, hooks, watch_signals};
use crate::config::{Account, PasswordSource};
use crate::host::Host as _;
use crate::model::shown_path;
use crate::pop3::Tracer;
use crate::report::Exit;
use crate::report::finding::{Area, Finding, Tally};

const AFTER_A_FAILURE: &str = "not looked at, because of the failure above";
const WHILE_RUNNING: &str = "not looked at: the fetch that is running has the maildrop";

type Obtained = Result<SecretString, Failure>;

/// Checks the chosen accounts one after the other.
pub(super) fn check(world: &World, global: &Global, args: &LookArgs) -> Result<Exit, Failure> {
    let chosen = match global.choose(&args.accounts, &args.one_shot, Purpose::Look) {
        Err(failure) if failure.exit == Exit::Config => {
            world.screen.find(None, 0, &failed(Area::Configuration, &failure));
            return Ok(failure.exit);
        }
        chosen => chosen?,
    };
    let prompted: Vec<Option<Obtained>> = chosen.accounts.iter().map(|account| prompt(account, &chosen)).collect();
    // From here on a signal ends the check in order; a prompt before could not be left by one.
    watch_signals(&world.interrupted)?;
    let width = chosen.accounts.iter().map(|account| account.name.as_str().len()).max().unwrap_or(0);
    let mut exits = Vec::new();
    for failure in hooks::missing(world, &chosen.hooks) {
        world.screen.find(None, width, &failed(Area::Configuration, &failure));
        exits.push(failure.exit);
    }
    for (account, prompted) in chosen.accounts.iter().zip(prompted) {
        if !world.host.interrupted() {
            exits.push(Checkup::new(world, &chosen, account, width).run(prompted));
        }
    }
    if world.host.interrupted() {
        exits.push(Exit::Interrupted);
    }
    Ok(Exit::most_telling(exits))
}

fn prompt(account: &Account, chosen: &Chosen) -> Option<Obtained> {
    matches!(account.password, PasswordSource::Prompt).then(|| obtain(account, chosen))
}

fn obtain(account: &Account, chosen: &Chosen) -> Obtained {
    account.password.obtain(account.name.as_str(), &chosen.secret_variables).map_err(|error| chosen.no_password(error))
}

fn failed(area: Area, failure: &Failure) -> Finding {
    Finding::told(area, failure.exit, failure.told())
}

/// One account, and what was found of it so far.
struct Checkup<'a> {
    world: &'a World,
    chosen: &'a Chosen,
    account: &'a Account,
    place: Place,
    /// Counts the connections of the account, of which there may be two.
    tracer: Option<Arc<dyn Tracer>>,
    /// The longest name of an account.
    width: usize,
    tally: Tally,
    /// What was told last.
    last: Area,
}

impl<'a> Checkup<'a> {
    fn new(world: &'a World, chosen: &'a Chosen, account: &'a Account, width: usize) -> Self {
        let (place, tracer) = (chosen.place_of_check(account), world.tracer(&account.name));
        Self { world, chosen, account, place, tracer, width, tally: Tally::default(), last: Area::Configuration }
    }

    fn run(mut self, prompted: Option<Obtained>) -> Exit {
        let _account = logging::account(&self.place.name);
        self.configuration();
        self.state();
        let looked = self.index();
        self.targets(&looked);
        self.clock(&looked);
        let password = self.password(prompted);
        if looked.is_running {
            self.skip_the_rest(WHILE_RUNNING);
        } else if self.server(password, looked.index.as_ref()).is_none() {
            self.skip_the_rest(AFTER_A_FAILURE);
        }
        if self.world.screen.shows_summaries() {
            self.world.screen.say(&format!("{}: {}\n", self.account.name, self.tally));
        }
        self.tally.exit()
    }

    fn configuration(&mut self) {
        let shown = self.chosen.file.as_ref().map(|file| shown_path(file));
        self.ok(Area::Configuration, shown.unwrap_or_else(|| "none: the account is on the command line".to_owned()));
        for failure in hooks::missing(self.world, &self.account.hooks) {
            self.fail(Area::Configuration, &failure);
        }
    }

    fn password(&mut self, prompted: Option<Obtained>) -> Option<SecretString> {
        match prompted.unwrap_or_else(|| obtain(self.account, self.chosen)) {
            Ok(password) => {
                self.ok(Area::Password, format!("from the {}", self.account.password));
                Some(password)
            }
            Err(failure) => {
                self.fail(Area::Password, &failure);
                None
            }
        }
    }

    fn tell(&mut self, finding: &Finding) {
        self.tally.count(finding);
        self.last = finding.area;
        self.world.screen.find(Some(self.account.name.as_str()), self.width, finding);
    }

    fn tell_all(&mut self, findings: &[Finding]) {
        for finding in findings {
            self.tell(finding);
        }
    }

    fn ok(&mut self, area: Area, what: impl Into<String>) {
        self.tell(&Finding::ok(area, what));
    }

    fn fail(&mut self, area: Area, failure: &Failure) {
        self.tell(&failed(area, failure));
    }

    fn skip(&mut self, area: Area, why: &str) {
        self.tell(&Finding::skipped(area, why));
    }

    /// Skips what was not told of yet.
    fn skip_the_rest(&mut self, why: &str) {
        let last = self.last;
        for area in Area::ALL.into_iter().filter(|area| *area > last) {
            self.skip(area, why);
        }
    }
}
