//! `status`: one line an account.

use std::fmt::Write as _;

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

pub(super) fn status(world: &World, global: &Global, wanted: &[AccountName]) -> Result<Exit, Failure> {
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
        match line(&world.host, &global.place(&state_dir, name)) {
            Ok(line) => screen.print(&format!("{:width$}  {line}\n", name.as_str()))?,
            Err(failure) => {
                screen.tell(Some(name.as_str()), &failure.told());
                exits.push(failure.exit);
            }
        }
    }
    Ok(Exit::most_telling(exits))
}

fn line(host: &dyn Host, place: &Place) -> Result<String, Failure> {
    let files = &place.files;
    if !has_content(host, &files.index) {
        return Ok("never fetched".to_owned());
    }
    let read = |index: Index<'_>| Ok((index.runs(1)?.pop(), index.totals()?));
    let known = Index::open_read_only(host, &files.index).and_then(|index| index.map(read).transpose());
    let Some((last, totals)) = known.map_err(|error| place.failure(error))? else {
        return Ok("never fetched".to_owned());
    };
    let is_running = matches!(AccountLock::acquire_existing(&files.lock), Err(LockError::Held(_)));
    Ok(format!("{}; {}", last_run(last.as_ref(), is_running, host.now().0), waiting(&totals)))
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
