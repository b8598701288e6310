//! A server that follows a script, in memory, with a clock that moves only while nobody speaks.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::host::{ConnectError, Finished, Host, NewFile, Program, RunError, Stat, Wire};
use crate::model::{Octets, Timestamp, limits};

/// What the server does next.
#[derive(Debug)]
enum Step {
    Expect(Vec<u8>),
    Send(Vec<u8>),
    Close,
}

#[derive(Debug)]
struct Server {
    steps: VecDeque<Step>,
    /// All that the client sent.
    heard: Vec<u8>,
    /// What of it no step has taken yet.
    inbox: Vec<u8>,
    /// Most octets that one read gives.
    chunk: usize,
    clock: Duration,
    interrupt_when_silent: bool,
    interrupted: bool,
    loopback: bool,
    /// The time that each read takes.
    drip: Duration,
}

/// A host whose only connection leads to the script.
#[derive(Clone)]
pub(crate) struct Script(Arc<Mutex<Server>>);

impl Script {
    /// A script from text: lines that begin with `C: ` are expected, all else is sent, CRLF after each.
    /// A line `CLOSE` ends the connection; after the last line the server is silent.
    pub(crate) fn new(text: &str) -> Self {
        let script = Self(Arc::new(Mutex::new(Server {
            steps: VecDeque::new(),
            heard: Vec::new(),
            inbox: Vec::new(),
            chunk: usize::MAX,
            clock: Duration::ZERO,
            interrupt_when_silent: false,
            interrupted: false,
            loopback: true,
            drip: Duration::ZERO,
        })));
        script.then(text)
    }

    pub(crate) fn then(self, text: &str) -> Self {
        for line in text.lines().map(|line| line.trim_start_matches(' ')).filter(|line| !line.is_empty()) {
            let step = match line.strip_prefix("C: ") {
                Some(command) => Step::Expect(format!("{command}\r\n").into_bytes()),
                None if line == "CLOSE" => Step::Close,
                None => Step::Send(format!("{line}\r\n").into_bytes()),
            };
            self.server(|server| server.steps.push_back(step));
        }
        self
    }

    /// Octets as they are, in one piece.
    pub(crate) fn raw(self, octets: &[u8]) -> Self {
        self.server(|server| server.steps.push_back(Step::Send(octets.to_vec())));
        self
    }

    pub(crate) fn in_chunks(self, chunk: usize) -> Self {
        self.server(|server| server.chunk = chunk);
        self
    }

    pub(crate) fn remote(self) -> Self {
        self.server(|server| server.loopback = false);
        self
    }

    /// One octet a second.
    pub(crate) fn dripping(self) -> Self {
        self.server(|server| (server.drip, server.chunk) = (Duration::from_secs(1), 1));
        self
    }

    pub(crate) fn interrupt_when_silent(self) -> Self {
        self.server(|server| server.interrupt_when_silent = true);
        self
    }

    pub(crate) fn heard(&self) -> String {
        self.server(|server| String::from_utf8_lossy(&server.heard).into_owned())
    }

    /// The script ran to its end.
    pub(crate) fn assert_done(&self) {
        self.server(|server| assert!(server.steps.is_empty(), "left: {:?}, heard: {:?}", server.steps, server.inbox));
    }

    pub(crate) fn clock(&self) -> Duration {
        self.server(|server| server.clock)
    }

    fn server<T>(&self, act: impl FnOnce(&mut Server) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }
}

#[derive(Debug)]
struct ScriptWire(Arc<Mutex<Server>>);

impl Read for ScriptWire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut server = self.0.lock().unwrap();
        let server = &mut *server;
        while let Some(Step::Expect(octets)) = server.steps.front() {
            let octets = octets.clone();
            let common = octets.len().min(server.inbox.len());
            assert_eq!(
                String::from_utf8_lossy(&server.inbox[..common]),
                String::from_utf8_lossy(&octets[..common]),
                "the client strays from the script"
            );
            if server.inbox.len() < octets.len() {
                break;
            }
            server.inbox.drain(..common);
            server.steps.pop_front();
        }
        let octets = match server.steps.front_mut() {
            Some(Step::Send(octets)) => octets,
            Some(Step::Close) => return Ok(0),
            _ => {
                server.clock += limits::WAKE;
                server.interrupted |= server.interrupt_when_silent;
                return Err(io::ErrorKind::WouldBlock.into());
            }
        };
        let count = octets.len().min(server.chunk).min(buffer.len());
        buffer[..count].copy_from_slice(&octets[..count]);
        octets.drain(..count);
        if octets.is_empty() {
            server.steps.pop_front();
        }
        server.clock += server.drip;
        Ok(count)
    }
}

impl Write for ScriptWire {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut server = self.0.lock().unwrap();
        // Short writes, so that the client must go on.
        let count = octets.len().min(7);
        server.heard.extend_from_slice(&octets[..count]);
        server.inbox.extend_from_slice(&octets[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire for ScriptWire {
    fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        assert_eq!(timeout, limits::WAKE);
        Ok(())
    }

    fn is_loopback(&self) -> bool {
        self.0.lock().unwrap().loopback
    }

    fn has_input(&mut self) -> io::Result<bool> {
        unreachable!()
    }
}

impl Host for Script {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
    fn elapsed(&self) -> Duration {
        self.clock()
    }
    fn interrupted(&self) -> bool {
        self.server(|server| server.interrupted)
    }
    fn fill_random(&self, _: &mut [u8]) {
        unreachable!()
    }
    fn connect(&self, _: &str, _: u16, _: Duration) -> Result<Box<dyn Wire>, ConnectError> {
        Ok(Box::new(ScriptWire(Arc::clone(&self.0))))
    }
    fn connect_local(&self, _: &Path, _: Duration) -> io::Result<Box<dyn Wire>> {
        unreachable!()
    }
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        unreachable!()
    }
    fn set_dir_access(&self, _: &Path, _: u32, _: Option<&str>) -> io::Result<()> {
        unreachable!()
    }
    fn create_new(&self, _: &Path) -> io::Result<Box<dyn NewFile>> {
        unreachable!()
    }
    fn sync_files(&self, _: &mut [Box<dyn NewFile>]) -> io::Result<()> {
        unreachable!()
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        unreachable!()
    }
    fn rename_new(&self, _: &Path, _: &Path) -> io::Result<()> {
        unreachable!()
    }
    fn rename_over(&self, _: &Path, _: &Path) -> io::Result<()> {
        unreachable!()
    }
    fn unlink(&self, _: &Path) -> io::Result<()> {
        unreachable!()
    }
    fn list_dir(&self, _: &Path) -> io::Result<Vec<OsString>> {
        unreachable!()
    }
    fn stat(&self, _: &Path) -> io::Result<Option<Stat>> {
        unreachable!()
    }
    fn may_write(&self, _: &Path) -> io::Result<()> {
        unreachable!()
    }
    fn open(&self, _: &Path) -> io::Result<Box<dyn Read>> {
        unreachable!()
    }
    fn free_space(&self, _: &Path) -> io::Result<Octets> {
        unreachable!()
    }
    fn read_file(&self, _: &Path, _: Octets) -> io::Result<Vec<u8>> {
        unreachable!()
    }
    fn name(&self) -> String {
        unreachable!()
    }
    fn find_program(&self, _: &str) -> io::Result<PathBuf> {
        unreachable!()
    }
    fn run(&self, _: &Program<'_>, _: Option<&mut dyn Read>) -> Result<Finished, RunError> {
        unreachable!()
    }
    fn committed(&self, _: &mut dyn FnMut() -> Vec<u8>) {
        unreachable!()
    }
}
