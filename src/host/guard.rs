//! A wire under bounds: each read and write ends by silence, phase, run deadline or interruption (I8).
//!
//! The bounds lie below TLS, so that a peer that drips octets into one TLS record meets them too.

use std::io::{self, Read, Write};
use std::time::Duration;

use super::{Host, Wire};
use crate::model::limits;

/// The bounds in time of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// Longest wait for the next octet.
    pub silence: Duration,
    /// End of the run, on [`Host::elapsed`].
    pub run_deadline: Duration,
}

/// Why a read or write was given up; travels inside an [`io::Error`], also through a TLS library.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Stop {
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// The time for the run is over.
    #[error("the time for this run is over")]
    Deadline,
    /// Nothing, or not all of it, came within this bound.
    #[error("silence")]
    Silence(Duration),
}

impl Stop {
    /// The stop that an error of a [`Guard`] carries; `None` where the wire itself failed.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref()).copied()
    }
}

/// A [`Wire`] that blocks until octets move or a bound passes.
pub struct Guard<'h> {
    host: &'h dyn Host,
    wire: Box<dyn Wire>,
    timing: Timing,
    quiet_since: Duration,
    /// When a phase with a bound of its own ends, and that bound.
    phase: Option<(Duration, Duration)>,
    /// Until when neither the user nor the run's deadline stop it.
    held_out_until: Duration,
}

impl<'h> Guard<'h> {
    /// Puts a wire under these bounds.
    pub fn new(host: &'h dyn Host, mut wire: Box<dyn Wire>, timing: Timing) -> io::Result<Self> {
        wire.set_timeout(limits::WAKE)?;
        Ok(Self { host, wire, timing, quiet_since: host.elapsed(), phase: None, held_out_until: Duration::ZERO })
    }

    /// Starts to wait: silence counts from here.
    pub fn start_waiting(&mut self) {
        self.quiet_since = self.host.elapsed();
    }

    /// Starts a phase of at most `bound`.
    pub fn start_phase(&mut self, bound: Duration) {
        self.phase = Some((self.host.elapsed().saturating_add(bound), bound));
    }

    /// Ends the phase.
    pub fn end_phase(&mut self) {
        self.phase = None;
        self.held_out_until = Duration::ZERO;
    }

    /// For `grace`, and no longer than to the end of the next phase, neither the user's wish to stop nor the run's deadline
    /// ends a wait: what is under way may end well.
    pub fn hold_out(&mut self, grace: Duration) {
        self.held_out_until = self.host.elapsed().saturating_add(grace);
    }

    /// Whether a read would give something at once.
    pub fn has_input(&mut self) -> io::Result<bool> {
        self.wire.has_input()
    }

    fn check(&self) -> Result<(), Stop> {
        let now = self.host.elapsed();
        if now >= self.held_out_until {
            if self.host.interrupted() {
                return Err(Stop::Interrupted);
            }
            if now >= self.timing.run_deadline {
                return Err(Stop::Deadline);
            }
        }
        if let Some((end, bound)) = self.phase
            && now >= end
        {
            return Err(Stop::Silence(bound));
        }
        if now.saturating_sub(self.quiet_since) >= self.timing.silence {
            return Err(Stop::Silence(self.timing.silence));
        }
        Ok(())
    }

    fn until_moved(&mut self, mut step: impl FnMut(&mut dyn Wire) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            self.check().map_err(io::Error::other)?;
            match step(&mut *self.wire) {
                Ok(octets) => {
                    self.quiet_since = self.host.elapsed();
                    return Ok(octets);
                }
                Err(error) if is_wake(error.kind()) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn is_wake(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

impl Read for Guard<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.until_moved(|wire| wire.read(buffer))
    }
}

impl Write for Guard<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.until_moved(|wire| wire.write(octets))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.until_moved(|wire| wire.flush().map(|()| 0)).map(|_| ())
    }
}
