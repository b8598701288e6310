//! Looks through the Maildir for messages that its user removed.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use super::targets::open_maildir;
use super::{FetchError, Runner};
use crate::deliver::files::FileStore as _;
use crate::deliver::presence::{self, unique_part_of};
use crate::index::{Lying, Target as Recorded};
use crate::model::RowId;
use crate::plan::Removed;
use crate::policy;
use crate::report::{Problem, with_causes};

/// The kind of the only target of which anything can be removed.
const MAILDIR: &str = "maildir";

/// That what the user removes from the Maildir is deleted on the server too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemovedLocally {
    /// The account's only target.
    pub maildir: PathBuf,
    /// Whether the user said that as many may be deleted as were removed.
    pub is_confirmed: bool,
}

impl Runner<'_, '_> {
    /// Finds out which messages were removed, and records what is absent, unless this run changes nothing.
    ///
    /// Where the Maildir is not the one that is known, or cannot be looked through, nothing counts as removed, and what is
    /// recorded stays as it is.
    pub(super) fn look_for_removed(&mut self) -> Result<(), FetchError> {
        let Some(rule) = &self.job.removed_locally else { return Ok(()) };
        let Some(recorded) = self.index.target_at(MAILDIR, &rule.maildir)? else { return Ok(()) };
        let lying = self.index.lying_in(recorded.id)?;
        let absences = match self.absences(&recorded, &lying) {
            Ok(Some(absences)) => absences,
            Ok(None) => return Ok(()),
            Err(error @ FetchError::Target(_)) => {
                self.problem(Problem::NotLookedThrough { cause: with_causes(&error), exit: error.exit() });
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let is_news = !absences.is_empty() || lying.iter().any(|message| message.absent_for.is_some());
        if is_news && self.job.deliver.is_some() {
            self.index.note_absences(self.clock, &absences)?;
        }
        let rows = removed(&absences).collect();
        self.removed = Removed { rows, is_confirmed: rule.is_confirmed };
        Ok(())
    }

    /// For how long each absent message has been so. `None` if mail was moved while it was looked for.
    ///
    /// The Maildir must be the one that is known before and after.
    fn absences(&self, recorded: &Recorded, lying: &[Lying]) -> Result<Option<HashMap<RowId, Duration>>, FetchError> {
        let maildir = open_maildir(self.host, self.index, recorded)?;
        let files = presence::files(self.host, maildir.root())?;
        let names: HashSet<_> = files.iter().map(|file| unique_part_of(file)).collect();
        let gap = self.index.looked_at()?.map_or(Duration::ZERO, |at| policy::age(at, self.clock));
        let absent: Vec<&Lying> = lying.iter().filter(|message| !names.contains(&*message.delivery.0)).collect();
        let mut absences: HashMap<RowId, Duration> =
            absent.iter().map(|message| (message.row, policy::absent_for(message.absent_for, gap))).collect();
        if removed(&absences).next().is_some() {
            let headers = presence::headers(self.host, &files, &maildir.staging().own_mark())?;
            let Some(headers) = headers else { return Ok(None) };
            for message in absent.iter().filter(|message| headers.contains(&message.header)) {
                absences.remove(&message.row);
            }
        }
        open_maildir(self.host, self.index, recorded)?;
        Ok(Some(absences))
    }
}

fn removed(absences: &HashMap<RowId, Duration>) -> impl Iterator<Item = RowId> {
    absences.iter().filter(|(_, absent_for)| policy::is_removed(**absent_for)).map(|(row, _)| *row)
}
