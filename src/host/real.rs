//! The machine itself.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant, SystemTime};

use nix::unistd::Group;
use rustix::fs::{Access, AtFlags, CWD, OFlags, RenameFlags, renameat_with};

pub(super) use steps::Steps;

use super::output::{Output, RealOutput};
use super::program::{self, Finished, Program, RunError};
use super::shared::{self, SharedError};
use super::socket::Socket;
use super::{ConnectError, Host, NewFile, SharedFile, Stat, Wire};
use crate::model::{Locking, Octets, Timestamp, limits, shown_path};

/// Threads that sync the files of one batch side by side: the disk merges their flushes.
const SYNC_THREADS: usize = 8;

/// The machine's own clock, network and file systems.
pub struct RealHost {
    start: Instant,
    /// What the clock shows for ever, where a test wants that.
    pinned: Option<Timestamp>,
    interrupted: Arc<AtomicBool>,
    steps: Arc<Steps>,
    /// Whether a message broke off on standard output.
    output_given_up: AtomicBool,
}

/// Time that people are told, never one that anything waits for: with a pinned clock it stands still.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    /// `None` stands still.
    started: Option<Instant>,
}

impl Stopwatch {
    /// The time since it was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.map(|started| started.elapsed()).unwrap_or_default()
    }
}

impl RealHost {
    /// A host that reports `interrupted` as the user's wish to stop.
    #[must_use]
    pub fn new(interrupted: Arc<AtomicBool>) -> Self {
        let (pinned, steps) = (clock::pinned(), Arc::new(Steps::from_environment()));
        Self { start: Instant::now(), pinned, interrupted, steps, output_given_up: AtomicBool::new(false) }
    }

    /// Starts to count the time that people are told.
    #[must_use]
    pub fn stopwatch(&self) -> Stopwatch {
        Stopwatch { started: self.pinned.is_none().then(Instant::now) }
    }

    /// Asks the resolver, which has no time-out of its own to set, in a thread that is left behind when time is up.
    fn resolve(&self, host: &str, port: u16, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let name = host.to_owned();
        let lookup = move || {
            let found = (name.as_str(), port).to_socket_addrs().map(Iterator::collect);
            // Nobody waits any more when the time is up.
            let _ = sender.send(found);
        };
        std::thread::Builder::new().name("resolver".to_owned()).spawn(lookup)?;
        loop {
            match receiver.recv_timeout(limits::WAKE) {
                Ok(found) => return found,
                Err(mpsc::RecvTimeoutError::Timeout) if self.interrupted() => {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                Err(mpsc::RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
                Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "the resolver does not answer")),
            }
        }
    }
}

impl Host for RealHost {
    fn now(&self) -> Timestamp {
        if let Some(pinned) = self.pinned {
            return pinned;
        }
        let seconds = |d: Duration| i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
        Timestamp(match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => seconds(since),
            Err(before) => -seconds(before.duration()),
        })
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        let mut filled = 0;
        while filled < bytes.len() {
            filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()).unwrap_or(0);
        }
    }

    fn connect(&self, host: &str, port: u16, timeout: Duration) -> Result<Box<dyn Wire>, ConnectError> {
        self.steps.step();
        let deadline = Instant::now() + timeout;
        let unknown = |source: io::Error| match source.kind() {
            // No thread to ask the resolver in: that tells nothing of the name.
            io::ErrorKind::WouldBlock => ConnectError::Refused { host: host.to_owned(), port, source },
            _ => ConnectError::UnknownHost { host: host.to_owned(), source },
        };
        let addresses = self.resolve(host, port, deadline).map_err(unknown)?;
        tracing::debug!(?addresses, "resolved");
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for (tried, address) in addresses.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(addresses.len() - tried).unwrap_or(1);
            if share.is_zero() {
                last = io::ErrorKind::TimedOut.into();
                break;
            }
            match Socket::tcp(address, share) {
                Ok(wire) => return Ok(Box::new(wire)),
                Err(error) => {
                    tracing::debug!(%address, %error, "not connected");
                    last = error;
                }
            }
        }
        Err(ConnectError::Refused { host: host.to_owned(), port, source: last })
    }

    fn connect_local(&self, path: &Path, timeout: Duration) -> io::Result<Box<dyn Wire>> {
        self.steps.step();
        Ok(Box::new(Socket::local(path, timeout, || self.interrupted())?))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.steps.step();
        DirBuilder::new().mode(0o700).create(path)
    }

    fn set_dir_access(&self, path: &Path, mode: u32, group: Option<&str>) -> io::Result<()> {
        self.steps.step();
        let flags = no_follow() | i32::try_from(OFlags::DIRECTORY.bits()).unwrap_or(0);
        set_access(&OpenOptions::new().read(true).custom_flags(flags).open(path)?, mode, group)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        self.steps.step();
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(no_follow()).open(path)?;
        Ok(Box::new(RealFile { file }))
    }

    fn sync_files(&self, files: &mut [Box<dyn NewFile>]) -> io::Result<()> {
        self.steps.step();
        if let [only] = files {
            return only.sync();
        }
        let work = Mutex::new(files.iter_mut());
        std::thread::scope(|scope| {
            let worker = || -> io::Result<()> {
                loop {
                    let next = work.lock().map_err(|_| io::Error::other("a sync thread panicked"))?.next();
                    match next {
                        Some(file) => file.sync()?,
                        None => return Ok(()),
                    }
                }
            };
            // This thread works too, and alone where the system gives no more.
            let more = 1..SYNC_THREADS.min(files_len(&work));
            let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, worker).ok();
            let threads: Vec<_> = more.map_while(spawn).collect();
            let mut result = worker();
            for thread in threads {
                result = result.and(thread.join().unwrap_or_else(|_| Err(io::Error::other("a sync thread panicked"))));
            }
            result
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.steps.step();
        File::open(path)?.sync_all()
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.steps.step();
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => fs::rename(from, to),
            result => Ok(result?),
        }
    }

    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.steps.step();
        fs::rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.steps.step();
        fs::remove_file(path)
    }

    fn list_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(path)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Stat>> {
        match fs::metadata(path) {
            Ok(data) => Ok(Some(Stat { inode: data.ino(), octets: Octets(data.len()), is_dir: data.is_dir() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn may_write(&self, path: &Path) -> io::Result<()> {
        let is_dir = fs::metadata(path)?.is_dir();
        let wanted = if is_dir { Access::WRITE_OK | Access::EXEC_OK } else { Access::WRITE_OK };
        Ok(rustix::fs::accessat(CWD, path, wanted, AtFlags::EACCESS)?)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        let file = OpenOptions::new().read(true).custom_flags(no_follow()).open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other(format!("{} is not a regular file", shown_path(path))));
        }
        Ok(Box::new(file))
    }

    fn open_shared(
        &self,
        path: &Path,
        locking: Locking,
        wait: Duration,
        create: bool,
    ) -> Result<Box<dyn SharedFile>, SharedError> {
        let start = Instant::now();
        loop {
            match shared::try_open(path, locking, create, &self.steps)? {
                Ok(file) => return Ok(Box::new(file)),
                Err(busy) if start.elapsed() >= wait => return Err(busy.into()),
                Err(_) if self.interrupted() => return Err(SharedError::Interrupted),
                Err(_) => std::thread::sleep(limits::WAKE.min(wait.saturating_sub(start.elapsed()))),
            }
        }
    }

    fn read_file(&self, path: &Path, most: Octets) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        File::open(path)?.take(most.0.saturating_add(1)).read_to_end(&mut content)?;
        if content.len() as u64 > most.0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(content)
    }

    fn name(&self) -> String {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    }

    fn free_space(&self, path: &Path) -> io::Result<Octets> {
        let data = rustix::fs::statvfs(path)?;
        // A file system that does not count its blocks says nothing.
        if data.f_blocks == 0 {
            return Ok(Octets(u64::MAX));
        }
        Ok(Octets(data.f_bavail.saturating_mul(data.f_frsize)))
    }

    fn output(&self) -> Box<dyn Output + '_> {
        Box::new(RealOutput::new(&self.interrupted, &self.output_given_up, &self.steps))
    }

    fn find_program(&self, name: &str) -> io::Result<PathBuf> {
        program::find(name, std::env::var_os("PATH"))
    }

    fn run(&self, program: &Program<'_>, input: Option<&mut dyn Read>) -> Result<Finished, RunError> {
        self.steps.step();
        let finished = program::run(program, input, &|| self.interrupted())?;
        tracing::debug!(program = shown_path(program.file), end = ?finished.end, "program ended");
        self.steps.step();
        Ok(finished)
    }

    fn committed(&self, _image: &mut dyn FnMut() -> Vec<u8>) {
        self.steps.step();
    }
}

/// The group first: some systems take permissions back when a file changes hands.
fn set_access(file: &File, mode: u32, group: Option<&str>) -> io::Result<()> {
    if let Some(name) = group {
        let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("there is no group {name:?}"));
        let group = Group::from_name(name)?.ok_or_else(unknown)?;
        std::os::unix::fs::fchown(file, None, Some(group.gid.as_raw()))?;
    }
    file.set_permissions(Permissions::from_mode(mode))
}

fn files_len(work: &Mutex<std::slice::IterMut<'_, Box<dyn NewFile>>>) -> usize {
    work.lock().map_or(0, |files| files.len())
}

pub(super) fn no_follow() -> i32 {
    // A FIFO in place of the file must not block the open either.
    i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or(0)
}

struct RealFile {
    file: File,
}

impl Write for RealFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl NewFile for RealFile {
    fn inode(&self) -> io::Result<u64> {
        Ok(rustix::fs::fstat(self.file.as_fd())?.st_ino)
    }

    fn set_access(&self, mode: u32, group: Option<&str>) -> io::Result<()> {
        set_access(&self.file, mode, group)
    }

    fn set_modified(&self, time: Timestamp) -> io::Result<()> {
        let since = Duration::from_secs(u64::try_from(time.0).map_err(|_| io::ErrorKind::InvalidInput)?);
        self.file.set_modified(SystemTime::UNIX_EPOCH + since)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// Wall-clock time that stands still, so that a test can tell in advance what is shown. Nothing that waits counts by it.
#[cfg(debug_assertions)]
mod clock {
    use crate::model::Timestamp;

    /// Seconds since 1970-01-01 UTC.
    const VARIABLE: &str = "FETCHONCE_CLOCK";

    pub(super) fn pinned() -> Option<Timestamp> {
        std::env::var(VARIABLE).ok().and_then(|seconds| seconds.parse().ok()).map(Timestamp)
    }
}

/// The clock of a release build goes.
#[cfg(not(debug_assertions))]
mod clock {
    pub(super) fn pinned() -> Option<crate::model::Timestamp> {
        None
    }
}

/// Counts the steps of the seam, so that a test can kill the process at any one of them.
#[cfg(debug_assertions)]
mod steps {
    use std::sync::atomic::{AtomicU64, Ordering};

    /// The number of the step that ends the process with SIGKILL.
    const VARIABLE: &str = "FETCHONCE_KILL_AT_STEP";

    pub(in crate::host) struct Steps {
        kill_at: Option<u64>,
        taken: AtomicU64,
    }

    impl Steps {
        pub(in crate::host) fn from_environment() -> Self {
            let kill_at = std::env::var(VARIABLE).ok().and_then(|k| k.parse().ok());
            Self { kill_at, taken: AtomicU64::new(0) }
        }

        pub(in crate::host) fn step(&self) {
            let taken = self.taken.fetch_add(1, Ordering::SeqCst) + 1;
            if self.kill_at == Some(taken) {
                let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            }
        }
    }
}

/// Release builds count nothing.
#[cfg(not(debug_assertions))]
mod steps {
    pub(in crate::host) struct Steps;

    impl Steps {
        pub(in crate::host) fn from_environment() -> Self {
            Self
        }

        #[expect(clippy::unused_self, reason = "the debug build counts here")]
        pub(in crate::host) fn step(&self) {}
    }
}
