//! The one seam to the world: clock, randomness, connections and files.
//!
//! Everything that can fail, block or outlive a crash goes through [`Host`], so that a simulated host can stop the
//! program before any step, lose what was not synced, and run it again. [`RealHost`] is the machine itself.
//! SQLite does its own file I/O; the index announces each commit with [`Host::committed`] instead.

mod dotlock;
mod guard;
mod lock;
mod output;
mod program;
mod real;
mod shared;
mod socket;
#[cfg(test)]
pub(crate) mod tests;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::{Locking, Octets, Timestamp};

pub use guard::{Guard, Stop, Timing};
pub use lock::{AccountLock, LockError};
pub use output::Output;
pub use program::{EX_TEMPFAIL, End, Finished, KEPT_PREFIXES, KEPT_VARIABLES, Program, ProgramError, RunError};
pub use real::{RealHost, Stopwatch};
pub use shared::SharedError;

/// The world as the program sees it.
pub trait Host: Sync {
    /// Wall-clock time.
    fn now(&self) -> Timestamp;

    /// Monotonic time since an arbitrary start; deadlines count by it.
    fn elapsed(&self) -> Duration;

    /// Whether the user asked to stop (SIGINT, SIGTERM). Blocked reads look at it every [`crate::model::limits::WAKE`].
    fn interrupted(&self) -> bool;

    /// Fills `bytes` with unpredictable octets.
    fn fill_random(&self, bytes: &mut [u8]);

    /// Opens a TCP connection to the first address of `host` that answers within `timeout`.
    fn connect(&self, host: &str, port: u16, timeout: Duration) -> Result<Box<dyn Wire>, ConnectError>;

    /// Connects to the socket at `path` on this machine within `timeout`.
    fn connect_local(&self, path: &Path, timeout: Duration) -> io::Result<Box<dyn Wire>>;

    /// Makes one directory, mode 0700.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Gives a directory that was just made permissions, and a group by its name.
    fn set_dir_access(&self, path: &Path, mode: u32, group: Option<&str>) -> io::Result<()>;

    /// Makes a file that did not exist, mode 0600, without following a symbolic link.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn NewFile>>;

    /// Makes the content of all files durable. After an error nothing about any of them is to be trusted.
    fn sync_files(&self, files: &mut [Box<dyn NewFile>]) -> io::Result<()>;

    /// Makes the entries of a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Renames without replacing: [`io::ErrorKind::AlreadyExists`] when `to` exists.
    ///
    /// A file system without that flag gets a plain rename: the names of deliveries are random and unique.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Renames, replacing `to`.
    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name.
    fn unlink(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory, unordered.
    fn list_dir(&self, path: &Path) -> io::Result<Vec<OsString>>;

    /// What lies at `path`, symbolic links followed; `None` when nothing does.
    fn stat(&self, path: &Path) -> io::Result<Option<Stat>>;

    /// Whether this user may write to what lies at `path`: an error where not, or where nothing lies there.
    fn may_write(&self, path: &Path) -> io::Result<()>;

    /// Opens a regular file for reading, without following a symbolic link.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>>;

    /// Opens a file that other programs write to as well, and locks it; it is made (0600) where there is none and `create` is set.
    ///
    /// Waits at most `wait` for other programs. Only a regular file of this user with one name will do.
    fn open_shared(
        &self,
        path: &Path,
        locking: Locking,
        wait: Duration,
        create: bool,
    ) -> Result<Box<dyn SharedFile>, SharedError>;

    /// Reads a file that the user named, symbolic links followed; an error when it is longer than `most`.
    fn read_file(&self, path: &Path, most: Octets) -> io::Result<Vec<u8>>;

    /// The machine's name, for the names of Maildir files.
    fn name(&self) -> String;

    /// Octets free for this user on the file system of `path`.
    fn free_space(&self, path: &Path) -> io::Result<Octets>;

    /// Standard output, for mail.
    fn output(&self) -> Box<dyn Output + '_>;

    /// Where a program is that may be run: `name` itself where it is a path, else what `PATH` leads it to.
    fn find_program(&self, name: &str) -> io::Result<PathBuf>;

    /// Runs a program to its end, or until its time is up, and reads its output meanwhile.
    ///
    /// It gets all of `input`, or nothing of it where this is an error; without `input` it reads nothing.
    fn run(&self, program: &Program<'_>, input: Option<&mut dyn Read>) -> Result<Finished, RunError>;

    /// The index committed durably. `image` gives the database as bytes, for a simulation that must survive a crash.
    fn committed(&self, image: &mut dyn FnMut() -> Vec<u8>);
}

/// A byte stream to a server.
pub trait Wire: Read + Write + Send + Sync + fmt::Debug {
    /// Longest time that one read or write may block; it then fails with `WouldBlock` or `TimedOut`.
    fn set_timeout(&mut self, timeout: Duration) -> io::Result<()>;

    /// Whether the other end is on this machine's loopback interface.
    fn is_loopback(&self) -> bool;

    /// The address of the other end, where it has one.
    fn peer(&self) -> Option<SocketAddr> {
        None
    }

    /// Whether a read would give something at once: octets, the end of the stream, or its failure.
    fn has_input(&mut self) -> io::Result<bool>;
}

/// A file that is being written.
pub trait NewFile: Write + Send {
    /// The inode number, to recognise the file after a crash.
    fn inode(&self) -> io::Result<u64>;

    /// Gives it permissions, and a group by its name.
    fn set_access(&self, mode: u32, group: Option<&str>) -> io::Result<()>;

    /// Sets the time of its last modification.
    fn set_modified(&self, time: Timestamp) -> io::Result<()>;

    /// Makes the content durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file that other programs write to as well, locked until it is dropped.
pub trait SharedFile {
    /// Which file it is, and how long.
    fn identity(&self) -> io::Result<FileIdentity>;

    /// Reads octets that begin at `offset`; none at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: Octets) -> io::Result<usize>;

    /// Writes octets at the end, wherever that is by now; gives how many.
    fn append(&mut self, octets: &[u8]) -> io::Result<usize>;

    /// Cuts the file to this length.
    fn truncate(&mut self, length: Octets) -> io::Result<()>;

    /// Makes the content durable. After an error nothing about it is to be trusted.
    fn sync(&mut self) -> io::Result<()>;
}

/// Which file one is, and how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileIdentity {
    /// The device that it lies on.
    pub device: u64,
    /// The inode number.
    pub inode: u64,
    /// The length.
    pub octets: Octets,
}

/// What lies at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat {
    /// The inode number.
    pub inode: u64,
    /// The length in octets.
    pub octets: Octets,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// Why no connection was opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("the host name {host} was not found")]
    UnknownHost {
        /// The name asked for.
        host: String,
        /// What the resolver said.
        #[source]
        source: io::Error,
    },
    /// No address took the connection.
    #[error("no connection to {host} port {port}")]
    Refused {
        /// The name asked for.
        host: String,
        /// The TCP port.
        port: u16,
        /// The last address's error.
        #[source]
        source: io::Error,
    },
}
