//! Looks through the Maildir for messages that its user removed.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use super::targets::open_maildir;
use super::{FetchError, Runner};
use crate::deliver::presence::unique_parts;
use crate::index::Target as Recorded;
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
        let there = match self.names_in(&recorded) {
            Ok(there) => there,
            Err(error @ FetchError::Target(_)) => {
                self.problem(Problem::NotLookedThrough { cause: with_causes(&error), exit: error.exit() });
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let gap = self.index.looked_at()?.map_or(Duration::ZERO, |at| policy::age(at, self.clock));
        let absent = lying.iter().filter(|message| !there.contains(&message.delivery.0));
        let absences: HashMap<RowId, Duration> =
            absent.map(|message| (message.row, policy::absent_for(message.absent_for, gap))).collect();
        let is_news = !absences.is_empty() || lying.iter().any(|message| message.absent_for.is_some());
        if is_news && self.job.deliver.is_some() {
            self.index.note_absences(self.clock, &absences)?;
        }
        let is_removed = |(_, absent_for): &(&RowId, &Duration)| policy::is_removed(**absent_for);
        let rows = absences.iter().filter(is_removed).map(|(row, _)| *row).collect();
        self.removed = Removed { rows, is_confirmed: rule.is_confirmed };
        Ok(())
    }

    /// The unique parts of all names in the Maildir. It must be the one that is known before and after.
    fn names_in(&self, recorded: &Recorded) -> Result<HashSet<String>, FetchError> {
        let maildir = open_maildir(self.host, self.index, recorded)?;
        let there = unique_parts(self.host, maildir.root())?;
        open_maildir(self.host, self.index, recorded)?;
        Ok(there)
    }
}
