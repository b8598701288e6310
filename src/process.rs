//! Child processes that are waited for no longer than wanted, whatever they and their own children do.
//!
//! Nothing here waits for the end of a child's output: a grandchild may hold that open for ever. A child that is to end
//! gets SIGTERM, and SIGKILL after a grace period. It is not reaped before the last signal, so that its number cannot
//! belong to another process by then.

use std::io::{self, PipeReader, Read as _};
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use zeroize::Zeroizing;

/// Octets read at a time.
const READ_OCTETS: usize = 8 * 1024;
/// Reads between two looks at the clock: together more than a pipe holds.
const READS: usize = 16;
/// Pauses between two looks at a quiet child: from the first on each is twice the one before.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));
/// Longest wait for a child that got SIGKILL: one that hangs in the kernel is left behind.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// How long a child is waited for.
#[derive(Clone, Copy)]
pub struct Patience<'p> {
    /// Longest time that it may run.
    pub timeout: Duration,
    /// The time between SIGTERM and SIGKILL, and what is left to a child when the user asks to stop.
    pub grace: Duration,
    /// Whether the user asked to stop.
    pub interrupted: &'p dyn Fn() -> bool,
    /// Whether signals go to the child's whole process group, which it must lead.
    pub group: bool,
}

/// Why a child was told to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Its time was up.
    TimedOut,
    /// The user asked to stop.
    Interrupted,
    /// More output was not wanted.
    Enough,
}

/// How a child ended.
#[derive(Debug)]
pub struct Ended {
    /// Why it was told to end, where it did not end by itself.
    pub cut: Option<Cut>,
    /// Its status; an error where the system does not tell it, or where even SIGKILL did not end it.
    pub status: io::Result<ExitStatus>,
}

/// Waits for a child while its output goes to `take`, which says whether it wants more.
pub fn supervise(
    child: Child,
    output: PipeReader,
    patience: Patience<'_>,
    take: &mut dyn FnMut(&[u8]) -> bool,
) -> Ended {
    let due = Instant::now() + patience.timeout;
    let mut watched = Watched { child, patience, reason: Cut::TimedOut, stage: Stage::Running, due };
    let status = watched.run(output, take);
    Ended { cut: (watched.stage != Stage::Running).then_some(watched.reason), status }
}

/// How far a child was driven to end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    Asked,
    Killed,
}

struct Watched<'p> {
    child: Child,
    patience: Patience<'p>,
    /// Why it is told to end when that is due.
    reason: Cut,
    stage: Stage,
    /// When the next stage begins.
    due: Instant,
}

impl Watched<'_> {
    fn run(&mut self, output: PipeReader, take: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<ExitStatus> {
        // Output that cannot be read without waiting is not read.
        let mut output = rustix::io::ioctl_fionbio(&output, true).is_ok().then_some(output);
        // It may be a password.
        let mut buffer = Zeroizing::new([0; READ_OCTETS]);
        let mut pause = PAUSES.0;
        loop {
            let has_ended = self.has_ended()?;
            if let Some(open) = &mut output {
                match drain(open, &mut *buffer, take) {
                    Drained::Quiet => {}
                    Drained::Some => pause = PAUSES.0,
                    Drained::Enough if self.stage == Stage::Running => {
                        self.reason = Cut::Enough;
                        self.kill();
                    }
                    Drained::Closed | Drained::Enough => {
                        output = None;
                        pause = PAUSES.0;
                    }
                }
            }
            if has_ended {
                if self.stage != Stage::Running {
                    self.signal(Signal::KILL);
                }
                return self.child.wait();
            }
            self.urge()?;
            wait(output.as_ref(), pause);
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Whether the child has ended; it is not reaped.
    fn has_ended(&self) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(Pid::from_child(&self.child)), options)?.is_some())
    }

    /// Goes on to the next stage when it is due; an error where there is none left.
    fn urge(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if self.stage == Stage::Running && self.reason != Cut::Interrupted && (self.patience.interrupted)() {
            self.reason = Cut::Interrupted;
            self.due = self.due.min(now + self.patience.grace);
        }
        if now < self.due {
            return Ok(());
        }
        match self.stage {
            Stage::Running => {
                self.signal(Signal::TERM);
                (self.stage, self.due) = (Stage::Asked, now + self.patience.grace);
            }
            Stage::Asked => self.kill(),
            Stage::Killed => return Err(io::Error::new(io::ErrorKind::TimedOut, "SIGKILL does not end it")),
        }
        Ok(())
    }

    fn kill(&mut self) {
        self.signal(Signal::KILL);
        (self.stage, self.due) = (Stage::Killed, Instant::now() + AFTER_KILL);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        // Who is gone needs no signal, and nobody else can be meant: the child is not reaped.
        let _ = if self.patience.group { kill_process_group(pid, signal) } else { kill_process(pid, signal) };
    }
}

enum Drained {
    Quiet,
    Some,
    Enough,
    Closed,
}

/// Reads what is there, and not for ever.
fn drain(output: &mut PipeReader, buffer: &mut [u8], take: &mut dyn FnMut(&[u8]) -> bool) -> Drained {
    let mut drained = Drained::Quiet;
    for _ in 0..READS {
        match output.read(buffer) {
            Ok(0) => return Drained::Closed,
            Ok(read) if take(&buffer[..read]) => drained = Drained::Some,
            Ok(_) => return Drained::Enough,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Drained::Closed,
        }
    }
    drained
}

/// Waits for output, or for a while.
fn wait(output: Option<&PipeReader>, time: Duration) {
    let mut watched: Vec<_> = output.iter().map(|output| PollFd::new(*output, PollFlags::IN)).collect();
    let time_left = Timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() };
    if poll(&mut watched, Some(&time_left)).is_err() {
        thread::sleep(time);
    }
}
