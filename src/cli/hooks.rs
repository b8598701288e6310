//! Programs of the user's own that are run after a fetch: where mail was delivered, and where an account's run failed.
//!
//! They hold up no delivery: all is recorded before them, and what they fail at changes the exit code only where nothing
//! else did.

use std::path::Path;

use super::World;
use super::accounts::Chosen;
use super::failure::Failure;
use super::watch::Ended;
use crate::config::{Account, AccountName, Hooks};
use crate::host::{Host as _, Program, ProgramError, RunError};
use crate::model::limits;
use crate::report::Exit;

/// Runs the hooks of one account after its part of a run. Whether none of them failed.
pub(super) fn of_account(world: &World, chosen: &Chosen, account: &Account, ended: &Ended) -> bool {
    if world.host.interrupted() {
        return true;
    }
    let name = ("FETCHONCE_ACCOUNT", account.name.to_string());
    let mut all_went_well = true;
    if let Some(argv) = &account.hooks.after
        && ended.delivered > 0
    {
        let variables = [name.clone(), ("FETCHONCE_DELIVERED", ended.delivered.to_string())];
        all_went_well &= run(world, chosen, Some(&account.name), ("after", argv), &variables);
    }
    if let Some(argv) = account.hooks.on_error.as_ref().or(chosen.hooks.on_error.as_ref())
        && let Some(error) = &ended.error
    {
        let exit_code = ended.exit.code().to_string();
        let variables = [name, ("FETCHONCE_EXIT_CODE", exit_code), ("FETCHONCE_ERROR", error.clone())];
        all_went_well &= run(world, chosen, Some(&account.name), ("on_error", argv), &variables);
    }
    all_went_well
}

/// Runs the hook of all accounts after their runs. Whether it did not fail.
pub(super) fn of_all(world: &World, chosen: &Chosen, delivered: u64) -> bool {
    let Some(argv) = &chosen.hooks.after else { return true };
    if delivered == 0 || world.host.interrupted() {
        return true;
    }
    run(world, chosen, None, ("after", argv), &[("FETCHONCE_DELIVERED", delivered.to_string())])
}

/// The hooks whose programs cannot be run.
pub(super) fn missing(world: &World, hooks: &Hooks) -> Vec<Failure> {
    let named = [("after", &hooks.after), ("on_error", &hooks.on_error)];
    let missing = |(key, argv): (&str, &Option<Vec<String>>)| {
        let name = argv.as_ref()?.first()?;
        let error = world.host.find_program(name).err()?;
        Some(failure(key, ProgramError::not_run(name, error)))
    };
    named.into_iter().filter_map(missing).collect()
}

/// Runs one hook, and tells of its failure. Whether there was none.
fn run(
    world: &World,
    chosen: &Chosen,
    account: Option<&AccountName>,
    (key, argv): (&str, &[String]),
    variables: &[(&'static str, String)],
) -> bool {
    let account = account.map(AccountName::as_str);
    match attempt(world, chosen, argv, variables) {
        Ok(printed) => {
            world
                .screen
                .say_step(account, &format!("`{key}` done{}{printed}", if printed.is_empty() { "" } else { ": " }));
            true
        }
        Err(error) => {
            let failure = failure(key, error);
            world.screen.tell(account, failure.exit, &failure.told());
            false
        }
    }
}

/// Gives what the hook printed last.
fn attempt(
    world: &World,
    chosen: &Chosen,
    argv: &[String],
    variables: &[(&'static str, String)],
) -> Result<String, ProgramError> {
    let name = argv.first().map_or("", String::as_str);
    let not_run = |error| ProgramError::not_run(name, error);
    let file = world.host.find_program(name).map_err(not_run)?;
    let program = Program {
        file: &file,
        argv,
        variables,
        secret_variables: &chosen.secret_variables,
        timeout: limits::HOOK,
        grace: limits::GRACE,
        scratch: Path::new("/"),
    };
    let finished = match world.host.run(&program, None) {
        Ok(finished) => finished,
        Err(RunError::Input(error) | RunError::Start(error)) => return Err(not_run(error)),
    };
    let printed = finished.last_words();
    finished.failure(&program).map_or(Ok(printed), Err)
}

fn failure(key: &str, error: ProgramError) -> Failure {
    let hint = match &error {
        ProgramError::NotRun { .. } => "install it, or name it with its whole path",
        _ => "run it by hand; nothing of the mail depends on it",
    };
    Failure::new(Exit::Unavailable, anyhow::Error::new(error).context(format!("the hook `{key}` failed")), hint)
}
