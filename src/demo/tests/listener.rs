//! The listener over real sockets.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::*;

fn shared() -> Arc<Mutex<Maildrop>> {
    Arc::new(Mutex::new(two_messages()))
}

fn connect(listener: &Listener) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", listener.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Sends everything at once and reads until the server closes.
fn exchange(stream: &mut TcpStream, input: &[u8]) -> String {
    stream.write_all(input).unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).unwrap();
    String::from_utf8(said).unwrap()
}

#[test]
fn two_connections_at_once_have_their_own_faults_and_one_mailbox() {
    let maildrop = shared();
    let plan = |index| Faults { no_top: index == 0, ..Faults::default() };
    let listener = Listener::start(Arc::clone(&maildrop), plan).unwrap();
    let (mut first, mut second) = (connect(&listener), connect(&listener));
    let said = exchange(&mut second, b"USER b\r\nPASS b\r\nTOP 1 0\r\nDELE 1\r\nQUIT\r\n");
    assert!(said.contains("\r\n+OK top") && said.ends_with("+OK marked\r\n+OK bye\r\n"), "{said}");
    assert_eq!(uids(&maildrop.lock().unwrap()), ["two"]);
    let said = exchange(&mut first, b"USER a\r\nPASS a\r\nTOP 1 0\r\nSTAT\r\nQUIT\r\n");
    assert!(said.contains("\r\n-ERR unknown command or argument\r\n+OK 1 14\r\n+OK bye\r\n"), "{said}");

    let log = listener.log();
    let [one, _] = <[Message; 2]>::try_from(two_messages().messages).unwrap();
    assert!(log.contains(&Logged { connection: 1, event: Event::Expunged(one) }));
    assert!(log.contains(&Logged { connection: 0, event: Event::LoggedIn("a".to_owned()) }));
}

#[test]
fn only_the_right_user_gets_in() {
    let credentials = Credentials { user: "alice".to_owned(), password: "secret".to_owned() };
    let listener = Listener::start_for(Some(credentials), shared(), |_| Faults::default()).unwrap();
    let said = exchange(&mut connect(&listener), b"USER alice\r\nPASS guess\r\nQUIT\r\n");
    assert!(said.contains("-ERR wrong"), "{said}");
    let said = exchange(&mut connect(&listener), b"USER alice\r\nPASS secret\r\nQUIT\r\n");
    assert!(said.contains("+OK 2 messages"), "{said}");
}

#[test]
fn a_dropped_listener_ends_open_silent_and_endless_connections() {
    let plan = |index| Faults {
        silent_at_reply: (index == 1).then_some(0),
        endless_line_at_reply: (index == 2).then_some(0),
        ..Faults::default()
    };
    let maildrop = shared();
    let listener = Listener::start(Arc::clone(&maildrop), plan).unwrap();
    let mut streams = [connect(&listener), connect(&listener), connect(&listener)];
    let mut octet = [0];
    streams[0].read_exact(&mut octet).unwrap();
    streams[2].read_exact(&mut octet).unwrap();
    let start = Instant::now();
    drop(listener);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(Arc::strong_count(&maildrop), 1, "a thread is left");
}

#[test]
fn a_client_that_leaves_an_endless_reply_ends_it() {
    let plan = |_| Faults { endless_list: true, ..Faults::default() };
    let listener = Listener::start(shared(), plan).unwrap();
    let mut stream = connect(&listener);
    stream.write_all(b"USER a\r\nPASS a\r\nUIDL\r\n").unwrap();
    let mut octets = vec![0; 1024 * 1024];
    stream.read_exact(&mut octets).unwrap();
    drop(stream);
    assert!(exchange(&mut connect(&listener), b"QUIT\r\n").ends_with("+OK bye\r\n"));
}

/// A stream that times out at every other call and takes one octet a write.
struct Halting {
    input: io::Cursor<Vec<u8>>,
    output: Vec<u8>,
    halted: bool,
}

impl Halting {
    fn halt(&mut self) -> io::Result<()> {
        self.halted = !self.halted;
        if self.halted { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

impl Read for Halting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.halt()?;
        self.input.read(buffer)
    }
}

impl Write for Halting {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.halt()?;
        self.output.push(octets[0]);
        Ok(1)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.halt()
    }
}

#[test]
fn any_stream_can_be_served() {
    let input = io::Cursor::new(b"USER a\r\nPASS a\r\nDELE 1\r\nQUIT\r\n".to_vec());
    let mut stream = Halting { input, output: Vec::new(), halted: false };
    let (mut connection, maildrop) = (Connection::new(Faults::default(), None), Mutex::new(two_messages()));
    let mut events = Vec::new();
    let watch = |new: &[Event]| {
        events.extend_from_slice(new);
        true
    };
    serve(&mut stream, &mut connection, &maildrop, watch).unwrap();
    assert!(stream.output.ends_with(b"+OK marked\r\n+OK bye\r\n"));
    assert_eq!(events, connection.log());
    assert_eq!(uids(&maildrop.into_inner().unwrap()), ["two"]);
}
