//! What is known of an account without asking its server: a heading, and lines below it.

use std::fmt::Write as _;

use super::calendar::minute;
use super::human::printable;
use super::json::{RunRecord, StatusRecord};
use crate::model::{Octets, Timestamp};

/// Most days that are named; later ones are counted together.
const NAMED_DAYS: usize = 3;

/// The lines of one account, its name padded to `width`.
#[must_use]
pub fn text(status: &StatusRecord<'_>, width: usize, now: Timestamp) -> String {
    let mut text = format!("{:width$}  {}\n", status.account, heading(status, now));
    let mut line = |line: String| {
        let _ = writeln!(text, "{:width$}  {}", "", printable(&line));
    };
    for run in &status.runs {
        line(format!("{}  {}", minute(Timestamp(run.started_at)), ended(run, status.running)));
    }
    if status.last_run.is_some() {
        line(counts(status));
    }
    if let Some(deletions) = deletions(status) {
        line(deletions);
    }
    for alarm in &status.alarms {
        line(format!("alarm: {}", alarm.what));
        line(format!("  hint: {}", alarm.hint));
    }
    text
}

fn heading(status: &StatusRecord<'_>, now: Timestamp) -> String {
    let Some(run) = &status.last_run else { return "never fetched".to_owned() };
    let age = age(now.0.saturating_sub(run.ended_at.unwrap_or(run.started_at)));
    match (run.ended_at, run.exit_code) {
        (None, _) if status.running => format!("running since {}", minute(Timestamp(run.started_at))),
        (None, _) => format!("cut off {age}"),
        (Some(_), Some(0)) => format!("fine {age}"),
        (Some(_), Some(code)) => format!("failed ({code}) {age}"),
        (Some(_), None) => format!("ended {age}"),
    }
}

/// How a run ended, and what it did.
fn ended(run: &RunRecord, is_running: bool) -> String {
    let mut text = match (run.ended_at, run.exit_code) {
        (None, _) if is_running => return "running".to_owned(),
        (None, _) => "cut off".to_owned(),
        (Some(_), Some(0)) => "fine".to_owned(),
        (Some(_), Some(code)) => format!("failed ({code})"),
        (Some(_), None) => "ended".to_owned(),
    };
    if run.delivered > 0 {
        let _ = write!(text, ", {} delivered ({})", run.delivered, Octets(run.octets));
    }
    if run.deleted > 0 {
        let _ = write!(text, ", {} deleted", run.deleted);
    }
    if let Some(error) = &run.error {
        let _ = write!(text, ", {error}");
    }
    text
}

fn counts(status: &StatusRecord<'_>) -> String {
    let mut text = match (status.delivered, status.on_server) {
        (0, _) => "nothing delivered so far".to_owned(),
        (delivered, 0) if status.deletions_to_confirm > 0 => format!("{delivered} delivered"),
        (delivered, 0) => format!("{delivered} delivered, none of them still on the server"),
        (delivered, on_server) => format!("{delivered} delivered, {on_server} of them still on the server"),
    };
    let rest = [
        (status.waiting, "waiting"),
        (status.held, "held"),
        (status.untrusted, "untrusted"),
        (status.in_doubt, "in doubt"),
        (status.deletions_to_confirm, "asked to be deleted: the next listing tells"),
    ];
    for (count, what) in rest.iter().filter(|(count, _)| *count > 0) {
        let _ = write!(text, ", {count} {what}");
    }
    text
}

/// `deletions: 3 due, 12 on 2026-12-06, 108 later`.
fn deletions(status: &StatusRecord<'_>) -> Option<String> {
    let mut parts = Vec::new();
    if status.due_now > 0 {
        parts.push(format!("{} due", status.due_now));
    }
    parts.extend(status.due.iter().take(NAMED_DAYS).map(|due| format!("{} on {}", due.messages, due.day)));
    let later: u64 = status.due.iter().skip(NAMED_DAYS).map(|due| due.messages).sum();
    if later > 0 {
        parts.push(format!("{later} later"));
    }
    (!parts.is_empty()).then(|| format!("deletions: {}", parts.join(", ")))
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
    use super::super::json::{AlarmRecord, DueRecord};
    use super::*;

    fn run() -> RunRecord {
        RunRecord {
            started_at: 990,
            ended_at: Some(1000),
            exit_code: Some(0),
            listed: 9,
            delivered: 7,
            octets: 2048,
            deleted: 0,
            error: None,
        }
    }

    #[test]
    fn an_account_that_was_never_fetched_is_one_line() {
        let status = StatusRecord { account: "new", ..StatusRecord::default() };
        assert_eq!(text(&status, 4, Timestamp(0)), "new   never fetched\n");
    }

    #[test]
    fn the_last_run_is_told_with_its_age() {
        let failed = RunRecord { exit_code: Some(77), error: Some("no\x1b".into()), ..run() };
        let status = StatusRecord {
            account: "work",
            last_run: Some(run()),
            runs: vec![run(), failed],
            ..StatusRecord::default()
        };
        let shown = text(&status, 4, Timestamp(1000 + 7300));
        assert!(shown.starts_with("work  fine 2 h ago\n"), "{shown}");
        let at = minute(Timestamp(990));
        assert!(shown.contains(&format!("\n      {at}  fine, 7 delivered (2.0 KiB)\n")), "{shown}");
        assert!(shown.contains(&format!("\n      {at}  failed (77), 7 delivered (2.0 KiB), no\\u{{1b}}\n")), "{shown}");

        let cut = StatusRecord { last_run: Some(RunRecord { ended_at: None, ..run() }), ..status };
        assert!(text(&cut, 4, Timestamp(1000)).starts_with("work  cut off just now\n"));
        let running = StatusRecord { running: true, ..cut };
        assert!(text(&running, 4, Timestamp(1000)).starts_with(&format!("work  running since {at}\n")));
    }

    #[test]
    fn deletions_and_alarms_stand_below() {
        let due = |day: &str, messages| DueRecord { day: day.to_owned(), messages };
        let status = StatusRecord {
            account: "work",
            last_run: Some(run()),
            delivered: 20,
            on_server: 12,
            held: 2,
            due_now: 3,
            due: vec![
                due("2026-12-06", 12),
                due("2026-12-07", 1),
                due("2026-12-08", 1),
                due("2026-12-09", 4),
                due("x", 2),
            ],
            alarms: vec![AlarmRecord { alarm: "held", what: "w".into(), hint: "h".into() }],
            ..StatusRecord::default()
        };
        let shown = text(&status, 5, Timestamp(1000));
        assert_eq!(
            shown,
            "work   fine just now\n\
            \x20      20 delivered, 12 of them still on the server, 2 held\n\
            \x20      deletions: 3 due, 12 on 2026-12-06, 1 on 2026-12-07, 1 on 2026-12-08, 6 later\n\
            \x20      alarm: w\n\
            \x20        hint: h\n"
        );
    }
}
