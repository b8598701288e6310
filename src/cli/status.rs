//! `status`: what is known of each account without asking its server.

use std::collections::BTreeMap;

use super::World;
use super::accounts::{Global, unknown_account};
use super::args::StatusArgs;
use super::failure::Failure;
use super::hints::Place;
use super::logging;
use super::state::{has_content, known_indexes, lost_index};
use crate::config::{Account, AccountName};
use crate::host::{AccountLock, Host, LockError};
use crate::index::{Index, IndexError, Run};
use crate::model::limits;
use crate::plan;
use crate::policy::Retention;
use crate::report::calendar::day;
use crate::report::human::{counted, printable};
use crate::report::json::{AlarmRecord, DueRecord, Record, RunRecord, StatusRecord};
use crate::report::{Exit, status};

const DAY: i64 = 24 * 3600;

pub(super) fn status(world: &World, global: &Global, args: &StatusArgs) -> Result<Exit, Failure> {
    let (state_dir, configured) = global.state()?;
    let mut known: Vec<AccountName> = configured.iter().map(|account| account.name.clone()).collect();
    for name in known_indexes(&world.host, &state_dir).iter().filter_map(|name| name.parse().ok()) {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    let wanted = &args.accounts;
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
        return Err(unknown_account(unknown.as_str(), &known));
    }
    let chosen: Vec<&AccountName> = known.iter().filter(|name| wanted.is_empty() || wanted.contains(name)).collect();
    if chosen.is_empty() {
        world.screen.say("no account is configured, and none was ever fetched here\n");
    }
    let width = chosen.iter().map(|name| name.as_str().len()).max().unwrap_or(0);
    let mut exits = Vec::new();
    for name in chosen {
        let account = configured.iter().find(|account| account.name == *name);
        match look(&world.host, &global.place(&state_dir, name, &configured), account, args.runs) {
            Ok(status) => {
                world.screen.print(&status::text(&status, width, world.host.now()));
                world.screen.record(&Record::Status(status));
            }
            Err(failure) => {
                let _account = logging::account(name);
                world.screen.tell(Some(name.as_str()), failure.exit, &failure.told());
                exits.push(failure.exit);
            }
        }
    }
    Ok(Exit::most_telling(exits))
}

fn look<'p>(
    host: &dyn Host,
    place: &'p Place,
    account: Option<&Account>,
    runs: u32,
) -> Result<StatusRecord<'p>, Failure> {
    let never = StatusRecord { account: place.name.as_str(), configured: account.is_some(), ..StatusRecord::default() };
    let files = &place.files;
    if !has_content(host, &files.index) {
        let lock = AccountLock::acquire_existing(&files.lock).ok().flatten();
        let is_lost = lock.is_some_and(|lock| lock.remembers_index().unwrap_or(false));
        return if is_lost { Err(lost_index(place)) } else { Ok(never) };
    }
    let running = matches!(AccountLock::acquire_existing(&files.lock), Err(LockError::Held(_)));
    let retention = account.map(|account| account.retention);
    let status = Index::open_read_only(host, &files.index).and_then(|index| match index {
        Some(index) => read(host, &index, retention, runs, StatusRecord { running, ..never }),
        None => Ok(never),
    });
    let mut status = status.map_err(|error| place.failure(error))?;
    status.alarms = alarms(&status, place, host.now().0);
    Ok(status)
}

/// Fills in what an index says.
fn read<'p>(
    host: &dyn Host,
    index: &Index<'_>,
    retention: Option<Retention>,
    runs: u32,
    known: StatusRecord<'p>,
) -> Result<StatusRecord<'p>, IndexError> {
    let totals = index.totals()?;
    let (due_now, due) = due(host, index, retention)?;
    Ok(StatusRecord {
        last_run: index.runs(1)?.pop().map(record),
        first_run_at: index.first_run()?.map(|at| at.0),
        last_success_at: index.last_success()?.map(|at| at.0),
        runs: index.runs(runs)?.into_iter().map(record).collect(),
        delivered: totals.delivered,
        on_server: totals.on_server,
        waiting: totals.waiting,
        troubled: totals.troubled,
        held: totals.held,
        untrusted: totals.untrusted,
        in_doubt: totals.in_doubt,
        deletions_to_confirm: totals.delete_sent,
        due_now,
        due,
        ..known
    })
}

fn record(run: Run) -> RunRecord {
    RunRecord {
        started_at: run.started_at.0,
        ended_at: run.ended_at.map(|at| at.0),
        exit_code: run.exit_code,
        listed: run.listed,
        delivered: run.delivered,
        octets: run.octets.0,
        deleted: run.deleted,
        error: run.error.map(|error| printable(&error)),
    }
}

/// How many messages may be deleted now, and how many on which later day. An account without a policy has none.
fn due(host: &dyn Host, index: &Index<'_>, retention: Option<Retention>) -> Result<(u64, Vec<DueRecord>), IndexError> {
    let Some(retention) = retention.filter(|retention| !retention.is_forever()) else { return Ok((0, Vec::new())) };
    let (now, clock) = (host.now(), index.credited_clock(host.now())?);
    let mut due_now = 0;
    let mut days: BTreeMap<String, u64> = BTreeMap::new();
    for stay in plan::stays_without_listing(&index.seen()?, &retention, clock) {
        match stay.left() {
            None => {}
            Some(due_in) if due_in.is_zero() => due_now += 1,
            Some(due_in) => *days.entry(day(now.after(due_in))).or_default() += 1,
        }
    }
    Ok((due_now, days.into_iter().map(|(day, messages)| DueRecord { day, messages }).collect()))
}

/// What somebody should look after.
fn alarms(status: &StatusRecord<'_>, place: &Place, now: i64) -> Vec<AlarmRecord> {
    let mut alarms = Vec::new();
    let mut alarm = |alarm, what: String, hint: String| alarms.push(AlarmRecord { alarm, what, hint });
    let count = |messages: u64| counted(usize::try_from(messages).unwrap_or(usize::MAX));
    let Place { name, program, .. } = place;
    let since = status.last_success_at.or(status.first_run_at).map(|at| now.saturating_sub(at) / DAY);
    let longest = i64::try_from(limits::ALARM_AFTER.as_secs()).unwrap_or(i64::MAX) / DAY;
    if let Some(days) = since.filter(|days| *days >= longest && status.configured) {
        let hint = "look at how the last runs ended, and at the timer that should run fetchonce";
        alarm("no_success", format!("no successful run for {days} days"), hint.into());
    }
    if status.last_run.as_ref().is_some_and(|run| run.ended_at.is_none()) && !status.running {
        alarm("cut_off", "the last run was cut off".into(), format!("{}: it settles what was left", place.again));
    }
    if status.untrusted > 0 {
        let what = format!("what the disk holds of {} is not known", count(status.untrusted));
        alarm("untrusted", what, format!("look after the disk, then run `{program} seen verify --repair {name}`"));
    }
    if status.in_doubt > 0 {
        let what = format!("whether their target has {} is not known", count(status.in_doubt));
        let settle = format!("{program} seen settle {name}");
        alarm("in_doubt", what, format!("look for it there, then run `{settle} --delivered` or `{settle} --again`"));
    }
    if status.held > 0 {
        let what = format!("a target lacks {}, kept safe in the held Maildir", count(status.held));
        alarm("held", what, "mend that target; the next run delivers what is held".into());
    }
    if status.troubled > 0 {
        let what = format!("{} broke sessions; each waits for its next try", count(status.troubled));
        alarm("troubled", what, format!("`{program} seen skip {name} UID` gives one up; `list` shows the unique-ids"));
    }
    alarms
}
