//! The Maildirs of a run: the configured one, the held one, and the ones that interrupted deliveries name.

use std::collections::HashMap;
use std::path::Path;

use super::FetchError;
use crate::deliver::TargetError;
use crate::deliver::maildir::{Known, Maildir, create_dirs};
use crate::host::Host;
use crate::index::{Index, Target, TargetKind};

/// The Maildirs of a run, by their number in the index.
pub(super) struct Targets<'h> {
    open: HashMap<i64, Opened<'h>>,
    /// The configured Maildir.
    pub(super) main: i64,
    held_path: &'h Path,
    host: &'h dyn Host,
}

struct Opened<'h> {
    maildir: Maildir<'h>,
    target: Target,
    /// Whether the generation was counted up in this run.
    counted: bool,
}

impl<'h> Targets<'h> {
    /// Opens the configured Maildir, or makes it when this index never delivered there.
    ///
    /// One that the index knows by another path, because it moved or is spelled in another way, is recognised by its marker.
    pub(super) fn open(
        host: &'h dyn Host,
        index: &mut Index<'_>,
        maildir: &Path,
        held_path: &'h Path,
    ) -> Result<Self, FetchError> {
        let mut targets = Self { open: HashMap::new(), main: 0, held_path, host };
        targets.main = targets.open_path(index, maildir, TargetKind::Maildir)?;
        Ok(targets)
    }

    /// The Maildir with this number, which must be the one that was recorded.
    pub(super) fn get(&mut self, index: &Index<'_>, id: i64) -> Result<&Maildir<'h>, FetchError> {
        if !self.open.contains_key(&id) {
            let target = index.target(id)?;
            let maildir = open_known(self.host, index, &target)?;
            self.open.insert(id, Opened { maildir, target, counted: false });
        }
        self.opened(id)
    }

    /// The held Maildir, made if there is none yet.
    pub(super) fn held(&mut self, index: &mut Index<'_>) -> Result<i64, FetchError> {
        let path = self.held_path;
        if let Some(parent) = path.parent() {
            create_dirs(self.host, parent)?;
        }
        self.open_path(index, path, TargetKind::Held)
    }

    /// Takes note of a held Maildir that moved along with the folder of its index.
    pub(super) fn find_held(&mut self, index: &mut Index<'_>) -> Result<(), FetchError> {
        let exists = self.host.stat(self.held_path).is_ok_and(|stat| stat.is_some());
        if exists && index.target_at(self.held_path)?.is_none() {
            self.open_path(index, self.held_path, TargetKind::Held)?;
        }
        Ok(())
    }

    /// Counts this run in the target's marker, once, before its first INTENT there: the index first.
    pub(super) fn count_run(&mut self, index: &mut Index<'_>, id: i64) -> Result<(), FetchError> {
        self.get(index, id)?;
        let Some(opened) = self.open.get_mut(&id) else { return Ok(()) };
        if opened.counted {
            return Ok(());
        }
        // A crash between the two left the marker one behind, or not durable: it must never be two behind.
        opened.maildir.settle_generation(opened.target.generation)?;
        let next = opened.target.generation + 1;
        index.set_generation(id, next)?;
        opened.maildir.set_generation(next)?;
        opened.target.generation = next;
        opened.counted = true;
        Ok(())
    }

    fn open_path(&mut self, index: &mut Index<'_>, path: &Path, kind: TargetKind) -> Result<i64, FetchError> {
        let (maildir, target) = if let Some(target) = index.target_at(path)? {
            (open_known(self.host, index, &target)?, target)
        } else {
            let (maildir, marker) = Maildir::create(self.host, path, index.id())?;
            let target = match index.target_with_marker(&marker)? {
                Some(target) => {
                    index.move_target(target.id, path)?;
                    self.open.remove(&target.id);
                    Target { path: path.to_owned(), ..target }
                }
                None => index.add_target(kind, path, &marker, maildir.generation()?)?,
            };
            (maildir, target)
        };
        let id = target.id;
        self.open.entry(id).or_insert(Opened { maildir, target, counted: false });
        Ok(id)
    }

    fn opened(&self, id: i64) -> Result<&Maildir<'h>, FetchError> {
        let missing = || FetchError::Target(TargetError::Missing(self.held_path.to_owned()));
        self.open.get(&id).map(|opened| &opened.maildir).ok_or_else(missing)
    }
}

pub(super) fn open_known<'h>(
    host: &'h dyn Host,
    index: &Index<'_>,
    target: &Target,
) -> Result<Maildir<'h>, FetchError> {
    let known = Known { marker: &target.marker, generation: target.generation };
    Ok(Maildir::open(host, &target.path, index.id(), known)?)
}
