//! A server that follows a script, in memory, with a clock that moves only while nobody speaks.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::host::{
    ConnectError, Finished, Host, NewFile, Output, Program, RunError, SharedError, SharedFile, Stat, Wire,
};
use crate::model::{Locking, Octets, Timestamp, limits};

/// What the server does next.
#[derive(Debug)]
enum Step {
    Expect(Vec<u8>),
    Send(Vec<u8>),
    /// Silence for so long.
    Wait(Duration),
    Close,
    /// Waits for the next connection.
    Connect,
    /// Refuses the next connection.
    Refuse,
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
    /// How many octets the client can send before the connection breaks.
    takes: usize,
    /// How many there were.
    connections: usize,
}

/// A host whose connections lead to the script.
#[derive(Clone)]
pub(crate) struct Script(Arc<Mutex<Server>>);

impl Script {
    /// A script from text: lines that begin with `C: ` are expected, all else is sent, CRLF after each.
    /// A line `CLOSE` ends the connection, `CONNECT` waits for the next one and `REFUSE` lets it fail; `WAIT 5` is silent
    /// for five seconds. After the last line the server is silent.
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
            takes: usize::MAX,
            connections: 0,
        })));
        script.then(text)
    }

    pub(crate) fn then(self, text: &str) -> Self {
        for line in text.lines().map(|line| line.trim_start_matches(' ')).filter(|line| !line.is_empty()) {
            let step = match line.split_once(' ').unwrap_or((line, "")) {
                ("C:", command) => Step::Expect(format!("{command}\r\n").into_bytes()),
                ("WAIT", seconds) => Step::Wait(Duration::from_secs(seconds.parse().unwrap())),
                ("CLOSE", "") => Step::Close,
                ("CONNECT", "") => Step::Connect,
                ("REFUSE", "") => Step::Refuse,
                _ => Step::Send(format!("{line}\r\n").into_bytes()),
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

    /// Octets that the client is to send, as they are.
    pub(crate) fn expecting(self, octets: &[u8]) -> Self {
        self.server(|server| server.steps.push_back(Step::Expect(octets.to_vec())));
        self
    }

    /// The connection breaks when the client sends more than so many octets.
    pub(crate) fn taking(self, octets: usize) -> Self {
        self.server(|server| server.takes = octets);
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
        self.server(|server| {
            server.advance();
            assert!(server.steps.is_empty(), "left: {:?}, heard: {:?}", server.steps, server.inbox);
        });
    }

    /// The same, but for the end of the last connection.
    pub(crate) fn assert_ended(&self) {
        self.server(|server| {
            server.advance();
            if matches!(server.steps.back(), Some(Step::Close)) {
                server.steps.pop_back();
            }
        });
        self.assert_done();
    }

    pub(crate) fn clock(&self) -> Duration {
        self.server(|server| server.clock)
    }

    fn server<T>(&self, act: impl FnOnce(&mut Server) -> T) -> T {
        act(&mut locked(&self.0))
    }
}

/// The server, also after a test failed with it.
fn locked(server: &Mutex<Server>) -> MutexGuard<'_, Server> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct ScriptWire(Arc<Mutex<Server>>);

impl Server {
    /// Takes what was sent for what was expected.
    #[track_caller]
    fn advance(&mut self) {
        if std::thread::panicking() {
            return;
        }
        while let Some(Step::Expect(octets)) = self.steps.front() {
            let common = octets.len().min(self.inbox.len());
            assert_eq!(
                String::from_utf8_lossy(&self.inbox[..common]),
                String::from_utf8_lossy(&octets[..common]),
                "the client strays from the script"
            );
            if self.inbox.len() < octets.len() {
                break;
            }
            self.inbox.drain(..common);
            self.steps.pop_front();
        }
    }

    fn is_broken(&self) -> bool {
        self.heard.len() >= self.takes
    }

    fn connect(&mut self) -> io::Result<()> {
        self.inbox.clear();
        if self.connections > 0 && matches!(self.steps.front(), Some(Step::Close)) {
            self.steps.pop_front();
        }
        self.connections += 1;
        match self.steps.front() {
            Some(Step::Refuse) => {
                self.steps.pop_front();
                Err(io::ErrorKind::ConnectionRefused.into())
            }
            Some(Step::Connect) => {
                self.steps.pop_front();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Read for ScriptWire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut server = locked(&self.0);
        let server = &mut *server;
        server.advance();
        let is_broken = server.is_broken();
        let octets = match server.steps.front_mut() {
            Some(Step::Send(octets)) => octets,
            Some(Step::Close) => return Ok(0),
            _ if is_broken => return Ok(0),
            waiting => {
                if let Some(Step::Wait(time)) = waiting {
                    *time = time.saturating_sub(limits::WAKE);
                    if time.is_zero() {
                        server.steps.pop_front();
                    }
                }
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
        let mut server = locked(&self.0);
        if server.is_broken() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        // Short writes, so that the client must go on.
        let count = octets.len().min(7).min(server.takes - server.heard.len());
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
        locked(&self.0).loopback
    }

    fn has_input(&mut self) -> io::Result<bool> {
        let mut server = locked(&self.0);
        server.advance();
        Ok(matches!(server.steps.front(), Some(Step::Send(_) | Step::Close)) || server.is_broken())
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
    fn connect(&self, host: &str, port: u16, timeout: Duration) -> Result<Box<dyn Wire>, ConnectError> {
        let refused = |source| ConnectError::Refused { host: host.to_owned(), port, source };
        self.connect_local(Path::new(host), timeout).map_err(refused)
    }
    fn connect_local(&self, _: &Path, _: Duration) -> io::Result<Box<dyn Wire>> {
        self.server(Server::connect)?;
        Ok(Box::new(ScriptWire(Arc::clone(&self.0))))
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
    fn open_shared(&self, _: &Path, _: Locking, _: Duration, _: bool) -> Result<Box<dyn SharedFile>, SharedError> {
        unreachable!()
    }
    fn free_space(&self, _: &Path) -> io::Result<Octets> {
        unreachable!()
    }
    fn read_file(&self, _: &Path, _: Octets) -> io::Result<Vec<u8>> {
        unreachable!()
    }
    fn name(&self) -> String {
        "client.example".to_owned()
    }
    fn find_program(&self, _: &str) -> io::Result<PathBuf> {
        unreachable!()
    }
    fn run(&self, _: &Program<'_>, _: Option<&mut dyn Read>) -> Result<Finished, RunError> {
        unreachable!()
    }
    fn output(&self) -> Box<dyn Output + '_> {
        unreachable!()
    }
    fn committed(&self, _: &mut dyn FnMut() -> Vec<u8>) {
        unreachable!()
    }
}
