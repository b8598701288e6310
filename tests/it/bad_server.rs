//! Servers that talk nonsense, never end or fall silent (I4, I8): each run ends with an error and without QUIT, nothing
//! is lost, and the next run against a correct server completes.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use fetchonce::demo::{Event, Faults, Maildrop};

use crate::support::{
    Account, Place, Ran, Server, commands_of, difference, expected_of, leftovers, mail_in, retrs, server,
    three_messages,
};

/// One more than a session of three messages has replies, the greeting included.
const MOST_REPLIES: u32 = 40;

/// What a run against a server with a fault in its first connection was like.
struct Trouble {
    ran: Ran,
    commands: Vec<String>,
}

/// Runs against the fault, checks that nothing is lost, and completes against the correct server.
fn meet(faults: Faults, timeout: &'static str) -> Trouble {
    let what = format!("{faults:?}");
    let (place, maildrop) = (Place::new(), three_messages());
    let expected = expected_of(&maildrop);
    let server = Server::faulty_once(maildrop, faults);
    place.configure(&Account { timeout, ..Account::plain(server.port(), "none") });
    let ran = place.fetch();
    server.wait_until_idle();
    let log = server.log();
    let commands: Vec<String> = commands_of(&log, 0).into_iter().map(str::to_owned).collect();
    let expunged = log.iter().filter(|logged| matches!(logged.event, Event::Expunged(_))).count();
    if commands.iter().any(|command| command == "QUIT") {
        // I2, I3: what is gone there is here.
        let found = mail_in(&place.maildir());
        assert!(found.len() >= expunged, "{what}: {expunged} expunged, {} delivered", found.len());
    } else {
        assert_eq!(expunged, 0, "{what}: expunged without QUIT");
    }
    complete(&place, &server, &expected, &what);
    Trouble { ran, commands }
}

/// A clean run delivers what is missing, once; a further one fetches nothing.
#[track_caller]
fn complete(place: &Place, server: &Server, expected: &[Vec<u8>], what: &str) {
    place.fetch().ok();
    server.clear_log();
    place.fetch().ok();
    assert_eq!(retrs(&server.log()), 0, "{what}: a further run has a RETR");
    let difference = difference(expected, &mail_in(&place.maildir()));
    assert!(difference.is_none(), "{what}: {difference:?}");
    assert_eq!(leftovers(&place.maildir()), [""; 0], "{what}: tmp/");
    assert_eq!(server.maildrop().messages.len(), 0, "{what}: left on the server");
}

/// Puts a fault in the place of each reply of a session: each ends the run, and no command follows it.
fn in_the_place_of_each_reply(timeout: &'static str, fault: impl Fn(u32) -> Faults) {
    for reply in 0..MOST_REPLIES {
        let Trouble { ran, commands } = meet(fault(reply), timeout);
        if ran.code() == Some(0) {
            assert_eq!(commands.last().map(String::as_str), Some("QUIT"), "reply {reply}: {ran:?}");
            assert!(reply > 12, "the session of three messages had only {reply} replies");
            return;
        }
        assert!(matches!(ran.code(), Some(69 | 75 | 76)), "reply {reply}: {ran:?}");
        assert_eq!(u32::try_from(commands.len()), Ok(reply), "reply {reply}: commands go on after it: {commands:?}");
    }
    panic!("a session has more than {MOST_REPLIES} replies");
}

#[test]
fn i4_garbage_in_the_place_of_any_reply_ends_the_run() {
    in_the_place_of_each_reply("30s", |reply| Faults { garbage_instead_of_reply: Some(reply), ..Faults::default() });
}

#[test]
fn i8_an_endless_line_in_the_place_of_any_reply_ends_the_run() {
    in_the_place_of_each_reply("30s", |reply| Faults { endless_line_at_reply: Some(reply), ..Faults::default() });
}

#[test]
fn i8_silence_in_the_place_of_any_reply_ends_the_run() {
    in_the_place_of_each_reply("1s", |reply| Faults { silent_at_reply: Some(reply), ..Faults::default() });
}

#[test]
fn i8_an_endless_listing_ends_the_run() {
    let Trouble { ran, commands } = meet(Faults { endless_list: true, ..Faults::default() }, "30s");
    assert_eq!(ran.code(), Some(76), "{ran:?}");
    assert!(!commands.iter().any(|command| command == "QUIT" || command.starts_with("RETR")), "{commands:?}");
}

/// A server with one message whose body never ends. Gives the commands that it heard.
fn serve_endless_body(listener: &TcpListener, line: &[u8]) -> Vec<String> {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut output = &stream;
    let mut heard = Vec::new();
    output.write_all(b"+OK\r\n").unwrap();
    for command in BufReader::new(&stream).lines().map_while(Result::ok) {
        let reply: &[u8] = match command.split(' ').next().unwrap() {
            "CAPA" => b"-ERR no such command\r\n",
            "STAT" => b"+OK 1 40\r\n",
            "LIST" => b"+OK\r\n1 40\r\n.\r\n",
            "UIDL" => b"+OK\r\n1 endless\r\n.\r\n",
            _ => b"+OK\r\n",
        };
        let is_retr = command.starts_with("RETR");
        heard.push(command);
        if output.write_all(reply).is_err() {
            break;
        }
        if is_retr {
            send_until_closed(&stream, line);
            break;
        }
    }
    heard
}

/// Sends a line again and again until the client closes, at most 64 MiB.
fn send_until_closed(mut stream: &TcpStream, line: &[u8]) {
    let block = line.repeat(64 * 1024 / line.len());
    let sent = (0..1024).take_while(|_| stream.write_all(&block).is_ok()).count();
    assert!(sent < 1024, "I8: the client takes a body without end");
}

#[test]
fn i8_an_endless_body_ends_the_run() {
    for line in [&b"and so on\r\n"[..], b"no line end", b".\n", b"..\r\n"] {
        let what = format!("a body of {}", line.escape_ascii());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let place = Place::new();
        place.configure(&Account::plain(port, "none"));
        let (ran, heard) = thread::scope(|scope| {
            let heard = scope.spawn(|| serve_endless_body(&listener, line));
            (place.fetch(), heard.join().unwrap())
        });
        assert_eq!(ran.code(), Some(76), "{what}: {ran:?}");
        assert!(heard.last().unwrap().starts_with("RETR"), "{what}: {heard:?}");
        assert_eq!(mail_in(&place.maildir()).len(), 0, "{what}: a part was delivered");

        let mut maildrop = Maildrop::new();
        maildrop.add_with_uid(b"endless", b"Subject: it ends\n\nforty octets, too.\n");
        let expected = expected_of(&maildrop);
        let server = server::Server::correct(maildrop);
        place.configure(&Account::plain(server.port(), "none"));
        complete(&place, &server, &expected, &what);
    }
}
