//! The targets of a run: the configured ones, the spool, the quarantine, and the ones that interrupted deliveries name.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use super::{Destination, FetchError, Job};
use crate::deliver::TargetError;
use crate::deliver::eml::Eml;
use crate::deliver::files::{FileStore, Files};
use crate::deliver::folders::create_dirs;
use crate::deliver::maildir::Maildir;
use crate::deliver::marker::{Known, MarkedFolder};
use crate::deliver::mbox::Mbox;
use crate::deliver::mta::{Mta, Protocol};
use crate::deliver::parcel::{Deliver, Source};
use crate::deliver::pipe::Pipe;
use crate::deliver::stdout::Stdout;
use crate::deliver::trace::Trace;
use crate::header::Header;
use crate::host::Host;
use crate::index::{HELD, HeldParcel, Index, QUARANTINE, Target as Recorded};
use crate::model::{FileStyle, FolderTarget, InDoubt, MboxTarget, MtaTarget, Target, limits, shown_path};
use crate::report::Exit;
use crate::route::{Delivery, Route};

const EML: &str = "eml";
const MBOX: &str = "mbox";

/// The targets of a run, by their number in the index.
pub(super) struct Targets<'h> {
    host: &'h dyn Host,
    job: &'h Job,
    destination: &'h Destination,
    /// On [`Host::elapsed`].
    deadline: Duration,
    open: HashMap<i64, Opened<'h>>,
    /// In the order of the configuration.
    configured: Vec<i64>,
    /// What the configuration says of them, and of the recipients that messages are routed to.
    specs: HashMap<i64, Target>,
}

struct Opened<'h> {
    recorded: Recorded,
    deliver: Box<dyn Deliver + 'h>,
    /// What [`Opened::deliver`] delivers into, where that is a Maildir,
    maildir: Option<Maildir<'h>>,
    /// or any folder with a marker.
    folder: Option<MarkedFolder<'h>>,
    /// Whether the generation was counted up in this run.
    counted: bool,
    /// Why it is offered nothing more in this run.
    stopped: Option<(String, Exit)>,
}

impl<'h> Targets<'h> {
    /// Opens the configured targets, or makes those to which this index never delivered.
    pub(super) fn open(
        host: &'h dyn Host,
        index: &mut Index<'_>,
        job: &'h Job,
        destination: &'h Destination,
        deadline: Duration,
    ) -> Result<Self, FetchError> {
        let (open, configured, specs) = (HashMap::new(), Vec::new(), HashMap::new());
        let mut targets = Self { host, job, destination, deadline, open, configured, specs };
        for target in &destination.targets {
            let id = targets.open_configured(index, target)?;
            targets.configured.push(id);
        }
        Ok(targets)
    }

    fn open_configured(&mut self, index: &mut Index<'_>, target: &Target) -> Result<i64, FetchError> {
        let id = match target {
            Target::Maildir(folder) | Target::Eml(folder) => self.open_folder(index, folder, target.kind())?,
            _ => self.open_other(index, target)?,
        };
        self.specs.insert(id, target.clone());
        Ok(id)
    }

    /// A target without a marker: its kind and its key are all that the index knows it by.
    fn open_other(&mut self, index: &mut Index<'_>, target: &Target) -> Result<i64, FetchError> {
        let (kind, key) = (target.kind(), target.key());
        let recorded = match index.target_at(kind, &key)? {
            Some(recorded) => recorded,
            None => index.add_target(kind, &key, "", 0)?,
        };
        let id = recorded.id;
        if self.open.contains_key(&id) {
            return Ok(id);
        }
        let deliver = self.deliverer(target)?;
        let opened = Opened { recorded, deliver, maildir: None, folder: None, counted: false, stopped: None };
        self.open.insert(id, opened);
        Ok(id)
    }

    fn deliverer(&self, target: &Target) -> Result<Box<dyn Deliver + 'h>, FetchError> {
        let mta = |protocol, spec: &MtaTarget| Box::new(Mta::new(self.host, protocol, spec.clone(), self.deadline));
        Ok(match target {
            Target::Lmtp(spec) => mta(Protocol::Lmtp, spec),
            Target::Smtp(spec) => mta(Protocol::Smtp, spec),
            Target::Mbox(spec) => Box::new(Mbox::new(self.host, spec.clone(), limits::MBOX_LOCK)),
            Target::Pipe(spec) => {
                let scratch = self.destination.held.join("tmp");
                let secrets = &self.destination.secret_variables;
                Box::new(Pipe::new(self.host, spec, &self.job.identity.name, secrets, &scratch))
            }
            Target::Stdout(dialect) => Box::new(Stdout::new(self.host, *dialect)),
            _ => return Err(TargetError::NotMaildir(target.key()).into()),
        })
    }

    /// The targets that a parcel is for, in the order of the configuration.
    ///
    /// There is none for what a rule skips although it was fetched: its header was not shown before, or the rule is newer.
    /// It waits, and is neither delivered nor deleted while there is such a rule.
    pub(super) fn wanted(&mut self, index: &mut Index<'_>, parcel: &HeldParcel) -> Result<Vec<i64>, FetchError> {
        let routes = &self.job.routes;
        if routes.is_empty() {
            return Ok(self.configured.clone());
        }
        let spool = self.get(index, parcel.spool)?.clone();
        let header = self.header(parcel, &spool)?;
        let size = parcel.listed_size.unwrap_or(parcel.content.octets);
        let deliveries = match routes.decide(&header, Some(size)).route {
            Route::Deliver(deliveries) => deliveries,
            Route::Skip => Vec::new(),
        };
        let mut wanted = Vec::new();
        for Delivery { target, recipient } in deliveries {
            let Some(target) = self.destination.targets.get(target) else { continue };
            wanted.push(match recipient {
                Some(address) => self.open_configured(index, &target.clone().for_recipient(&address))?,
                None => self.open_configured(index, target)?,
            });
        }
        Ok(wanted)
    }

    /// The numbers of the Maildirs that are open.
    pub(super) fn maildirs(&self) -> Vec<i64> {
        self.open.iter().filter(|(_, opened)| opened.maildir.is_some()).map(|(id, _)| *id).collect()
    }

    /// The only target, where messages go to straight from the session.
    pub(super) fn direct(&self) -> Option<i64> {
        let is_plain = self.destination.trace_headers.is_empty() && self.job.routes.is_empty();
        match self.destination.targets[..] {
            [Target::Maildir(_)] if is_plain => self.configured.first().copied(),
            _ => None,
        }
    }

    /// Nothing more is offered to a target in this run.
    pub(super) fn stop(&mut self, id: i64, cause: &str, exit: Exit) {
        if let Some(opened) = self.open.get_mut(&id) {
            opened.stopped = Some((cause.to_owned(), exit));
        }
    }

    /// Why nothing more is offered to a target in this run.
    pub(super) fn why_stopped(&self, id: i64) -> Option<(String, Exit)> {
        self.open.get(&id)?.stopped.clone()
    }

    /// Whether all take nothing more in this run: then nothing more is fetched either.
    pub(super) fn are_all_stopped(&self) -> bool {
        self.configured.iter().all(|id| self.open.get(id).is_some_and(|opened| opened.stopped.is_some()))
    }

    /// The quarantine, where it was used in this run.
    pub(super) fn quarantine_id(&self) -> Option<i64> {
        self.open.values().map(|opened| &opened.recorded).find(|known| known.kind == QUARANTINE).map(|known| known.id)
    }

    /// The Maildir that messages of the session are written into: the only target, or the spool.
    pub(super) fn inbox(&mut self, index: &mut Index<'_>) -> Result<i64, FetchError> {
        self.direct().map_or_else(|| self.held(index), Ok)
    }

    /// The lines that a delivery to a target puts before a message.
    pub(super) fn prefix(&self, id: i64, parcel: &HeldParcel, source: &dyn Source) -> Result<Vec<u8>, TargetError> {
        let Some(target) = self.specs.get(&id) else { return Ok(Vec::new()) };
        let header = self.header(parcel, source)?;
        let trace = Trace {
            fields: &self.destination.trace_headers,
            server: &self.job.identity.server,
            user: &self.job.identity.user,
            host_name: &self.host.name(),
        };
        Ok(trace.lines(target, &parcel.parcel, &header, parcel.fetched_at))
    }

    fn header(&self, parcel: &HeldParcel, source: &dyn Source) -> Result<Header, TargetError> {
        let Some(mut message) = source.open(&parcel.parcel)? else {
            return Err(TargetError::Unspooled(parcel.parcel.clone()));
        };
        Header::read(&mut *message).map_err(TargetError::io("read a held message from", &self.destination.held))
    }

    /// Whether what was delivered to a target can be told: nothing tells it of a program or a server that is not
    /// configured any more.
    pub(super) fn is_known(&self, index: &Index<'_>, id: i64) -> Result<bool, FetchError> {
        let is_handed_over = |kind: &str| matches!(kind, "stdout" | "pipe" | "lmtp" | "smtp");
        Ok(self.open.contains_key(&id) || !is_handed_over(&index.target(id)?.kind))
    }

    /// What is to become of deliveries to a target of which only the other side knows.
    pub(super) fn in_doubt(&self, id: i64) -> InDoubt {
        match self.specs.get(&id) {
            Some(Target::Pipe(pipe)) => pipe.in_doubt,
            Some(Target::Lmtp(mta) | Target::Smtp(mta)) => mta.in_doubt,
            _ => InDoubt::Redeliver,
        }
    }

    /// What a target is called in words to the user.
    pub(super) fn name(&self, index: &Index<'_>, id: i64) -> Result<String, FetchError> {
        match self.specs.get(&id) {
            Some(configured) => Ok(configured.to_string()),
            None => Ok(recorded_name(&index.target(id)?)),
        }
    }

    /// The Maildir with this number, which must be the one that was recorded.
    pub(super) fn get(&mut self, index: &Index<'_>, id: i64) -> Result<&Maildir<'h>, FetchError> {
        let held = &self.destination.held;
        self.opened(index, id)?.maildir.as_ref().ok_or_else(|| TargetError::NotMaildir(held.clone()).into())
    }

    /// What delivers parcels to the target with this number.
    pub(super) fn deliver(&mut self, index: &Index<'_>, id: i64) -> Result<&mut (dyn Deliver + 'h), FetchError> {
        Ok(&mut *self.opened(index, id)?.deliver)
    }

    /// The spool, made if there is none yet.
    pub(super) fn held(&mut self, index: &mut Index<'_>) -> Result<i64, FetchError> {
        let path = &self.destination.held;
        self.own_maildir(index, path, HELD)
    }

    /// The Maildir for what a target will never take, made if there is none yet.
    pub(super) fn quarantine(&mut self, index: &mut Index<'_>) -> Result<i64, FetchError> {
        let path = &self.destination.quarantine;
        self.own_maildir(index, path, QUARANTINE)
    }

    fn own_maildir(&mut self, index: &mut Index<'_>, path: &Path, kind: &str) -> Result<i64, FetchError> {
        let is_it = |opened: &&Opened<'_>| opened.recorded.kind == kind && opened.recorded.path == path;
        if let Some(opened) = self.open.values().find(is_it) {
            return Ok(opened.recorded.id);
        }
        if let Some(parent) = path.parent() {
            create_dirs(self.host, parent, &FileStyle::default())?;
        }
        self.open_folder(index, &FolderTarget::new(path), kind)
    }

    /// Takes note of a spool that moved along with the folder of its index.
    pub(super) fn find_held(&mut self, index: &mut Index<'_>) -> Result<(), FetchError> {
        let path = &self.destination.held;
        let exists = self.host.stat(path).is_ok_and(|stat| stat.is_some());
        if exists && index.target_at(HELD, path)?.is_none() {
            self.open_folder(index, &FolderTarget::new(path), HELD)?;
        }
        Ok(())
    }

    /// Counts this run in the target's marker, once, before its first INTENT there: the index first.
    pub(super) fn count_run(&mut self, index: &mut Index<'_>, id: i64) -> Result<(), FetchError> {
        let opened = self.opened(index, id)?;
        let Some(folder) = opened.folder.as_ref().filter(|_| !opened.counted) else { return Ok(()) };
        // A crash between the two left the marker one behind, or not durable: it must never be two behind.
        folder.settle_generation(opened.recorded.generation)?;
        let next = opened.recorded.generation + 1;
        index.set_generation(id, next)?;
        folder.set_generation(next)?;
        opened.recorded.generation = next;
        opened.counted = true;
        Ok(())
    }

    /// Opens a folder, or makes it when this index never delivered there.
    ///
    /// One that the index knows by another path, because it moved or is spelled in another way, is recognised by its marker.
    fn open_folder(&mut self, index: &mut Index<'_>, target: &FolderTarget, kind: &str) -> Result<i64, FetchError> {
        let path = &target.path;
        let opened = if let Some(recorded) = index.target_at(kind, path)? {
            open_known(self.host, index, target, recorded)?
        } else {
            let (store, marker) = create(self.host, index, target, kind)?;
            let recorded = match index.target_with_marker(kind, &marker)? {
                Some(recorded) => {
                    index.move_target(recorded.id, path)?;
                    self.open.remove(&recorded.id);
                    Recorded { path: path.clone(), ..recorded }
                }
                None => index.add_target(kind, path, &marker, store.folder().generation()?)?,
            };
            store.opened(self.host, recorded)
        };
        let id = opened.recorded.id;
        self.open.entry(id).or_insert(opened);
        Ok(id)
    }

    fn opened(&mut self, index: &Index<'_>, id: i64) -> Result<&mut Opened<'h>, FetchError> {
        if !self.open.contains_key(&id) {
            let recorded = index.target(id)?;
            let opened = if recorded.kind == MBOX {
                // The journal holds the dialect; how it is locked is what programs agree on where nobody says otherwise.
                let deliver = self.deliverer(&Target::Mbox(MboxTarget::new(&recorded.path)))?;
                Opened { recorded, deliver, maildir: None, folder: None, counted: false, stopped: None }
            } else {
                open_known(self.host, index, &FolderTarget::new(&recorded.path), recorded)?
            };
            self.open.insert(id, opened);
        }
        let missing = || FetchError::Target(TargetError::Missing(self.destination.held.clone()));
        self.open.get_mut(&id).ok_or_else(missing)
    }
}

/// A folder of one of the kinds that have a marker.
enum Store<'h> {
    Maildir(Maildir<'h>),
    Eml(Eml<'h>),
}

impl<'h> Store<'h> {
    fn folder(&self) -> &MarkedFolder<'h> {
        match self {
            Self::Maildir(maildir) => maildir.folder(),
            Self::Eml(eml) => eml.folder(),
        }
    }

    fn opened(self, host: &'h dyn Host, recorded: Recorded) -> Opened<'h> {
        let folder = Some(self.folder().clone());
        let (deliver, maildir): (Box<dyn Deliver + 'h>, _) = match self {
            Self::Maildir(maildir) => (Box::new(Files::new(host, maildir.clone())), Some(maildir)),
            Self::Eml(eml) => (Box::new(Files::new(host, eml)), None),
        };
        Opened { recorded, deliver, maildir, folder, counted: false, stopped: None }
    }
}

fn create<'h>(
    host: &'h dyn Host,
    index: &Index<'_>,
    target: &FolderTarget,
    kind: &str,
) -> Result<(Store<'h>, String), FetchError> {
    if kind == EML {
        let (eml, marker) = Eml::create(host, target, index.id())?;
        return Ok((Store::Eml(eml), marker));
    }
    let (maildir, marker) = Maildir::create(host, target, index.id())?;
    Ok((Store::Maildir(maildir), marker))
}

fn open_known<'h>(
    host: &'h dyn Host,
    index: &Index<'_>,
    target: &FolderTarget,
    recorded: Recorded,
) -> Result<Opened<'h>, FetchError> {
    let known = Known { marker: &recorded.marker, generation: recorded.generation };
    let store = if recorded.kind == EML {
        Store::Eml(Eml::open(host, target, index.id(), known)?)
    } else {
        Store::Maildir(Maildir::open(host, target, index.id(), known)?)
    };
    Ok(store.opened(host, recorded))
}

/// The folder of single messages that was recorded, opened for a repair.
pub(super) fn open_store<'h>(
    host: &'h dyn Host,
    index: &Index<'_>,
    recorded: &Recorded,
) -> Result<Box<dyn FileStore + 'h>, FetchError> {
    if recorded.kind == EML {
        let known = Known { marker: &recorded.marker, generation: recorded.generation };
        return Ok(Box::new(Eml::open(host, &FolderTarget::new(&recorded.path), index.id(), known)?));
    }
    Ok(Box::new(open_maildir(host, index, recorded)?))
}

/// The Maildir that was recorded, opened for a repair.
pub(super) fn open_maildir<'h>(
    host: &'h dyn Host,
    index: &Index<'_>,
    recorded: &Recorded,
) -> Result<Maildir<'h>, FetchError> {
    let known = Known { marker: &recorded.marker, generation: recorded.generation };
    Ok(Maildir::open(host, &FolderTarget::new(&recorded.path), index.id(), known)?)
}

/// Of a program without its arguments, as [`Target`] shows it.
fn recorded_name(recorded: &Recorded) -> String {
    let words = recorded.path.as_os_str().as_bytes().split(|octet| *octet == 0);
    let first = words.map(OsStr::from_bytes).next().unwrap_or_default();
    format!("{}:{}", recorded.kind, shown_path(Path::new(first)))
}
