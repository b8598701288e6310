//! `status`: one line an account.

use std::fmt::Write as _;

use serde::Serialize;

use super::World;
use super::accounts::{Global, unknown_account};
use super::failure::Failure;
use super::hints::Place;
use super::run::{has_content, known_indexes};
use super::screen::{Screen, Talk};
use crate::config::AccountName;
use crate::host::{AccountLock, Host, LockError};
use crate::index::{Index, Run, Totals};
use crate::report::Exit;
use crate::report::human::printable;

/// What `--json` prints of an account. Fields are added, and never change their meaning (docs/reference/json.md).
#[derive(Serialize)]
struct Record<'a> {
    account: &'a str,
    running: bool,
    last_run: Option<LastRun>,
    delivered: u64,
    on_server: u64,
    waiting: u64,
    held: u64,
    untrusted: u64,
    deletions_unconfirmed: u64,
}

#[derive(Serialize)]
struct LastRun {
    started_at: i64,
    ended_at: Option<i64>,
    exit_code: Option<u8>,
    listed: u64,
    delivered: u64,
    octets: u64,
    deleted: u64,
    error: Option<String>,
}

/// What an index says of its account; `None` for an account that was never fetched.
struct Known {
    last: Option<Run>,
    totals: Totals,
    is_running: bool,
}

pub(super) fn status(world: &World, global: &Global, wanted: &[AccountName], json: bool) -> Result<Exit, Failure> {
    let (state_dir, mut known) = global.state()?;
    for name in known_indexes(&world.host, &state_dir).iter().filter_map(|name| name.parse().ok()) {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
        return Err(unknown_account(unknown.as_str(), &known));
    }
    let screen = Screen::new(Talk::Normal);
    let chosen: Vec<&AccountName> = known.iter().filter(|name| wanted.is_empty() || wanted.contains(name)).collect();
    if chosen.is_empty() {
        screen.say("no account is configured, and none was ever fetched here\n");
    }
    let width = chosen.iter().map(|name| name.as_str().len()).max().unwrap_or(0);
    let mut exits = Vec::new();
    for name in chosen {
        match look(&world.host, &global.place(&state_dir, name)) {
            Ok(known) if json => screen.print(&record(name, known)?)?,
            Ok(known) => {
                let line = line(known.as_ref(), world.host.now().0);
                screen.print(&format!("{:width$}  {line}\n", name.as_str()))?;
            }
            Err(failure) => {
                screen.tell(Some(name.as_str()), &failure.told());
                exits.push(failure.exit);
            }
        }
    }
    Ok(Exit::most_telling(exits))
}

fn look(host: &dyn Host, place: &Place) -> Result<Option<Known>, Failure> {
    let files = &place.files;
    if !has_content(host, &files.index) {
        return Ok(None);
    }
    let read = |index: Index<'_>| Ok((index.runs(1)?.pop(), index.totals()?));
    let known = Index::open_read_only(host, &files.index).and_then(|index| index.map(read).transpose());
    let known = known.map_err(|error| place.failure(error))?;
    let is_running = matches!(AccountLock::acquire_existing(&files.lock), Err(LockError::Held(_)));
    Ok(known.map(|(last, totals)| Known { last, totals, is_running }))
}

fn line(known: Option<&Known>, now: i64) -> String {
    let Some(Known { last, totals, is_running }) = known else { return "never fetched".to_owned() };
    format!("{}; {}", last_run(last.as_ref(), *is_running, now), waiting(totals))
}

fn record(name: &AccountName, known: Option<Known>) -> Result<String, Failure> {
    let Known { last, totals, is_running } =
        known.unwrap_or(Known { last: None, totals: Totals::default(), is_running: false });
    let last_run = last.map(|run| LastRun {
        started_at: run.started_at.0,
        ended_at: run.ended_at.map(|at| at.0),
        exit_code: run.exit_code,
        listed: run.listed,
        delivered: run.delivered,
        octets: run.octets.0,
        deleted: run.deleted,
        error: run.error.map(|error| printable(&error)),
    });
    let record = Record {
        account: name.as_str(),
        running: is_running,
        last_run,
        delivered: totals.delivered,
        on_server: totals.on_server,
        waiting: totals.waiting,
        held: totals.held,
        untrusted: totals.untrusted,
        deletions_unconfirmed: totals.delete_sent,
    };
    let line = serde_json::to_string(&record).map_err(|error| Failure::new(Exit::Internal, error, "report this"))?;
    Ok(line + "\n")
}

fn last_run(run: Option<&Run>, is_running: bool, now: i64) -> String {
    let Some(run) = run else { return "never fetched".to_owned() };
    let at = run.ended_at.unwrap_or(run.started_at);
    let age = age(now.saturating_sub(at.0));
    let mut text = match (run.ended_at, run.exit_code) {
        (None, _) if is_running => return format!("running since {}", age.trim_end_matches(" ago")),
        (None, _) => format!("{age}: cut off"),
        (Some(_), Some(0)) => format!("{age}: fine"),
        (Some(_), Some(code)) => format!("{age}: failed ({code})"),
        (Some(_), None) => format!("{age}: ended"),
    };
    if run.delivered > 0 {
        let _ = write!(text, ", {} delivered ({})", run.delivered, run.octets);
    }
    if run.deleted > 0 {
        let _ = write!(text, ", {} deleted", run.deleted);
    }
    if let Some(error) = &run.error {
        let _ = write!(text, ", {}", printable(error));
    }
    text
}

fn waiting(totals: &Totals) -> String {
    let mut text = format!("{} delivered, {} of them still on the server", totals.delivered, totals.on_server);
    let rest = [
        (totals.waiting, "waiting"),
        (totals.held, "held"),
        (totals.untrusted, "untrusted"),
        (totals.delete_sent, "deletions unconfirmed"),
    ];
    for (count, what) in rest.iter().filter(|(count, _)| *count > 0) {
        let _ = write!(text, ", {count} {what}");
    }
    text
}

/// Seconds in words; a clock that went back is no age at all.
fn age(seconds: i64) -> String {
    match seconds {
        ..60 => "just now".to_owned(),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Octets, Timestamp};

    #[test]
    fn the_last_run_is_told_with_its_age() {
        let run = Run {
            ended_at: Some(Timestamp(1000)),
            exit_code: Some(0),
            delivered: 7,
            octets: Octets(2048),
            ..Run::default()
        };
        assert_eq!(last_run(Some(&run), false, 1000 + 7300), "2 h ago: fine, 7 delivered (2.0 KiB)");
        let cut = Run { ended_at: None, ..run.clone() };
        assert_eq!(last_run(Some(&cut), false, 30), "just now: cut off, 7 delivered (2.0 KiB)");
        assert_eq!(last_run(Some(&cut), true, 120), "running since 2 min");
        let failed = Run { exit_code: Some(77), error: Some("no\x1b".into()), delivered: 0, ..run };
        assert_eq!(last_run(Some(&failed), false, 0), "just now: failed (77), no\\u{1b}");
    }
}
