//! A pseudo-terminal: the program on one side, the test on the other.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

/// Waits longer than this fail the test.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The test's side.
pub(crate) struct Terminal {
    master: File,
}

impl Terminal {
    /// A terminal, and the side that a program takes for one. It is nobody's controlling terminal yet.
    pub(crate) fn open() -> (Self, OwnedFd) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap();
        let program = rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        (Self { master: master.into() }, program)
    }

    /// Types a line once what is typed is not shown any more.
    pub(crate) fn type_unseen(&mut self, line: &str) {
        let end = Instant::now() + LONGEST_WAIT;
        while tcgetattr(&self.master).unwrap().local_modes.contains(LocalModes::ECHO) {
            assert!(Instant::now() < end, "nobody asks for a password");
            std::thread::sleep(Duration::from_millis(1));
        }
        self.master.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// All that was shown, once no program has the other side open.
    pub(crate) fn shown(mut self) -> Vec<u8> {
        let mut shown = Vec::new();
        let mut part = [0; 4096];
        // The end is an error here (EIO).
        while let Ok(octets @ 1..) = self.master.read(&mut part) {
            shown.extend_from_slice(&part[..octets]);
        }
        shown
    }
}
