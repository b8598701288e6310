//! What lies on this machine: the state folder, the index and the clock.

use std::path::Path;

use super::super::failure::Failure;
use super::super::hints::Place;
use super::super::state::{has_content, known_by_another_name, lost_index, no_state};
use super::Checkup;
use crate::deliver::survey;
use crate::host::{AccountLock, Host, LockError};
use crate::index::{Index, IndexError};
use crate::model::{Timestamp, limits, shown_path};
use crate::report::Exit;
use crate::report::calendar::minute;
use crate::report::finding::{Area, Finding, Verdict};
use crate::report::human::counted;

/// What was learnt of the index.
#[derive(Default)]
pub(super) struct Looked<'a> {
    /// `None` for an account that was never fetched, and where the index cannot be used.
    pub(super) index: Option<Index<'a>>,
    pub(super) has_failed: bool,
    /// Whether a fetch is at work on the account.
    pub(super) is_running: bool,
}

impl<'a> Checkup<'a> {
    pub(super) fn state(&mut self) {
        let folder = &self.chosen.state_dir;
        match look_at_state(&self.world.host, folder, &self.place) {
            Ok(exists) => self.ok(Area::State, or_to_be_made(folder, exists)),
            Err(failure) => self.fail(Area::State, &failure),
        }
    }

    pub(super) fn index(&mut self) -> Looked<'a> {
        let lock = match AccountLock::acquire_existing(&self.place.files.lock) {
            Ok(lock) => lock,
            Err(error @ LockError::Held(_)) => {
                let found = super::failed(Area::Index, &Place::locked(error));
                self.tell(&Finding { verdict: Verdict::Warning, exit: Exit::Fine, ..found });
                return Looked { is_running: true, ..self.open_index() };
            }
            Err(error) => {
                self.fail(Area::Index, &Place::locked(error));
                return Looked { has_failed: true, ..Looked::default() };
            }
        };
        if let Err(failure) = self.miss_no_index(lock.as_ref()) {
            self.fail(Area::Index, &failure);
            return Looked { has_failed: true, ..Looked::default() };
        }
        drop(lock);
        self.open_index()
    }

    /// An index that was lost, or that has another name, is not taken for a new account.
    fn miss_no_index(&self, lock: Option<&AccountLock>) -> Result<(), Failure> {
        let files = &self.place.files;
        if has_content(&self.world.host, &files.index) {
            return Ok(());
        }
        let remembers = lock.map_or(Ok(false), AccountLock::remembers_index);
        if remembers.map_err(|error| no_state(&files.lock, error))? {
            return Err(lost_index(&self.place));
        }
        known_by_another_name(self.world, self.account, files, self.chosen).map_or(Ok(()), Err)
    }

    fn open_index(&mut self) -> Looked<'a> {
        let world = self.world;
        match look_at_index(&world.host, &self.place) {
            Ok((index, what)) => {
                self.ok(Area::Index, what);
                Looked { index, ..Looked::default() }
            }
            Err(failure) => {
                self.fail(Area::Index, &failure);
                Looked { has_failed: true, ..Looked::default() }
            }
        }
    }

    pub(super) fn clock(&mut self, looked: &Looked<'_>) {
        let latest = looked.index.as_ref().map_or(Ok(None), Index::latest_run);
        let finding = match latest {
            Ok(latest) => clock(self.world.host.now(), latest),
            Err(error) => super::failed(Area::Clock, &self.place.failure(error)),
        };
        self.tell(&finding);
    }
}

/// Whether the state folder exists; an error where it cannot be used or made.
fn look_at_state(host: &dyn Host, folder: &Path, place: &Place) -> Result<bool, Failure> {
    let exists = host.stat(folder).map_err(|error| no_state(folder, error))?.is_some();
    if exists {
        host.may_write(folder).map_err(|error| unwritable("state folder", folder, error))?;
    } else {
        survey::may_create(host, folder).map_err(|error| place.failure(error))?;
    }
    Ok(exists)
}

fn unwritable(what: &str, path: &Path, error: std::io::Error) -> Failure {
    let shown = shown_path(path);
    let error = anyhow::Error::new(error).context(format!("the {what} {shown} cannot be written to"));
    Failure::new(Exit::Io, error, format!("look after the rights of {shown}"))
}

pub(super) fn or_to_be_made(path: &Path, exists: bool) -> String {
    format!("{}{}", shown_path(path), if exists { "" } else { " (new: it will be made)" })
}

/// The index of an account that was fetched before, and what it says.
fn look_at_index<'h>(host: &'h dyn Host, place: &Place) -> Result<(Option<Index<'h>>, String), Failure> {
    let path = &place.files.index;
    let failure = |error: IndexError| place.failure(error);
    let index = if has_content(host, path) { Index::open_read_only(host, path).map_err(failure)? } else { None };
    let Some(index) = index else { return Ok((None, "new: this account was never fetched".to_owned())) };
    host.may_write(path).map_err(|error| unwritable("index", path, error))?;
    let delivered = usize::try_from(index.totals().map_err(failure)?.delivered).unwrap_or(usize::MAX);
    let last = match index.runs(1).map_err(failure)?.pop() {
        Some(run) => format!("last run {}", minute(run.started_at)),
        None => "no run yet".to_owned(),
    };
    Ok((Some(index), format!("{} delivered, {last}", counted(delivered))))
}

/// Whether the clock can be right, as far as the latest run tells.
fn clock(now: Timestamp, latest: Option<Timestamp>) -> Finding {
    const DAY: i64 = 24 * 3600;
    const SET_IT: &str = "look at the date, and set the clock of this machine where it is wrong";
    let shown = minute(now);
    let since = latest.map_or(0, |latest| now.0.saturating_sub(latest.0));
    let credited = i64::try_from(limits::AGE_PER_GAP.as_secs()).unwrap_or(i64::MAX);
    if now < limits::EARLIEST_NOW {
        let what = format!("{shown} cannot be right: this version of fetchonce is younger");
        Finding::warning(Area::Clock, what, SET_IT)
    } else if since < 0 {
        let latest = minute(latest.unwrap_or_default());
        let what = format!("{shown}, and a run was made later than that, at {latest}");
        Finding::warning(Area::Clock, what, SET_IT)
    } else if since > credited {
        let (days, most) = (since / DAY, credited / DAY);
        let what = format!("{shown}, {days} days after the last run: only {most} of them count for `keep`");
        Finding::warning(Area::Clock, what, format!("{SET_IT}; if it is right, nothing is to be done"))
    } else {
        Finding::ok(Area::Clock, shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;
    const NOW: Timestamp = Timestamp(limits::EARLIEST_NOW.0 + 1000 * DAY);

    #[test]
    fn a_clock_that_cannot_be_right_is_told() {
        let at = |now: i64, latest: Option<i64>| {
            let finding = clock(Timestamp(now), latest.map(Timestamp));
            assert_eq!((finding.exit, finding.hint.is_some()), (Exit::Fine, finding.verdict == Verdict::Warning));
            (finding.verdict, finding.what)
        };
        let ok = (Verdict::Ok, minute(NOW));
        assert_eq!(at(NOW.0, None), ok);
        assert_eq!(at(NOW.0, Some(NOW.0)), ok);
        assert_eq!(at(NOW.0, Some(NOW.0 - 45 * DAY)), ok);

        let (verdict, what) = at(0, None);
        assert!(verdict == Verdict::Warning && what.starts_with("19") && what.contains("cannot be right"), "{what}");
        let (verdict, what) = at(NOW.0, Some(NOW.0 + 1));
        assert!(verdict == Verdict::Warning && what.contains("a run was made later"), "{what}");
        let (verdict, what) = at(NOW.0, Some(NOW.0 - 46 * DAY));
        assert!(
            verdict == Verdict::Warning
                && what.ends_with(", 46 days after the last run: only 45 of them count for `keep`"),
            "{what}"
        );
        assert_eq!(at(i64::MAX, Some(i64::MIN)).0, Verdict::Warning);
        assert_eq!(at(NOW.0, Some(i64::MAX)).0, Verdict::Warning);
    }
}
