//! The program against a real Dovecot, with and without TLS.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;

use crate::support::dovecot::{EXPIRED, GOOD, MISNAMED, PASSWORD};
use crate::support::mail::names_in;
use crate::support::{Account, Dovecot, Place, corpus, difference, leftovers, mail_in};

/// Longest wait for the program to come to a point where it is killed.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

fn account(dovecot: &Dovecot, user: &str, tls: &'static str, keep: &'static str) -> Account {
    Account {
        server: GOOD.to_owned(),
        tls,
        ca_file: (tls != "none").then(|| dovecot.ca_file()),
        user: user.to_owned(),
        password: PASSWORD.to_owned(),
        ..Account::plain(if tls == "implicit" { dovecot.pop3s } else { dovecot.pop3 }, keep)
    }
}

fn served(messages: &[Vec<u8>]) -> Vec<Vec<u8>> {
    messages.iter().map(|message| corpus::as_served(message)).collect()
}

fn paths(place: &Place) -> Vec<PathBuf> {
    mail_in(&place.maildir()).into_iter().map(|file| file.path).collect()
}

#[track_caller]
fn assert_exactly_once(place: &Place, expected: &[Vec<u8>]) {
    let difference = difference(expected, &mail_in(&place.maildir()));
    assert!(difference.is_none(), "{difference:?}");
    assert_eq!(leftovers(&place.maildir()), [""; 0], "tmp/");
}

#[test]
fn i2_i3_i5_a_thousand_messages_are_fetched_once_then_deleted_then_gone() {
    const MESSAGES: usize = 1000;
    let Some(dovecot) = Dovecot::start(&["alice"]) else { return };
    let messages = corpus::messages(MESSAGES);
    let octets: usize = messages.iter().map(Vec::len).sum();
    dovecot.store("alice", &messages);
    let expected = served(&messages);
    let place = Place::new();
    place.configure(&account(&dovecot, "alice", "implicit", "forever"));

    let start = Instant::now();
    place.fetch().ok();
    println!("{MESSAGES} messages of {octets} octets in {:?}", start.elapsed());
    assert_exactly_once(&place, &expected);
    assert_eq!(dovecot.count("alice"), MESSAGES);

    // Nothing is new: nothing is fetched, written or changed.
    let (files, rows) = (paths(&place), place.rows());
    place.fetch().ok();
    let sessions = dovecot.sessions("alice", 2);
    assert!(sessions[1].contains("retr=0/0") && sessions[1].contains("del=0/"), "{sessions:?}");
    assert_eq!((paths(&place), place.rows()), (files.clone(), rows));

    // Deleted by header fingerprints, without another RETR.
    place.configure(&account(&dovecot, "alice", "implicit", "none"));
    place.fetch().ok();
    let sessions = dovecot.sessions("alice", 3);
    assert!(sessions[2].contains("retr=0/0") && sessions[2].contains(&format!("del={MESSAGES}/")), "{sessions:?}");
    assert_eq!(dovecot.count("alice"), 0, "left on the server");
    assert_eq!(place.count_rows("gone IS NOT NULL"), 0, "I5: gone before a listing lacked them");
    assert_eq!(place.count_rows("delete_sent IS NOT NULL"), i64::try_from(MESSAGES).unwrap());

    place.fetch().ok();
    assert_eq!(place.count_rows("gone IS NOT NULL"), i64::try_from(MESSAGES).unwrap());
    assert_eq!(paths(&place), files);
}

#[test]
fn i2_odd_messages_arrive_as_dovecot_serves_them() {
    let Some(dovecot) = Dovecot::start(&["alice"]) else { return };
    // None begins with a dot: Dovecot 2.3.19 does not stuff the first octet of a message.
    let odd: [&[u8]; 6] = [
        b"",
        b"\n",
        b"Subject: NULs\n\none \0 two \0\0\n\0\n",
        b"no header at all",
        b"Subject: dots\n\n.\n.\n.",
        b"\r\n\r\n",
    ];
    let messages = odd.map(<[u8]>::to_vec);
    dovecot.store("alice", &messages);
    let place = Place::new();
    place.configure(&account(&dovecot, "alice", "none", "none"));
    place.fetch().ok();
    assert_exactly_once(&place, &served(&messages));
    assert_eq!(dovecot.count("alice"), 0, "left on the server");
}

#[test]
fn each_kind_of_protection_fetches() {
    let users = ["implicit", "starttls", "none"];
    let Some(dovecot) = Dovecot::start(&users) else { return };
    let messages = corpus::messages(5);
    for tls in users {
        dovecot.store(tls, &messages);
        for server in [GOOD, "localhost"] {
            let place = Place::new();
            place.configure(&Account { server: server.to_owned(), ..account(&dovecot, tls, tls, "forever") });
            place.fetch().ok();
            assert_exactly_once(&place, &served(&messages));
        }
    }
}

#[test]
fn a_check_finds_each_kind_of_protection_in_order_and_fetches_nothing() {
    let Some(dovecot) = Dovecot::start(&["alice"]) else { return };
    dovecot.store("alice", &corpus::messages(5));
    let place = Place::new();
    let check = |server: &str, tls| {
        place.configure(&Account { server: server.to_owned(), ..account(&dovecot, "alice", tls, "none") });
        let mut command = Command::new(env!("CARGO_BIN_EXE_fetchonce"));
        command.arg("--config").arg(place.config()).arg("check");
        place.settle_command(&mut command);
        let code = place.run(&mut command).code();
        (code, fs::read_to_string(place.path("stdout")).unwrap())
    };
    for (tls, protection) in [
        ("implicit", "implicit, verified for localhost"),
        ("starttls", "STARTTLS, verified for localhost"),
        ("none", "none, "),
    ] {
        let (code, said) = check("localhost", tls);
        assert_eq!(code, Some(0), "{said}");
        assert!(
            said.contains(protection) && said.contains("5 of them new") && said.contains("ok       quit"),
            "{said}"
        );
        assert_eq!(said.contains("certificate by test authority, until "), tls != "none", "{said}");
        assert!(said.contains("UIDL, TOP, PIPELINING"), "{said}");
    }
    for (server, words) in
        [(EXPIRED, "it has expired"), (MISNAMED, "a certificate for pop.example.com, 127.0.0.4, by test authority")]
    {
        for tls in ["implicit", "starttls"] {
            let (code, said) = check(server, tls);
            assert!(code == Some(76) && said.contains(words), "{tls}: {said}");
        }
    }
    let sessions = dovecot.sessions("alice", 3);
    assert!(sessions.iter().all(|line| line.contains("top=0/0, retr=0/0, del=0/5")), "{sessions:?}");
    assert_eq!((dovecot.count("alice"), place.maildir().exists(), place.state().exists()), (5, false, false));
}

#[test]
fn i9_no_credentials_are_sent_to_a_server_that_cannot_prove_its_name() {
    let Some(dovecot) = Dovecot::start(&["alice"]) else { return };
    let Some(stranger) = Dovecot::start(&[]) else { return };
    let trusted = dovecot.ca_file();
    let refused = [
        ("expired", EXPIRED, Some(trusted.clone())),
        ("another name", MISNAMED, Some(trusted)),
        ("another authority", GOOD, Some(stranger.ca_file())),
        ("an unknown authority", GOOD, None),
    ];
    let asked_for_login = || dovecot.log().iter().any(|line| line.contains("client in: AUTH"));
    for tls in ["implicit", "starttls"] {
        for (what, server, ca_file) in &refused {
            let (server, ca_file) = ((*server).to_owned(), ca_file.clone());
            let place = Place::new();
            place.configure(&Account { server, ca_file, ..account(&dovecot, "alice", tls, "none") });
            let ran = place.fetch();
            assert_eq!(ran.code(), Some(76), "{what}, {tls}: {ran:?}");
            assert!(!asked_for_login(), "{what}, {tls}: {:?}", dovecot.log());
        }
    }
    // The log does show a login where there is one.
    let place = Place::new();
    place.configure(&account(&dovecot, "alice", "starttls", "none"));
    place.fetch().ok();
    assert!(asked_for_login(), "{:?}", dovecot.log());
}

/// I9: the trace of a real login over TLS, as a bug report would have it.
#[test]
fn i9_a_trace_of_a_real_session_holds_neither_password_nor_mail() {
    let Some(dovecot) = Dovecot::start(&["alice"]) else { return };
    dovecot.store("alice", &corpus::messages(3));
    let message = base64::engine::general_purpose::STANDARD.encode(format!("\0alice\0{PASSWORD}"));
    for tls in ["implicit", "starttls"] {
        let place = Place::new();
        place.configure(&account(&dovecot, "alice", tls, "forever"));
        place.run(place.fetch_command().args(["--trace", tls, "--log-level", "trace"])).ok();
        let trace = std::fs::read_to_string(place.path(tls)).unwrap();
        let log = std::fs::read_to_string(place.path("stderr")).unwrap();
        for line in ["-- TLS established", "S: SASL PLAIN", "C: AUTH PLAIN ***", "S: +OK Logged in.", "-- closed"] {
            assert!(trace.contains(&format!(" work 1 {line}\n")), "{tls}: no {line} in {trace}");
        }
        assert_eq!(trace.matches(" octets, end mark seen]\n").count(), 3, "{tls}: {trace}");
        for text in [&trace, &log] {
            assert!(
                !text.contains(PASSWORD) && !text.contains(&message) && !text.contains("Subject:"),
                "{tls}: {text}"
            );
        }
    }
}

#[test]
fn i2_i4_killed_while_fetching_every_message_arrives_once() {
    const MESSAGES: usize = 800;
    let Some(dovecot) = Dovecot::start(&["alice"]) else { return };
    let messages = corpus::messages(MESSAGES);
    dovecot.store("alice", &messages);
    let place = Place::new();
    place.configure(&account(&dovecot, "alice", "starttls", "none"));
    let mut killed = 0;
    for round in 0..6 {
        let mut child = place.fetch_command().spawn().unwrap();
        // Files in new/ come by the batch, those in tmp/ one by one: both kinds of moments are met.
        let files = || names_in(&place.maildir().join("new")).len() + names_in(&place.maildir().join("tmp")).len();
        let wanted = files() + 5 + (29 * round) % 64;
        let end = Instant::now() + LONGEST_WAIT;
        while files() < wanted && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "the program fetches nothing");
            std::thread::sleep(Duration::from_micros(200));
        }
        let _ = child.kill();
        killed += u32::from(place.wait(child).was_killed());
        let delivered = mail_in(&place.maildir()).len();
        // A run begins with the deletions that a killed one left: what is gone there is here.
        let left = dovecot.count("alice");
        assert!(left + delivered >= MESSAGES, "{left} left on the server, {delivered} delivered");
    }
    assert!(killed >= 3, "only {killed} runs were killed");
    println!("killed {killed} times, {} messages delivered until then", mail_in(&place.maildir()).len());
    place.fetch().ok();
    assert_exactly_once(&place, &served(&messages));
    assert_eq!(dovecot.count("alice"), 0, "left on the server");
}
