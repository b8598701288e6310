//! The command line: parses, dispatches, and turns outcomes into exit codes and hints.
//!
//! | part | does |
//! |---|---|
//! | `args` | the words of the command line as types |
//! | `accounts` | which accounts a command is about |
//! | `state` | where their files lie, and what these tell |
//! | `run`, `watch` | fetches them side by side, and tells what happens |
//! | `hooks` | runs the user's own programs after that |
//! | `check` | looks at everything that a fetch needs |
//! | `status`, `manage`, `accept`, `demo` | the other commands |
//! | `man` | the manual pages |
//! | `hints` | what a user can do about each error |
//! | `screen`, `failure` | telling it |
//! | `logging`, `trace` | telling it in detail, where the user asks for that |

mod accept;
mod accounts;
mod args;
mod check;
mod demo;
mod failure;
mod hints;
mod hooks;
mod logging;
mod man;
mod manage;
mod run;
mod screen;
mod state;
mod status;
mod stdout;
mod trace;
mod watch;

use std::env;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
use signal_hook::flag;

use accept::Wanted;
use accounts::Global;
use args::{AccountCommand, Cli, Command, FetchArgs, SeenCommand};
use failure::Failure;
use screen::{Format, Screen, Talk};
use trace::TraceFile;

use crate::config::AccountName;
use crate::host::RealHost;
use crate::model::printable;
use crate::pop3::Tracer;
use crate::report::Exit;

/// The machine, where things are told, and whether the user asked to stop.
struct World {
    host: RealHost,
    screen: Screen,
    interrupted: Arc<AtomicBool>,
    trace: Option<Arc<TraceFile>>,
}

impl World {
    /// Who takes down the connections of an account.
    fn tracer(&self, account: &AccountName) -> Option<Arc<dyn Tracer>> {
        self.trace.as_ref().map(|trace| trace.of(account))
    }
}

/// Runs the program on the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    keep_memory_private();
    let cli = match Cli::try_parse().map_err(harmless) {
        Ok(cli) => cli,
        Err(message) => {
            // Help and the version come this way too.
            if !message.use_stderr() {
                let _ = message.print();
                return Exit::Fine.code().into();
            }
            Screen::new(Talk::Normal, Format::Text).refuse(&message);
            return Exit::Usage.code().into();
        }
    };
    let interrupted = Arc::new(AtomicBool::new(false));
    let (talk, format) = cli.wishes();
    let host = RealHost::new(Arc::clone(&interrupted));
    let mut world = World { host, screen: Screen::new(talk, format), interrupted, trace: None };
    let ran = catch_unwind(AssertUnwindSafe(|| run(&mut world, cli)));
    let mistake = |_| Err(Failure::words(Exit::Internal, "this is a mistake of fetchonce", "please report it"));
    let exit = ran.unwrap_or_else(mistake).unwrap_or_else(|failure| {
        world.screen.tell(None, failure.exit, &failure.told());
        failure.exit
    });
    if let Some(warning) = world.trace.as_ref().and_then(|trace| trace.warning()) {
        world.screen.tell(None, Exit::Fine, &warning);
    }
    world.screen.end(exit).code().into()
}

/// The same message about the same words, with what a terminal would obey in them escaped (I9).
fn harmless(message: clap::Error) -> clap::Error {
    let words = env::args_os().map(|word| {
        let shown = printable(&word.to_string_lossy());
        if word == *shown { word } else { shown.into() }
    });
    Cli::try_parse_from(words).err().unwrap_or(message)
}

fn run(world: &mut World, cli: Cli) -> Result<Exit, Failure> {
    logging::start(&cli.logging, &world.screen.progress)?;
    world.trace = cli.logging.trace.as_deref().map(TraceFile::open).transpose()?.map(Arc::new);
    dispatch(world, cli)
}

fn dispatch(world: &World, cli: Cli) -> Result<Exit, Failure> {
    let Cli { config, state_dir, logging: _, fetch, command } = cli;
    let global = Global { config, state_dir };
    let Some(command) = command else { return run::fetch(world, &global, &fetch) };
    if fetch != FetchArgs::default() {
        let clash = "options of a command are written behind it, such as `fetchonce fetch --dry-run`";
        world.screen.refuse(&Cli::command().error(ErrorKind::ArgumentConflict, clash));
        return Ok(Exit::Usage);
    }
    match command {
        Command::Fetch(args) => run::fetch(world, &global, &args),
        Command::List(args) => run::list(world, &global, args),
        Command::Check(args) => check::check(world, &global, &args),
        Command::Status(args) => status::status(world, &global, &args),
        Command::Account(AccountCommand::Rename { old, new }) => manage::rename(world, &global, &old, &new),
        Command::Account(AccountCommand::AcceptTarget { account, into, fetch_interrupted_again }) => {
            let (into, interrupted_again) = (into.as_deref(), fetch_interrupted_again);
            accept::accept_target(world, &global, Wanted { name: &account, into, interrupted_again })
        }
        Command::Seen(SeenCommand::Skip { account, uid }) => manage::skip(world, &global, &account, &uid),
        Command::Seen(SeenCommand::Verify { account, repair: _ }) => manage::repair(world, &global, &account),
        Command::Seen(SeenCommand::Settle { account, delivered, again: _ }) => {
            manage::settle(world, &global, &account, delivered)
        }
        Command::Demo => demo::demo(world),
        Command::Man { page } => Ok(print(world, &man::page(page))),
        Command::Completions { shell } => Ok(print(world, &completions(shell))),
    }
}

fn completions(shell: clap_complete::Shell) -> String {
    let whole = Cli::command();
    // Without the accounts before a command: the script for zsh would look for the command behind them.
    let mut definition = clap::Command::new("fetchonce")
        .version(env!("CARGO_PKG_VERSION"))
        .args(whole.get_arguments().filter(|arg| !arg.is_positional()))
        .subcommands(whole.get_subcommands())
        .disable_help_subcommand(true);
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definition, "fetchonce", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

fn print(world: &World, text: &str) -> Exit {
    world.screen.pass_on(text);
    Exit::Fine
}

/// No core dump, and no other process of this user may read the memory: passwords lie there (I9).
fn keep_memory_private() {
    // Where the system does not know these, there is nothing better to do.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// SIGINT and SIGTERM ask to stop in order; a second one ends the process at once.
fn watch_signals(interrupted: &Arc<AtomicBool>) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new(Exit::Internal, error, "run it again");
    // Who started this process may have it ignored, and then the system would not tell how a program ended.
    flag::register(SIGCHLD, Arc::default()).map_err(failed)?;
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag not set yet.
        flag::register_conditional_shutdown(signal, Exit::Interrupted.code().into(), Arc::clone(interrupted))
            .and_then(|_| flag::register(signal, Arc::clone(interrupted)))
            .map_err(failed)?;
    }
    Ok(())
}
