//! Where the mail goes: each target of the account, what an earlier run left there, and free space.

use std::path::PathBuf;

use super::super::accept::{lost, refusal};
use super::super::failure::Failure;
use super::super::hints::{Folder, Place};
use super::local::{Looked, or_to_be_made};
use super::{AFTER_A_FAILURE, Checkup};
use crate::deliver::eml::Eml;
use crate::deliver::maildir::Maildir;
use crate::deliver::marker::Known;
use crate::deliver::mta::{Mta, Protocol};
use crate::deliver::pipe::Pipe;
use crate::deliver::survey::{self, Survey};
use crate::fetch::FetchError;
use crate::host::Host as _;
use crate::index::{Index, IndexError};
use crate::model::{FolderTarget, MtaTarget, Octets, Target, limits, shown_path};
use crate::report::Problem;
use crate::report::finding::{Area, Finding};
use crate::report::human::{counted, single};

impl Checkup<'_> {
    /// Each target and the space for it; they mean nothing while the index does not tell which folders are known.
    pub(super) fn targets(&mut self, looked: &Looked<'_>) {
        let targets = &self.account.deliver;
        let why_not = if targets.is_empty() {
            Some("not looked at: no target was named by --into")
        } else {
            looked.has_failed.then_some(AFTER_A_FAILURE)
        };
        if let Some(why) = why_not {
            self.skip(Area::Target, why);
            return self.skip(Area::Space, why);
        }
        let mut all_good = true;
        for target in targets {
            match self.look_at(target, looked.index.as_ref()) {
                Ok(what) => self.ok(Area::Target, what),
                Err(error) => {
                    all_good = false;
                    self.fail(Area::Target, &self.place.failure(error));
                }
            }
        }
        if !all_good {
            return self.skip(Area::Space, AFTER_A_FAILURE);
        }
        if let Some(index) = &looked.index
            && let Err(failure) = self.waiting(index)
        {
            self.fail(Area::Target, &failure);
        }
        let finding = self.space();
        self.tell(&finding);
    }

    /// Whether mail can be delivered to a target, and which one that is. Nothing is given to it.
    fn look_at(&self, target: &Target, index: Option<&Index<'_>>) -> Result<String, FetchError> {
        let host = &self.world.host;
        match target {
            Target::Maildir(folder) | Target::Eml(folder) => self.look_at_folder(target.kind(), folder, index),
            Target::Mbox(mbox) => {
                let exists = survey::survey_mbox(host, &mbox.path)?;
                Ok(or_to_be_made(&mbox.path, exists))
            }
            Target::Stdout(_) => {
                Ok("standard output of the fetch: a program that reads it, or a file by `>>`".to_owned())
            }
            Target::Pipe(pipe) => {
                let secrets = &self.chosen.secret_variables;
                let scratch = &self.place.files.held;
                let found = Pipe::new(host, pipe, self.account.name.as_str(), secrets, scratch).find()?;
                Ok(format!("the program {}", shown_path(&found)))
            }
            Target::Lmtp(spec) => self.greet(Protocol::Lmtp, spec, target),
            Target::Smtp(spec) => self.greet(Protocol::Smtp, spec, target),
        }
    }

    fn greet(&self, protocol: Protocol, spec: &MtaTarget, target: &Target) -> Result<String, FetchError> {
        let host = &self.world.host;
        let deadline = host.elapsed().saturating_add(self.account.deadline);
        Mta::new(host, protocol, spec.clone(), deadline).greet()?;
        Ok(format!("{target} answers"))
    }

    /// A folder must be the one that the index knows.
    fn look_at_folder(
        &self,
        kind: &str,
        target: &FolderTarget,
        index: Option<&Index<'_>>,
    ) -> Result<String, FetchError> {
        let (host, path) = (&self.world.host, &target.path);
        let is_eml = kind == Folder::EML;
        let recorded = index.map_or(Ok(None), |index| index.target_at(kind, path))?;
        if let (Some(index), Some(recorded)) = (index, recorded) {
            let known = Known { marker: &recorded.marker, generation: recorded.generation };
            if is_eml {
                Eml::open(host, target, index.id(), known)?;
                survey::may_write(host, path)?;
            } else {
                Maildir::open(host, target, index.id(), known)?;
                survey::may_deliver(host, path)?;
            }
            return Ok(shown_path(path));
        }
        let found = if is_eml { survey::survey_eml(host, path)? } else { survey::survey(host, path)? };
        let marker = match found {
            Survey::Nothing => return Ok(or_to_be_made(path, false)),
            Survey::Folder { marker } => marker,
        };
        let moved = index.zip(marker).map_or(Ok(None), |(index, marker)| index.target_with_marker(kind, &marker))?;
        Ok(match moved {
            Some(old) => format!("{} (moved here from {})", shown_path(path), shown_path(&old.path)),
            None => format!("{} (nothing delivered there yet)", shown_path(path)),
        })
    }

    /// What an earlier run left to be done.
    fn waiting(&mut self, index: &Index<'_>) -> Result<(), Failure> {
        let failure = |error: IndexError| self.place.failure(error);
        let interrupted = index.intents().map_err(failure)?.len();
        let totals = index.totals().map_err(failure)?;
        let lost = lost(self.world, index, &self.place)?;
        if let Some(lost) = lost.first() {
            self.fail(Area::Target, &refusal(lost, &self.place));
        } else if interrupted > 0 {
            let what = format!("the delivery of {} was interrupted", counted(interrupted));
            self.tell(&Finding::warning(Area::Target, what, "nothing to do: the next fetch settles it"));
        }
        let count = |messages: u64| usize::try_from(messages).unwrap_or(usize::MAX);
        if totals.held > 0 {
            let held = counted(count(totals.held));
            let what = format!("{held} kept safe in the held Maildir: a target refused, or a route skips");
            self.tell(&Finding::warning(Area::Target, what, "nothing to do: the next fetch delivers what is held"));
        }
        if totals.untrusted > 0 {
            let problem = Problem::Untrusted { messages: count(totals.untrusted) };
            self.tell(&Finding::told(Area::Target, problem.exit(), single(&problem, self.place.naming())));
        }
        Ok(())
    }

    /// Free space where there is least: in the folders that mail goes to, and, unless it goes straight into a Maildir, in
    /// the one where it waits for its targets.
    fn space(&self) -> Finding {
        let targets = &self.account.deliver;
        let mut paths: Vec<PathBuf> = Folder::of(targets).into_iter().map(|folder| folder.path).collect();
        paths.extend(targets.iter().filter_map(|target| match target {
            Target::Mbox(mbox) => Some(mbox.path.clone()),
            _ => None,
        }));
        if !matches!(targets[..], [Target::Maildir(_)]) {
            paths.push(self.place.files.held.clone());
        }
        let free = paths.iter().map(|path| survey::free_space(&self.world.host, path)).collect::<Result<Vec<_>, _>>();
        match free {
            Ok(free) => space(free.into_iter().min().unwrap_or(Octets(u64::MAX)), &self.place),
            Err(error) => super::failed(Area::Space, &self.place.failure(error)),
        }
    }
}

fn space(free: Octets, place: &Place) -> Finding {
    let needed = Octets(limits::FREE_SPACE_FLOOR_OCTETS);
    match free {
        Octets(u64::MAX) => Finding::ok(Area::Space, "not counted by this file system"),
        free if free >= needed => Finding::ok(Area::Space, format!("{free} free")),
        free => super::failed(Area::Space, &place.failure(FetchError::NoSpace { free, needed })),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::super::accounts::Global;
    use super::*;
    use crate::report::Exit;
    use crate::report::finding::Verdict;

    #[test]
    fn a_full_disk_is_told_as_a_fetch_tells_it() {
        let name = "work".parse().unwrap();
        let place = Global::default().place(Path::new("/state"), &name, &[]);
        let of = |free: u64| {
            let finding = space(Octets(free), &place);
            (finding.verdict, finding.exit)
        };
        let floor = limits::FREE_SPACE_FLOOR_OCTETS;
        assert_eq!(of(floor), (Verdict::Ok, Exit::Fine));
        assert_eq!(of(floor - 1), (Verdict::Failed, Exit::Io));
        assert_eq!(of(0), (Verdict::Failed, Exit::Io));
        assert_eq!(space(Octets(u64::MAX), &place).what, "not counted by this file system");
    }
}
