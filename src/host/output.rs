//! Standard output as a place for mail.

use std::fs;
use std::io::{self, StdoutLock};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};

use super::real::Steps;
use crate::model::limits;

/// Octets that a pipe takes without waiting once it takes any (`PIPE_BUF`).
const PIECE_OCTETS: usize = 4096;
/// The name under which the system knows it.
const OWN_LINK: &str = "/proc/self/fd/1";

/// Standard output, held until this is dropped: nothing else is written there meanwhile.
pub trait Output {
    /// Its path, where it is a regular file that can be opened by it.
    fn path(&self) -> Option<PathBuf>;

    /// Writes some octets and gives how many; waits at most [`limits::REPLY`] for whoever reads them.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize>;

    /// Nothing more is written there by this process: it would be glued to what broke off.
    fn give_up(&mut self);
}

/// The machine's own.
pub(super) struct RealOutput<'h> {
    out: StdoutLock<'static>,
    interrupted: &'h AtomicBool,
    given_up: &'h AtomicBool,
    steps: &'h Steps,
}

impl<'h> RealOutput<'h> {
    pub(super) fn new(interrupted: &'h AtomicBool, given_up: &'h AtomicBool, steps: &'h Steps) -> Self {
        Self { out: io::stdout().lock(), interrupted, given_up, steps }
    }

    /// Waits for whoever reads it.
    fn wait(&self) -> io::Result<()> {
        let end = Instant::now() + limits::REPLY;
        let wake = Timespec { tv_sec: 0, tv_nsec: limits::WAKE.subsec_nanos().into() };
        loop {
            match poll(&mut [PollFd::new(&self.out, PollFlags::OUT)], Some(&wake)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                result => return Ok(result.map(drop)?),
            }
            if self.interrupted.load(Ordering::Relaxed) {
                // Not as `Interrupted`, after which everything tries again.
                return Err(io::Error::other("interrupted while nobody read it"));
            }
            if Instant::now() >= end {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads it"));
            }
        }
    }
}

impl Output for RealOutput<'_> {
    fn path(&self) -> Option<PathBuf> {
        let own = fstat(&self.out).ok()?;
        if FileType::from_raw_mode(own.st_mode) != FileType::RegularFile {
            return None;
        }
        let path = fs::read_link(OWN_LINK).ok()?;
        let named = fs::metadata(&path).ok()?;
        ((named.dev(), named.ino()) == (own.st_dev, own.st_ino)).then_some(path)
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.given_up.load(Ordering::Relaxed) {
            return Err(io::Error::other("a message broke off there"));
        }
        self.steps.step();
        loop {
            self.wait()?;
            match rustix::io::write(&self.out, &octets[..octets.len().min(PIECE_OCTETS)]) {
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                result => return Ok(result?),
            }
        }
    }

    fn give_up(&mut self) {
        self.given_up.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The other accounts of a run write to the same place.
    #[test]
    fn nothing_is_written_behind_a_message_that_broke_off() {
        let (interrupted, given_up) = (AtomicBool::new(false), AtomicBool::new(false));
        let steps = Steps::from_environment();
        RealOutput::new(&interrupted, &given_up, &steps).give_up();
        let mut output = RealOutput::new(&interrupted, &given_up, &steps);
        assert_eq!(output.write(b"x").unwrap_err().to_string(), "a message broke off there");
    }
}
