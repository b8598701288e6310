//! Delivery by LMTP to a real Dovecot.

use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use fetchonce::deliver::TargetError;
use fetchonce::deliver::mta::{Mta, Protocol};
use fetchonce::deliver::parcel::{Deliver as _, Outcome, Parcel, Source};
use fetchonce::host::{Host as _, RealHost};
use fetchonce::model::{
    ContentId, DeliveryId, Digest, InDoubt, MtaAddress, MtaTarget, Octets, Promise, Timestamp, Uid,
};

use crate::support::dovecot::{GOOD, PASSWORD};
use crate::support::mail::names_in;
use crate::support::{Account, Dovecot, Place, corpus};

/// Longer than any test takes.
const RUN: Duration = Duration::from_secs(600);

/// One message in memory.
struct Spool(Vec<u8>);

impl Source for Spool {
    fn open(&self, _token: &DeliveryId) -> Result<Option<Box<dyn Read>>, TargetError> {
        Ok(Some(Box::new(Cursor::new(self.0.clone()))))
    }
}

fn target(address: MtaAddress, recipient: &str) -> MtaTarget {
    MtaTarget { address, recipient: recipient.to_owned(), sender: None, in_doubt: InDoubt::Redeliver }
}

fn socket(dovecot: &Dovecot) -> MtaAddress {
    MtaAddress::Local(dovecot.lmtp_socket())
}

/// Offers messages over as few connections as possible. Gives what became of each.
fn offer(spec: MtaTarget, messages: &[Vec<u8>], prefix: &[u8]) -> Vec<Outcome> {
    let host = RealHost::new(Arc::new(AtomicBool::new(false)));
    let mut mta = Mta::new(&host, Protocol::Lmtp, spec, host.elapsed() + RUN);
    let deliver = |message: &Vec<u8>| {
        let source = Spool(message.clone());
        let (header, full) = (Digest([0; 32]), Digest([0; 32]));
        let parcels = [Parcel {
            token: DeliveryId("token".to_owned()),
            uid: Uid::new(b"uid").unwrap(),
            content: ContentId { header, full, octets: Octets(message.len() as u64) },
            fetched_at: Timestamp(0),
            prefix: prefix.to_vec(),
            source: &source,
        }];
        let prepared = mta.prepare(&parcels).unwrap();
        assert_eq!(prepared.promises(), [Promise::HandedOver]);
        prepared.perform().remove(0)
    };
    messages.iter().map(deliver).collect()
}

/// What a message is after its way over the wire: every line end is LF, and there is a last one.
fn as_sent(message: &[u8]) -> Vec<u8> {
    let text: String = message.iter().map(|octet| char::from(*octet)).collect();
    let mut text = text.replace("\r\n", "\n").replace('\r', "\n");
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.chars().map(|c| u8::try_from(c).unwrap()).collect()
}

/// The messages of a mailbox in the order of their delivery, without what Dovecot put before them.
fn received(maildir: &Path) -> Vec<Vec<u8>> {
    let mut names = names_in(&maildir.join("new"));
    // The second, and the number of the message within it.
    names.sort_by_key(|name| {
        let (second, rest) = name.split_once(".M").unwrap();
        let (microsecond, _) = rest.split_once('P').unwrap();
        (second.parse::<u64>().unwrap(), microsecond.parse::<u64>().unwrap())
    });
    names.iter().map(|name| without_trace(&fs::read(maildir.join("new").join(name)).unwrap())).collect()
}

/// Return-Path, Delivered-To and one Received are Dovecot's.
fn without_trace(stored: &[u8]) -> Vec<u8> {
    let mut lines = stored.split_inclusive(|octet| *octet == b'\n').peekable();
    for name in ["Return-Path: ", "Delivered-To: ", "Received: "] {
        let line = lines.next().unwrap();
        assert!(line.starts_with(name.as_bytes()), "{}", line.escape_ascii());
        while lines.next_if(|line| line.starts_with(b"\t")).is_some() {}
    }
    lines.collect::<Vec<_>>().concat()
}

#[track_caller]
fn assert_same(received: &[Vec<u8>], sent: &[Vec<u8>]) {
    assert_eq!(received.len(), sent.len());
    for (number, (received, sent)) in received.iter().zip(sent).enumerate() {
        let expected = as_sent(sent);
        let differs = received.iter().zip(&expected).position(|(a, b)| a != b);
        assert!(
            *received == expected,
            "message {number}: {} and {} octets, {differs:?}",
            received.len(),
            expected.len()
        );
    }
}

#[track_caller]
fn assert_all_delivered(outcomes: &[Outcome]) {
    for (number, outcome) in outcomes.iter().enumerate() {
        assert!(matches!(outcome, Outcome::Delivered), "message {number}: {outcome:?}");
    }
}

#[test]
fn i2_mail_of_all_shapes_arrives_as_it_is_over_a_socket_and_over_tcp() {
    let Some(dovecot) = Dovecot::start(&["alice", "bob"]) else { return };
    let mut messages = corpus::messages(210);
    messages.extend([
        b"\n".to_vec(),
        b"Subject: NULs\n\none \0 two \0\0\n\0\n".to_vec(),
        b".\n".to_vec(),
        b"..\n.\n\n.".to_vec(),
        b"Subject: the end\r.\rof it\r\n.\r\nQUIT\n".to_vec(),
    ]);
    let tcp = MtaAddress::Tcp { host: GOOD.to_owned(), port: dovecot.lmtp };
    for (user, address) in [("alice", socket(&dovecot)), ("bob", tcp)] {
        assert_all_delivered(&offer(target(address, user), &messages, b""));
        assert_same(&received(&dovecot.maildir(user)), &messages);
    }
    let log = dovecot.log();
    let sessions = log.iter().filter(|line| line.contains("lmtp") && line.contains("Logged out")).count();
    assert_eq!(sessions, 2, "one connection serves all");
}

#[test]
fn what_dovecot_refuses_for_ever_is_rejected_and_the_rest_goes_on() {
    let Some(dovecot) = Dovecot::start(&["alice", "full"]) else { return };
    let messages = corpus::messages(2);
    for (recipient, stage, words) in [
        ("nobody", "RCPT", "550 5.1.1 <nobody> User doesn't exist"),
        ("full", "the end of the message", "552 5.2.2 <full> Quota exceeded"),
    ] {
        dovecot.fill("full");
        for outcome in offer(target(socket(&dovecot), recipient), &messages, b"") {
            let Outcome::Rejected(error) = outcome else { panic!("{recipient}: {outcome:?}") };
            assert!(error.to_string().contains(&format!("refused at {stage}: {words}")), "{error}");
        }
    }
    assert_eq!((dovecot.count("alice"), dovecot.count("full")), (0, 1));
    assert_all_delivered(&offer(target(socket(&dovecot), "alice"), &messages, b""));
}

/// The script of the documentation, word for word: what is delivered again after a doubt is dropped.
#[test]
fn sieve_drops_a_repeat_by_the_token() {
    let Some(dovecot) = Dovecot::start(&["alice"]) else { return };
    let page = include_str!("../../docs/reference/lmtp.md");
    let script = page.split("```sieve\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    dovecot.set_sieve("alice", script);
    let message = [b"Message-ID: <same@example.org>\nSubject: twins\n\nsame\n".to_vec()];
    let spec = || target(socket(&dovecot), "alice");
    for (token, count) in [("one", 1), ("one", 1), ("two", 2), ("one", 2), ("two", 2)] {
        let prefix = format!("X-Fetchonce-Token: {token}\n");
        assert_all_delivered(&offer(spec(), &message, prefix.as_bytes()));
        assert_eq!(dovecot.count("alice"), count, "{token}");
    }
    // Without a token nothing is a repeat.
    assert_all_delivered(&offer(spec(), &[message[0].clone(), message[0].clone()], b""));
    assert_eq!(dovecot.count("alice"), 4);
}

/// From the maildrop of one user into the mailbox of another, while the server is there and while it is not.
#[test]
fn i2_i3_what_is_fetched_goes_to_the_mail_server_once_and_waits_for_it() {
    let Some(dovecot) = Dovecot::start(&["alice", "bob"]) else { return };
    let place = Place::new();
    let deliver_to = |socket: &Path| {
        let account = Account { password: PASSWORD.to_owned(), ..Account::plain(dovecot.pop3, "none") };
        place.configure(&account);
        let text = fs::read_to_string(place.config()).unwrap();
        let deliver = text.lines().find(|line| line.starts_with("deliver")).unwrap();
        let target = format!("deliver = {{ lmtp = {:?}, recipient = \"bob\" }}", socket.to_str().unwrap());
        fs::write(place.config(), text.replace(deliver, &target)).unwrap();
    };
    let link = place.path("lmtp");
    deliver_to(&link);
    let messages = corpus::messages(40);
    dovecot.store("alice", &messages);
    let ran = place.fetch();
    assert_eq!(ran.code(), Some(69), "{ran:?}");
    assert!(ran.stderr.contains("no connection to the socket"), "{ran:?}");
    assert_eq!((dovecot.count("alice"), dovecot.count("bob")), (40, 0));

    std::os::unix::fs::symlink(dovecot.lmtp_socket(), &link).unwrap();
    place.fetch().ok();
    place.fetch().ok();
    assert_eq!(dovecot.count("alice"), 0, "left on the server");
    let mut arrived: Vec<Vec<u8>> =
        received(&dovecot.maildir("bob")).iter().map(|message| without_token(message)).collect();
    let mut sent: Vec<Vec<u8>> = messages.iter().map(|message| as_sent(message)).collect();
    arrived.sort();
    sent.sort();
    assert_same(&arrived, &sent);
}

/// I2, I3, I10: killed at any step, and the script of the documentation drops what comes again.
#[test]
fn i2_killed_at_any_step_a_mailbox_that_drops_repeats_has_every_message_once() {
    let Some(dovecot) = Dovecot::start(&["alice", "bob"]) else { return };
    let page = include_str!("../../docs/reference/lmtp.md");
    dovecot.set_sieve("bob", page.split("```sieve\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap());
    for first in (1..).step_by(23) {
        let place = Place::new();
        place.configure(&Account { password: PASSWORD.to_owned(), ..Account::plain(dovecot.pop3, "none") });
        let text = fs::read_to_string(place.config()).unwrap();
        let deliver = text.lines().find(|line| line.starts_with("deliver")).unwrap();
        let target = format!("deliver = {{ lmtp = {:?}, recipient = \"bob\" }}", dovecot.lmtp_socket());
        fs::write(place.config(), text.replace(deliver, &target)).unwrap();
        let messages: Vec<Vec<u8>> = (0..3).map(|n| format!("Subject: {first} {n}\n\n{n}\n").into_bytes()).collect();
        dovecot.store("alice", &messages);
        let before = dovecot.count("bob");
        let killed = [first, 41].iter().filter(|step| place.fetch_killed_at(**step).was_killed()).count();
        for _ in 0..2 {
            let ran = place.fetch();
            assert_eq!(ran.code(), Some(0), "killed at {first}: {ran:?}");
        }
        assert_eq!((dovecot.count("bob") - before, dovecot.count("alice")), (3, 0), "killed at {first}");
        let arrived = received(&dovecot.maildir("bob"));
        for message in messages {
            let count = arrived.iter().filter(|arrived| without_token(arrived) == message).count();
            assert_eq!(count, 1, "killed at {first}: {}", message.escape_ascii());
        }
        if killed == 0 {
            assert!(first > 60, "only {first} steps");
            break;
        }
    }
}

/// The mailbox of a domain, divided by the address in the envelope: one message for two people, one for nobody known, and
/// one without an address.
#[test]
fn a_domain_is_divided_among_the_mailboxes_of_a_mail_server() {
    let people = ["bob@example.com", "carol@example.com", "postmaster@example.com"];
    let Some(dovecot) = Dovecot::start(&[&["alice"][..], &people].concat()) else { return };
    let place = Place::new();
    place.configure(&Account { password: PASSWORD.to_owned(), ..Account::plain(dovecot.pop3, "none") });
    let text = fs::read_to_string(place.config()).unwrap();
    let deliver = text.lines().find(|line| line.starts_with("deliver")).unwrap();
    let target = |to| format!("deliver = {{ lmtp = {:?}, recipient = \"{to}\" }}", dovecot.lmtp_socket());
    let route = format!("\n[[account.work.route]]\nrecipient = \"*@example.com\"\n{}\n", target("{recipient}"));
    let text = text.replace(deliver, &target("postmaster@example.com")) + &route;
    fs::write(place.config(), text).unwrap();
    let mail = |envelope: &str| format!("{envelope}Subject: x\n\n{envelope}\n").into_bytes();
    let for_bob = mail("X-Original-To: Bob@Example.com\n");
    let for_both = mail("Envelope-To: carol@example.com, bob@example.com\n");
    let for_nobody = mail("Delivered-To: dave@example.com\n");
    let unnamed = mail("");
    dovecot.store("alice", &[for_bob.clone(), for_both.clone(), for_nobody.clone(), unnamed.clone()]);

    let ran = place.fetch();
    assert_eq!(ran.code(), Some(65), "{ran:?}");
    assert!(ran.stderr.contains("User doesn't exist: dave@example.com"), "{ran:?}");
    place.fetch().ok();
    let arrived = people.map(|user| {
        let mail = received(&dovecot.maildir(user));
        mail.iter().map(|message| without_token(message)).collect::<Vec<_>>()
    });
    assert_eq!(arrived, [vec![for_bob, for_both.clone()], vec![for_both], vec![unnamed]]);
    let quarantine = place.state().join("quarantine/work");
    let names = names_in(&quarantine.join("new"));
    let kept: Vec<Vec<u8>> = names.iter().map(|name| fs::read(quarantine.join("new").join(name)).unwrap()).collect();
    assert_eq!((kept, dovecot.count("alice")), (vec![for_nobody], 0));
}

fn without_token(message: &[u8]) -> Vec<u8> {
    let end = message.iter().position(|octet| *octet == b'\n').unwrap();
    assert!(message.starts_with(b"X-Fetchonce-Token: "), "{}", message[..end].escape_ascii());
    message[end + 1..].to_vec()
}
