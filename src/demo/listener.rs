//! The server on a loopback port, one thread a connection.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::faults::Faults;
use super::maildrop::Maildrop;
use super::server::{Connection, Credentials, Event};

/// A blocked read or write wakes this often to look whether the listener stops.
const WAKE: Duration = Duration::from_millis(50);
/// A closed connection reads on for at most so many [`WAKE`]s, so that the client gets the last reply and no reset.
const LINGER_WAKES: u32 = 20;
/// Most connections open at once; one more is closed unheard.
const OPEN_CONNECTIONS: usize = 64;
/// Octets read at once.
const READ_OCTETS: usize = 8 * 1024;

/// A running server on a loopback port. Dropping it closes every connection and waits for its threads.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// An event and the connection on which it happened.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Logged {
    /// Connections are counted from 0 in the order in which they were accepted.
    pub connection: u32,
    /// What happened.
    pub event: Event,
}

/// What the threads of a listener share.
#[derive(Debug)]
struct Shared {
    maildrop: Arc<Mutex<Maildrop>>,
    credentials: Option<Credentials>,
    stopping: AtomicBool,
    log: Mutex<Vec<Logged>>,
}

impl Listener {
    /// Serves `maildrop` to any user, on a free port of 127.0.0.1.
    ///
    /// `plan` gives the faults of each connection by its index, 0 first. The mailbox is locked only while the
    /// commands of one read are executed, so that the caller may look into it, or change it, even within a session.
    pub fn start(maildrop: Arc<Mutex<Maildrop>>, plan: impl FnMut(u32) -> Faults + Send + 'static) -> io::Result<Self> {
        Self::start_for(None, maildrop, plan)
    }

    /// Like [`Listener::start`], for one user alone.
    pub fn start_for(
        credentials: Option<Credentials>,
        maildrop: Arc<Mutex<Maildrop>>,
        plan: impl FnMut(u32) -> Faults + Send + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (stopping, log) = (AtomicBool::new(false), Mutex::default());
        let shared = Arc::new(Shared { maildrop, credentials, stopping, log });
        let for_acceptor = Arc::clone(&shared);
        let acceptor = thread::Builder::new()
            .name("demo-acceptor".to_owned())
            .spawn(move || accept_connections(&listener, &for_acceptor, plan))?;
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// The TCP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Everything that happened so far. An event is here before the client sees the reply to its command.
    #[must_use]
    pub fn log(&self) -> Vec<Logged> {
        locked(&self.shared.log).clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // A connection wakes the acceptor; without one it would not notice, and waiting for it would not end.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok();
        if let Some(acceptor) = self.acceptor.take()
            && (woken || acceptor.is_finished())
        {
            let _ = acceptor.join();
        }
    }
}

/// Serves one connection on any stream, a TLS one say, until either end closes it.
///
/// A read or write of the stream may time out: nothing is lost. `watch` gets the events since its last call, before the
/// client sees the reply, and at each time-out; the service ends when it returns false.
pub fn serve(
    stream: &mut (impl Read + Write),
    connection: &mut Connection,
    maildrop: &Mutex<Maildrop>,
    mut watch: impl FnMut(&[Event]) -> bool,
) -> io::Result<()> {
    let mut input = [0; READ_OCTETS];
    let mut seen = 0;
    loop {
        let going_on = watch(&connection.log()[seen..]);
        seen = connection.log().len();
        if !going_on || !send_output(stream, connection, &mut watch)? || connection.is_closed() {
            return Ok(());
        }
        match stream.read(&mut input) {
            Ok(0) => return Ok(()),
            Ok(count) => connection.feed(&mut locked(maildrop), &input[..count]),
            Err(error) if is_pause(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Sends what waits; whether the service goes on.
fn send_output(
    stream: &mut impl Write,
    connection: &mut Connection,
    watch: &mut impl FnMut(&[Event]) -> bool,
) -> io::Result<bool> {
    loop {
        let chunk = connection.take_output();
        if chunk.is_empty() {
            break;
        }
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            match stream.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => rest = &rest[count..],
                Err(error) if is_pause(&error) => {}
                Err(error) => return Err(error),
            }
            if !watch(&[]) {
                return Ok(false);
            }
        }
    }
    stream.flush().or_else(|error| if is_pause(&error) { Ok(()) } else { Err(error) })?;
    Ok(true)
}

fn accept_connections(listener: &TcpListener, shared: &Arc<Shared>, mut plan: impl FnMut(u32) -> Faults) {
    let mut open: Vec<JoinHandle<()>> = Vec::new();
    let mut index = 0;
    loop {
        let accepted = listener.accept();
        if shared.stopping.load(Ordering::SeqCst) {
            break;
        }
        open.retain(|thread| !thread.is_finished());
        let Ok((stream, _)) = accepted else {
            thread::sleep(WAKE);
            continue;
        };
        if open.len() >= OPEN_CONNECTIONS {
            continue;
        }
        let connection = Connection::new(plan(index), shared.credentials.clone());
        let for_thread = Arc::clone(shared);
        let thread = thread::Builder::new()
            .name(format!("demo-{index}"))
            .spawn(move || serve_tcp(stream, connection, index, &for_thread));
        open.extend(thread);
        index += 1;
    }
    for thread in open {
        let _ = thread.join();
    }
}

/// Serves one TCP connection to its end. An error of the stream is the client's going away, no more.
fn serve_tcp(mut stream: TcpStream, mut connection: Connection, index: u32, shared: &Shared) {
    let set_up = stream
        .set_nodelay(true)
        .and_then(|()| stream.set_read_timeout(Some(WAKE)))
        .and_then(|()| stream.set_write_timeout(Some(WAKE)));
    let served = set_up.and_then(|()| {
        serve(&mut stream, &mut connection, &shared.maildrop, |events| {
            let logged = events.iter().cloned().map(|event| Logged { connection: index, event });
            locked(&shared.log).extend(logged);
            !shared.stopping.load(Ordering::SeqCst)
        })
    });
    if served.is_ok() {
        linger(&mut stream, shared);
    }
}

/// Ends the output and reads what the client still sends: closing with unread input would reset the connection and take
/// replies on their way with it.
fn linger(stream: &mut TcpStream, shared: &Shared) {
    if stream.shutdown(Shutdown::Write).is_err() {
        return;
    }
    let mut unread = [0; READ_OCTETS];
    for _ in 0..LINGER_WAKES {
        let ended = match stream.read(&mut unread) {
            Ok(count) => count == 0,
            Err(error) => !is_pause(&error),
        };
        if ended || shared.stopping.load(Ordering::SeqCst) {
            return;
        }
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

/// The lock's content; a thread that panicked with it left a whole value behind.
fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
