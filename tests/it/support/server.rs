//! The demonstration server with a witness, who sees each event at its instant and before the client sees the reply.
//!
//! [`demo::Listener`] keeps a log for later; here the Maildir can be looked at in the very moment of an expunge, or a
//! disk be filled in the very moment of a RETR. [`Server::wait_until_idle`] tells when a killed client's last commands
//! have taken effect.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fetchonce::demo::{self, Connection, Event, Faults, Logged, Maildrop};

/// A blocked read or write wakes this often to look whether the server stops.
const WAKE: Duration = Duration::from_millis(20);
/// Waits longer than this fail the test.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

type Witness = Box<dyn Fn(&Event) + Send + Sync>;

struct Shared {
    maildrop: Mutex<Maildrop>,
    log: Mutex<Vec<Logged>>,
    witness: Witness,
    stopping: AtomicBool,
    open: AtomicUsize,
}

/// A running server; dropping it ends it.
pub(crate) struct Server {
    port: u16,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    /// A correct server.
    pub(crate) fn correct(maildrop: Maildrop) -> Self {
        Self::start(maildrop, |_| Faults::default(), |_| {})
    }

    /// A server whose first connection has these faults, and whose others are correct.
    pub(crate) fn faulty_once(maildrop: Maildrop, faults: Faults) -> Self {
        let mut faults = Some(faults);
        Self::start(maildrop, move |_| faults.take().unwrap_or_default(), |_| {})
    }

    pub(crate) fn start(
        maildrop: Maildrop,
        plan: impl FnMut(u32) -> Faults + Send + 'static,
        witness: impl Fn(&Event) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            maildrop: Mutex::new(maildrop),
            log: Mutex::default(),
            witness: Box::new(witness),
            stopping: AtomicBool::new(false),
            open: AtomicUsize::new(0),
        });
        let for_acceptor = Arc::clone(&shared);
        let acceptor = thread::spawn(move || accept(&listener, &for_acceptor, plan));
        Self { port, shared, acceptor: Some(acceptor) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn maildrop(&self) -> MutexGuard<'_, Maildrop> {
        self.shared.maildrop.lock().unwrap()
    }

    /// Everything that happened so far.
    pub(crate) fn log(&self) -> Vec<Logged> {
        self.shared.log.lock().unwrap().clone()
    }

    /// Forgets what happened so far.
    pub(crate) fn clear_log(&self) {
        self.shared.log.lock().unwrap().clear();
    }

    /// Waits until no connection is open: whatever a client sent before its end has taken effect.
    pub(crate) fn wait_until_idle(&self) {
        // A connection that a dead client left may not be accepted yet; when ours is greeted, it is.
        let mut ours = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        ours.set_read_timeout(Some(LONGEST_WAIT)).unwrap();
        let _ = ours.read(&mut [0]).unwrap();
        drop(ours);
        let end = Instant::now() + LONGEST_WAIT;
        while self.shared.open.load(Ordering::SeqCst) > 0 {
            assert!(Instant::now() < end, "a connection stays open");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, mut plan: impl FnMut(u32) -> Faults) {
    let mut threads = Vec::new();
    for connection in 0.. {
        let Ok((stream, _)) = listener.accept() else { break };
        if shared.stopping.load(Ordering::SeqCst) {
            break;
        }
        shared.open.fetch_add(1, Ordering::SeqCst);
        let (shared, faults) = (Arc::clone(shared), plan(connection));
        threads.push(thread::spawn(move || {
            // An error of the stream is the client's going away.
            let _ = serve(stream, connection, faults, &shared);
            shared.open.fetch_sub(1, Ordering::SeqCst);
        }));
    }
    for thread in threads {
        let _ = thread.join();
    }
}

fn serve(mut stream: TcpStream, index: u32, faults: Faults, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(WAKE))?;
    stream.set_write_timeout(Some(WAKE))?;
    let mut connection = Connection::new(faults, None);
    demo::serve(&mut stream, &mut connection, &shared.maildrop, |events| {
        for event in events {
            (shared.witness)(event);
            shared.log.lock().unwrap().push(Logged { connection: index, event: event.clone() });
        }
        !shared.stopping.load(Ordering::SeqCst)
    })?;
    linger(&mut stream)
}

/// Ends the output and reads on: a connection closed with unread input is reset, and takes the last reply with it.
pub(crate) fn linger(stream: &mut TcpStream) -> io::Result<()> {
    stream.flush()?;
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut unread = [0; 4096];
    while stream.read(&mut unread)? > 0 {}
    Ok(())
}

/// The commands that a connection sent.
pub(crate) fn commands_of(log: &[Logged], connection: u32) -> Vec<&str> {
    let of_connection = log.iter().filter(|logged| logged.connection == connection);
    of_connection
        .filter_map(|logged| if let Event::Command(line) = &logged.event { Some(line.as_str()) } else { None })
        .collect()
}

/// How many messages were asked for.
pub(crate) fn retrs(log: &[Logged]) -> usize {
    log.iter().filter(|logged| matches!(logged.event, Event::Retr(_))).count()
}
