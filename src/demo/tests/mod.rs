//! Tests of the server: conversations with the pure core, its faults, and the listener.

mod conversation;
mod faults;
mod listener;

use super::*;

/// Two small messages: uid `one` with a dotted line, uid `two` with an empty body.
fn two_messages() -> Maildrop {
    let mut maildrop = Maildrop::new();
    maildrop.add_with_uid(b"one", b"Subject: a\n\n.dot\nb");
    maildrop.add_with_uid(b"two", b"Subject: c\n\n");
    maildrop
}

fn uids(maildrop: &Maildrop) -> Vec<&str> {
    maildrop.messages.iter().map(|message| str::from_utf8(&message.uid).unwrap()).collect()
}

/// Everything that waits.
fn drain(connection: &mut Connection) -> Vec<u8> {
    let mut octets = Vec::new();
    loop {
        let chunk = connection.take_output();
        assert!(chunk.len() <= CHUNK_OCTETS);
        if chunk.is_empty() {
            return octets;
        }
        octets.extend_from_slice(&chunk);
    }
}

/// What the server says to these lines, with LF line ends, and the connection afterwards.
fn talk(faults: &Faults, maildrop: &mut Maildrop, lines: &[&str]) -> (String, Connection) {
    let mut connection = Connection::new(faults.clone(), None);
    let mut said = drain(&mut connection);
    for line in lines {
        connection.feed(maildrop, format!("{line}\r\n").as_bytes());
        said.extend(drain(&mut connection));
    }
    (String::from_utf8_lossy(&said).replace("\r\n", "\n"), connection)
}

/// Like [`talk`], after a login and without what was said until then.
fn talk_in_session(faults: &Faults, maildrop: &mut Maildrop, lines: &[&str]) -> (String, Connection) {
    let (login, _) = talk(faults, maildrop, &LOGIN);
    let (said, connection) = talk(faults, maildrop, &[&LOGIN, lines].concat());
    (said[login.len()..].to_owned(), connection)
}

const LOGIN: [&str; 2] = ["USER alice", "PASS secret"];
