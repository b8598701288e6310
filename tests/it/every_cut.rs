//! The connection cut after each octet that the server sends (I1, I4): nothing is lost, and the next run completes.

use fetchonce::demo::{Faults, Maildrop};

use crate::support::{
    Account, Place, Server, commands_of, difference, expected_of, leftovers, mail_in, retrs, three_messages,
};

/// No session of three small messages takes more octets.
const MOST_OCTETS: u64 = 5000;

/// Each message is on the server or in the Maildir, and none is twice in the Maildir.
#[track_caller]
fn assert_nothing_lost(place: &Place, server: &Server, expected: &[Vec<u8>], what: &str) {
    let found = mail_in(&place.maildir());
    let delivered = difference(expected, &found);
    assert!(delivered.doubled.is_empty() && delivered.unknown.is_empty(), "{what}: {delivered:?}");
    let left = expected_of(&server.maildrop());
    for message in expected {
        let wanted = expected.iter().filter(|other| *other == message).count();
        let here = found.iter().filter(|file| file.content == *message).count();
        let there = left.iter().filter(|other| *other == message).count();
        assert!(here + there >= wanted, "{what}: lost, {here} here and {there} there of {wanted}");
    }
}

/// Whether a session cut after `octets` of the server's output was whole; a clean run completes it.
fn is_whole_when_cut_after(octets: u64, keep: &'static str, maildrop: &Maildrop) -> bool {
    let what = format!("keep {keep}, cut after {octets} octets");
    let expected = expected_of(maildrop);
    let place = Place::new();
    let faults = Faults { cut_after_octets: Some(octets), ..Faults::default() };
    let server = Server::faulty_once(maildrop.clone(), faults);
    place.configure(&Account::plain(server.port(), keep));
    let ran = place.fetch();
    server.wait_until_idle();
    assert_nothing_lost(&place, &server, &expected, &what);
    let is_whole = ran.code() == Some(0);
    if !is_whole && !commands_of(&server.log(), 0).contains(&"QUIT") {
        assert_eq!(server.maildrop().messages.len(), expected.len(), "{what}: expunged without QUIT");
    }
    place.fetch().ok();
    if octets.is_multiple_of(5) {
        server.clear_log();
        place.fetch().ok();
        assert_eq!(retrs(&server.log()), 0, "{what}: a further run has a RETR");
    }
    let difference = difference(&expected, &mail_in(&place.maildir()));
    assert!(difference.is_none(), "{what}: {difference:?}");
    assert_eq!(leftovers(&place.maildir()), [""; 0], "{what}: tmp/");
    assert_eq!(server.maildrop().messages.len(), if keep == "none" { 0 } else { expected.len() }, "{what}");
    is_whole
}

fn cut_after_each_octet(keep: &'static str) {
    let maildrop = three_messages();
    let octets = (0..MOST_OCTETS).find(|octets| is_whole_when_cut_after(*octets, keep, &maildrop));
    let octets = octets.expect("a session ends within the bound");
    println!("keep {keep}: cut after each of {octets} octets");
    assert!(octets > 500, "only {octets} octets");
}

#[test]
fn i4_cut_after_each_octet_every_message_is_delivered_once() {
    cut_after_each_octet("forever");
}

#[test]
fn i4_cut_after_each_octet_nothing_is_deleted_undelivered() {
    cut_after_each_octet("none");
}
