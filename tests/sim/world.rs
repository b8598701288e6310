//! The simulated world: a disk, a server, an index image and a clock, with a snapshot before every step.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use fetchonce::demo::{Connection, Event as ServerEvent, Faults, Maildrop, Message, Order};
use fetchonce::host::{
    ConnectError, End, Finished, Host, NewFile, Output, Program, RunError, SharedError, SharedFile, Stat, Wire,
};
use fetchonce::model::{Locking, Octets, Target, Timestamp};
use fetchonce::policy::Retention;

use crate::disk::{self, Disk};
use crate::lmtp::{self, Mailbox};
use crate::part::Part;
use crate::places::Layer;
use crate::rows::Image;
use crate::shared::SimShared;
use crate::staying::is_kept;

pub(crate) const ROOT: &str = "/home";
pub(crate) const MAILDIR: &str = "/home/Mail";
pub(crate) const OTHER_MAILDIR: &str = "/home/Other";
/// Another spelling of [`MAILDIR`], as a symbolic link makes one.
pub(crate) const ALIAS: &str = "/home/Alias";
pub(crate) const HELD: &str = "/home/held";
pub(crate) const QUARANTINE: &str = "/home/quarantine";
/// The socket of the mail server.
pub(crate) const LMTP: &str = "/run/lmtp";

/// What standard output takes at once.
const OUTPUT_OCTETS: usize = 40;

/// Everything that outlives a crash of the program, and what the checkers count.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct World {
    pub(crate) disk: Disk,
    /// The index as of its last durable commit.
    pub(crate) index: Option<Part<Image>>,
    pub(crate) maildrop: Part<Maildrop>,
    /// What the mail server has.
    pub(crate) mailbox: Part<Mailbox>,
    pub(crate) now: i64,
    /// The number of the run, and of its random values so far: names depend on nothing else.
    entropy: (u32, u32),
    /// Stored contents that a mail reader removed for good.
    pub(crate) removed: Part<Vec<Arc<Vec<u8>>>>,
    /// When the last one was.
    removed_at: Option<i64>,
    /// What the server expunged at this client's wish.
    pub(crate) expunged: Part<Vec<Message>>,
    /// Messages that were expunged while the durable layer did not hold them.
    pub(crate) lost_at_expunge: Part<Vec<Message>>,
    /// Messages that the client asked to delete although a rule kept them.
    pub(crate) wrongly_deleted: Part<Vec<Message>>,
    /// Where mail is delivered to in this history.
    pub(crate) targets: Part<Vec<Target>>,
    /// What programs took, durably.
    pub(crate) piped: Part<Vec<Piped>>,
    /// What was written to standard output, by each run that wrote anything: a pipe that is read at once.
    pub(crate) output: Part<Vec<Vec<u8>>>,
}

/// A message that a program took.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Piped {
    pub(crate) program: String,
    /// The delivery token that it came with.
    pub(crate) token: String,
    pub(crate) content: Arc<Vec<u8>>,
}

impl World {
    pub(crate) fn new(maildrop: Maildrop) -> Self {
        Self {
            disk: Disk::with_folder(Path::new(ROOT)),
            index: None,
            maildrop: Part::new(maildrop),
            mailbox: Part::default(),
            now: 1_700_000_000,
            entropy: (0, 0),
            removed: Part::default(),
            removed_at: None,
            expunged: Part::default(),
            lost_at_expunge: Part::default(),
            wrongly_deleted: Part::default(),
            targets: Part::new(vec![Target::maildir(MAILDIR)]),
            piped: Part::default(),
            output: Part::default(),
        }
    }

    /// What a power cut may leave of it. The connection, the server and the index's commits are not touched by it.
    pub(crate) fn after_power_cut(&self) -> Vec<Self> {
        let outcome = |disk| Self { disk, ..self.clone() };
        self.disk.after_power_cut().into_iter().map(outcome).collect()
    }

    /// The messages that readers of the first target see or have removed.
    pub(crate) fn delivered(&self) -> Vec<Arc<Vec<u8>>> {
        self.in_target(&self.targets[0], Layer::Volatile)
    }

    /// A mail reader acts on what it sees in `new/`.
    pub(crate) fn read_mail(&mut self, reader: Reader) {
        let new = Path::new(MAILDIR).join("new");
        for path in self.disk.files(&new) {
            let (inode, content, _) = self.disk.look(&path).expect("the file was just listed");
            match reader {
                Reader::Away => return,
                Reader::Moves => {
                    let mut name = path.file_name().expect("a file has a name").to_owned();
                    name.push(":2,S");
                    let to = Path::new(MAILDIR).join("cur").join(name);
                    self.disk.rename(&path, &to, false).expect("names are unique");
                }
                Reader::Removes => {
                    self.disk.unlink(&path).expect("the file was just listed");
                    self.disk.settle_inode(inode);
                    self.removed.push(content);
                    self.removed_at = Some(self.now);
                }
            }
        }
    }

    /// A message that a rule keeps for sure is never deleted; what its age says is not asked here.
    ///
    /// Where removals are followed, one that was removed so many seconds ago may go.
    fn check_dele(&mut self, retention: &Retention, removals_after: Option<i64>, message: &Message) {
        let delivered: Vec<_> = self.targets.iter().map(|target| self.in_target(target, Layer::Durable)).collect();
        let is_delivered = |other: &Message| {
            let stored = stored_form(&other.wire);
            delivered.iter().all(|contents| contents.iter().any(|content| **content == stored))
        };
        let Some(at) = self.maildrop.messages.iter().position(|stored| stored == message) else { return };
        let is_removed = self.removed_at.zip(removals_after).is_some_and(|(at, after)| self.now >= at + after)
            && self.removed.iter().any(|content| **content == stored_form(&message.wire));
        if !is_removed && is_kept(retention, &self.maildrop, at, is_delivered) {
            self.wrongly_deleted.push(message.clone());
        }
    }

    fn check_expunge(&mut self, message: Message) {
        let stored = stored_form(&message.wire);
        self.expunged.push(message.clone());
        let count = |all: &[Arc<Vec<u8>>]| all.iter().filter(|content| ***content == stored).count();
        let expunged = self.expunged.iter().filter(|other| stored_form(&other.wire) == stored).count();
        // A held message is durable too, and a server may expunge whatever was RETRed.
        let held = self.disk.durable_contents(&Path::new(HELD).join("new"));
        let is_safe = |target| count(&self.in_target(target, Layer::Durable)) + count(&held) >= expunged;
        if !self.targets.iter().all(is_safe) {
            self.lost_at_expunge.push(message);
        }
    }
}

/// What a mail reader does with new mail.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Reader {
    Away,
    Moves,
    Removes,
}

/// What a message must hold once it is stored: written apart from the program's own conversion.
pub(crate) fn stored_form(wire: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(wire.len());
    for (at, octet) in wire.iter().enumerate() {
        if !(*octet == b'\r' && wire.get(at + 1) == Some(&b'\n')) {
            stored.push(*octet);
        }
    }
    stored
}

/// A precaution of the host or the disk that is left out, to show that the loss or the duplicate is noticed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum LeftOut {
    FileSync,
    TmpSync,
    NewAndCurSync,
    NewAndCurSyncInRecovery,
    IntentCommit,
    AtomicRename,
    ContentMatch,
}

/// The machine that a run sees: it acts on a world and takes a snapshot before each step.
pub(crate) struct SimHost {
    shared: Arc<Mutex<Shared>>,
}

pub(crate) struct Shared {
    pub(crate) world: World,
    pub(crate) snapshots: Vec<World>,
    take_snapshots: bool,
    pub(crate) left_out: Option<LeftOut>,
    connections: Vec<Faults>,
    connected: usize,
    lmtp: Vec<lmtp::Faults>,
    lmtp_connected: usize,
    commits: usize,
    elapsed: Duration,
    pub(crate) log: Vec<ServerEvent>,
    /// A mail reader that acts at this step of the run.
    reader: Option<(usize, Reader)>,
    steps: usize,
    failure: Option<Failure>,
    /// The number of connections when the failure happened.
    pub(crate) failed_at: Option<usize>,
    /// Headers that TOP claims in the place of the real ones: a unique-id trusted without a content match.
    claimed: BTreeMap<Vec<u8>, Arc<[u8]>>,
    breaks: Vec<Break>,
    answers: VecDeque<Answer>,
    retention: Retention,
    removals_after: Option<i64>,
    /// Whether this run has written to standard output.
    output_begun: bool,
    /// Whether a message broke off there.
    output_given_up: bool,
}

/// A disk or a target that fails.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Failure {
    /// The disk operation at this step fails with an I/O error, if there is one.
    Disk(usize),
    /// From this step on the Maildir takes no new files.
    Refusal(usize),
    /// The Maildir takes no new files at all, and the disk operation at this step fails.
    RefusalAndDisk(usize),
}

/// What a program does with a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Answer {
    /// It takes it, and ends with 0.
    Takes,
    /// It does not, and ends with `EX_TEMPFAIL`.
    Refuses,
    /// It takes it, and gives no answer until it is killed.
    TakesAndHangs,
}

/// A command that costs the connection its reply whenever it is about this message, given as the server sends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Break {
    pub(crate) verb: Verb,
    /// `None` for every message.
    pub(crate) wire: Option<Arc<[u8]>>,
}

/// A command about one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verb {
    Top,
    Retr,
    Dele,
}

impl Break {
    fn hits(&self, event: &ServerEvent) -> bool {
        let (verb, message) = match event {
            ServerEvent::Top(message) => (Verb::Top, message),
            ServerEvent::Retr(message) => (Verb::Retr, message),
            ServerEvent::Dele(message) => (Verb::Dele, message),
            _ => return false,
        };
        verb == self.verb && self.wire.as_ref().is_none_or(|wire| *wire == message.wire)
    }
}

/// How one run is simulated.
#[derive(Clone, Default)]
pub(crate) struct Setting {
    /// The faults of the run's connections, in order; later ones behave.
    pub(crate) connections: Vec<Faults>,
    /// The same of those to the mail server.
    pub(crate) lmtp: Vec<lmtp::Faults>,
    pub(crate) left_out: Option<LeftOut>,
    pub(crate) take_snapshots: bool,
    pub(crate) reader: Option<(usize, Reader)>,
    pub(crate) failure: Option<Failure>,
    pub(crate) claimed: BTreeMap<Vec<u8>, Arc<[u8]>>,
    pub(crate) breaks: Vec<Break>,
    /// What the program does with each message that it gets in the run; later ones it takes.
    pub(crate) answers: Vec<Answer>,
    /// What the checkers hold the deletions to.
    pub(crate) retention: Retention,
    pub(crate) removals_after: Option<i64>,
}

impl SimHost {
    pub(crate) fn new(mut world: World, run: usize, setting: Setting) -> Self {
        world.entropy = (crate::explore::count(run) + 1, 0);
        let shared = Shared {
            world,
            snapshots: Vec::new(),
            take_snapshots: setting.take_snapshots,
            left_out: setting.left_out,
            connections: setting.connections,
            connected: 0,
            lmtp: setting.lmtp,
            lmtp_connected: 0,
            commits: 0,
            elapsed: Duration::ZERO,
            log: Vec::new(),
            reader: setting.reader,
            steps: 0,
            failure: setting.failure,
            failed_at: None,
            claimed: setting.claimed,
            breaks: setting.breaks,
            answers: setting.answers.into(),
            retention: setting.retention,
            removals_after: setting.removals_after,
            output_begun: false,
            output_given_up: false,
        };
        Self { shared: Arc::new(Mutex::new(shared)) }
    }

    pub(crate) fn finish(self) -> Shared {
        let shared = Arc::into_inner(self.shared).expect("the run has closed its files and connections");
        shared.into_inner().expect("no step panicked")
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no step panicked")
    }

    fn step(&self) -> MutexGuard<'_, Shared> {
        let mut shared = self.lock();
        shared.step();
        shared
    }

    /// A step that touches the disk, and may fail.
    fn disk_step(&self) -> io::Result<MutexGuard<'_, Shared>> {
        let mut shared = self.lock();
        shared.disk_step()?;
        Ok(shared)
    }
}

impl Shared {
    pub(crate) fn disk_step(&mut self) -> io::Result<()> {
        let at = self.steps;
        self.step();
        if matches!(self.failure, Some(Failure::Disk(step) | Failure::RefusalAndDisk(step)) if step == at) {
            self.failed_at = Some(self.connected);
            // EIO.
            return Err(io::Error::from_raw_os_error(5));
        }
        Ok(())
    }

    pub(crate) fn refuses(&self, path: &Path) -> bool {
        let refused_from = match self.failure {
            Some(Failure::Refusal(step)) => step,
            Some(Failure::RefusalAndDisk(_)) => 0,
            _ => return false,
        };
        self.steps > refused_from && path.starts_with(MAILDIR)
    }

    fn step(&mut self) {
        if self.take_snapshots {
            self.snapshots.push(self.world.clone());
        }
        if let Some((at, reader)) = self.reader
            && at == self.steps
        {
            self.world.read_mail(reader);
        }
        self.steps += 1;
    }

    fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        let is_new_or_cur = path.ends_with("new") || path.ends_with("cur");
        let skipped = match self.left_out {
            Some(LeftOut::TmpSync) => path.ends_with("tmp"),
            Some(LeftOut::NewAndCurSync) => is_new_or_cur,
            Some(LeftOut::NewAndCurSyncInRecovery) => is_new_or_cur && self.connected == 0,
            _ => false,
        };
        if skipped { Ok(()) } else { self.world.disk.sync_dir(path) }
    }
}

/// The path that a spelling means.
fn real(path: &Path) -> PathBuf {
    path.strip_prefix(ALIAS).map_or_else(|_| path.to_owned(), |below| disk::join(Path::new(MAILDIR), below))
}

impl Host for SimHost {
    fn now(&self) -> Timestamp {
        Timestamp(self.lock().world.now)
    }

    fn elapsed(&self) -> Duration {
        self.lock().elapsed
    }

    fn interrupted(&self) -> bool {
        false
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        let mut shared = self.lock();
        shared.world.entropy.1 += 1;
        let (run, value) = shared.world.entropy;
        let seed = ((u64::from(run) << 32) | u64::from(value)).to_be_bytes();
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = seed[at % seed.len()];
        }
    }

    fn connect(&self, _host: &str, _port: u16, _timeout: Duration) -> Result<Box<dyn Wire>, ConnectError> {
        let mut shared = self.step();
        let faults = shared.connections.get(shared.connected).cloned().unwrap_or_default();
        shared.connected += 1;
        let is_in_order = faults.order == Order::AsStored;
        let connection = Connection::new(faults, None);
        Ok(Box::new(SimWire {
            shared: Arc::clone(&self.shared),
            connection,
            logged: 0,
            output: Vec::new(),
            line: Vec::new(),
            broken: false,
            is_in_order,
        }))
    }

    fn connect_local(&self, path: &Path, _timeout: Duration) -> io::Result<Box<dyn Wire>> {
        if path != Path::new(LMTP) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut shared = self.step();
        let faults = shared.lmtp.get(shared.lmtp_connected).cloned().unwrap_or_default();
        shared.lmtp_connected += 1;
        let (shared, connection) = (Arc::clone(&self.shared), lmtp::Connection::new(faults));
        Ok(Box::new(LmtpWire { shared, connection, output: Vec::new() }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk_step()?.world.disk.create(&real(path), true).map(drop)
    }

    fn set_dir_access(&self, _path: &Path, _mode: u32, _group: Option<&str>) -> io::Result<()> {
        Ok(())
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        let mut shared = self.disk_step()?;
        let path = real(path);
        if shared.refuses(&path) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let inode = shared.world.disk.create(&path, false)?;
        Ok(Box::new(SimFile { shared: Arc::clone(&self.shared), inode }))
    }

    fn sync_files(&self, files: &mut [Box<dyn NewFile>]) -> io::Result<()> {
        files.iter_mut().try_for_each(|file| file.sync())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let path = real(path);
        match self.disk_step() {
            Ok(mut shared) => shared.sync_dir(&path),
            Err(error) => {
                self.lock().world.disk.fail_dir(&path);
                Err(error)
            }
        }
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (&real(from), &real(to));
        let mut shared = self.disk_step()?;
        if shared.left_out == Some(LeftOut::AtomicRename) {
            shared.world.disk.link(from, to)?;
            shared.step();
            return shared.world.disk.unlink(from);
        }
        shared.world.disk.rename(from, to, false)
    }

    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk_step()?.world.disk.rename(&real(from), &real(to), true)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.disk_step()?.world.disk.unlink(&real(path))
    }

    fn list_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let names = self.lock().world.disk.list(&real(path))?;
        Ok(names.iter().filter_map(|name| name.file_name().map(OsString::from)).collect())
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Stat>> {
        let found = self.lock().world.disk.look(&real(path));
        Ok(found.map(|(inode, data, is_dir)| Stat { inode, octets: Octets(data.len() as u64), is_dir }))
    }

    fn may_write(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        let (_, data, _) = self.lock().world.disk.look(&real(path)).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(io::Cursor::new(data.to_vec())))
    }

    fn open_shared(
        &self,
        path: &Path,
        _locking: Locking,
        _wait: Duration,
        create: bool,
    ) -> Result<Box<dyn SharedFile>, SharedError> {
        let file = SimShared::open(&self.shared, &real(path), create);
        let failed = |source| SharedError::Io { doing: "open", path: path.to_owned(), source };
        Ok(Box::new(file.map_err(failed)?))
    }

    fn read_file(&self, _path: &Path, _most: Octets) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn name(&self) -> String {
        "sim".into()
    }

    fn free_space(&self, _path: &Path) -> io::Result<Octets> {
        Ok(Octets(1 << 40))
    }

    fn output(&self) -> Box<dyn Output + '_> {
        Box::new(SimOutput { shared: Arc::clone(&self.shared) })
    }

    fn find_program(&self, name: &str) -> io::Result<PathBuf> {
        Ok(name.into())
    }

    /// The program takes a message durably, or not at all.
    fn run(&self, program: &Program<'_>, input: Option<&mut dyn Read>) -> Result<Finished, RunError> {
        let mut content = Vec::new();
        if let Some(input) = input {
            input.read_to_end(&mut content).map_err(RunError::Input)?;
        }
        let answer = self.step().answers.pop_front().unwrap_or(Answer::Takes);
        if answer != Answer::Refuses {
            let token = program.variables.iter().find(|(name, _)| *name == "FETCHONCE_TOKEN");
            let token = token.map(|(_, token)| token.clone()).unwrap_or_default();
            let piped = Piped { program: program.argv[0].clone(), token, content: Arc::new(content) };
            self.lock().world.piped.push(piped);
        }
        drop(self.step());
        let end = match answer {
            Answer::Takes => End::Code(0),
            Answer::Refuses => End::Code(75),
            Answer::TakesAndHangs => End::TimedOut(None),
        };
        Ok(Finished { end, printed: Vec::new() })
    }

    fn committed(&self, image: &mut dyn FnMut() -> Vec<u8>) {
        let mut shared = self.step();
        shared.commits += 1;
        let image = Image::of(image());
        let is_intent = shared.left_out == Some(LeftOut::IntentCommit) && image.rows().has_intent();
        if !is_intent {
            shared.world.index = Some(image);
        }
    }
}

struct SimFile {
    shared: Arc<Mutex<Shared>>,
    inode: u64,
}

impl SimFile {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no step panicked")
    }
}

impl Write for SimFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut shared = self.lock();
        shared.disk_step()?;
        shared.world.disk.append(self.inode, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl NewFile for SimFile {
    fn inode(&self) -> io::Result<u64> {
        Ok(self.inode)
    }

    fn set_access(&self, _mode: u32, _group: Option<&str>) -> io::Result<()> {
        Ok(())
    }

    fn set_modified(&self, _time: Timestamp) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut shared = self.lock();
        let stepped = shared.disk_step();
        match stepped {
            Err(_) => shared.world.disk.fail_file(self.inode),
            Ok(()) if shared.left_out == Some(LeftOut::FileSync) => {}
            Ok(()) => shared.world.disk.sync_file(self.inode),
        }
        stepped
    }
}

struct SimOutput {
    shared: Arc<Mutex<Shared>>,
}

impl Output for SimOutput {
    fn path(&self) -> Option<PathBuf> {
        None
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut shared = self.shared.lock().expect("no step panicked");
        assert!(!shared.output_given_up, "something is glued to what broke off");
        shared.disk_step()?;
        // A message takes several writes.
        let count = octets.len().min(OUTPUT_OCTETS);
        if !std::mem::replace(&mut shared.output_begun, true) {
            shared.world.output.push(Vec::new());
        }
        shared.world.output.last_mut().expect("it was begun").extend_from_slice(&octets[..count]);
        Ok(count)
    }

    fn give_up(&mut self) {
        self.shared.lock().expect("no step panicked").output_given_up = true;
    }
}

/// A connection to the pure server.
struct SimWire {
    shared: Arc<Mutex<Shared>>,
    connection: Connection,
    logged: usize,
    output: Vec<u8>,
    /// The command being sent, to claim a header for TOP.
    line: Vec<u8>,
    /// The connection is lost: what waits in `output` is still read.
    broken: bool,
    /// Whether messages are numbered in the order in which they arrived.
    is_in_order: bool,
}

impl std::fmt::Debug for SimWire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SimWire")
    }
}

impl SimWire {
    /// Lets TOP claim another header than the message has, where the setting says so.
    fn claim(&mut self, shared: &Shared) {
        if shared.claimed.is_empty() || !self.line.starts_with(b"TOP ") {
            return;
        }
        let topped = self.connection.log().iter().rev().find_map(|event| match event {
            ServerEvent::Top(message) => Some(message.uid.clone()),
            _ => None,
        });
        if let Some(wire) = topped.and_then(|uid| shared.claimed.get(&uid)) {
            let header = wire.windows(4).position(|w| w == b"\r\n\r\n").map_or(wire.len(), |at| at + 4);
            self.output = [b"+OK\r\n", &wire[..header], b".\r\n"].concat();
        }
    }
}

impl SimWire {
    /// Closes within the reply that waits.
    fn break_off(&mut self) {
        loop {
            let more = self.connection.take_output();
            if more.is_empty() {
                break;
            }
            self.output.extend(more);
        }
        self.output.truncate(self.output.len() / 2);
    }
}

impl Read for SimWire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.output.is_empty() {
            if self.broken {
                return Ok(0);
            }
            let more = self.connection.take_output();
            if more.is_empty() {
                if self.connection.is_closed() {
                    return Ok(0);
                }
                let mut shared = self.shared.lock().expect("no step panicked");
                shared.elapsed += Duration::from_secs(1);
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.output.extend(more);
        }
        let count = buffer.len().min(self.output.len());
        buffer[..count].copy_from_slice(&self.output[..count]);
        self.output.drain(..count);
        Ok(count)
    }
}

impl Write for SimWire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let shared = Arc::clone(&self.shared);
        let mut shared = shared.lock().expect("no step panicked");
        shared.step();
        if self.broken {
            return Ok(bytes.len());
        }
        self.connection.feed(&mut shared.world.maildrop, bytes);
        self.line = bytes.to_vec();
        let events: Vec<ServerEvent> = self.connection.log()[self.logged..].to_vec();
        self.logged += events.len();
        for event in events {
            if let ServerEvent::Expunged(message) = &event {
                shared.world.check_expunge(message.clone());
            }
            if let ServerEvent::Dele(message) = &event
                && self.is_in_order
            {
                let (retention, removals_after) = (shared.retention, shared.removals_after);
                shared.world.check_dele(&retention, removals_after, message);
            }
            self.broken |= shared.breaks.iter().any(|broken| broken.hits(&event));
            shared.log.push(event);
        }
        if self.broken {
            self.break_off();
        }
        if shared.left_out == Some(LeftOut::ContentMatch) {
            self.output.extend(self.connection.take_output());
            self.claim(&shared);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire for SimWire {
    fn set_timeout(&mut self, _timeout: Duration) -> io::Result<()> {
        Ok(())
    }

    fn is_loopback(&self) -> bool {
        true
    }

    fn has_input(&mut self) -> io::Result<bool> {
        self.output.extend(self.connection.take_output());
        Ok(!self.output.is_empty() || self.broken || self.connection.is_closed())
    }
}

/// A connection to the mail server.
struct LmtpWire {
    shared: Arc<Mutex<Shared>>,
    connection: lmtp::Connection,
    output: Vec<u8>,
}

impl std::fmt::Debug for LmtpWire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LmtpWire")
    }
}

impl Read for LmtpWire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.has_input()? {
            self.shared.lock().expect("no step panicked").elapsed += Duration::from_secs(1);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = buffer.len().min(self.output.len());
        buffer[..count].copy_from_slice(&self.output[..count]);
        self.output.drain(..count);
        Ok(count)
    }
}

impl Write for LmtpWire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut shared = self.shared.lock().expect("no step panicked");
        shared.step();
        if self.connection.is_closed() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.connection.feed(&mut shared.world.mailbox, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire for LmtpWire {
    fn set_timeout(&mut self, _timeout: Duration) -> io::Result<()> {
        Ok(())
    }

    fn is_loopback(&self) -> bool {
        true
    }

    fn has_input(&mut self) -> io::Result<bool> {
        self.output.extend(self.connection.take_output());
        Ok(!self.output.is_empty() || self.connection.is_closed())
    }
}
