//! Each dialect, and the reader of it that is written apart from the program's own code.

use std::io::{self, Read};

use proptest::prelude::*;

use super::super::codec::{Encoded, body_octets, separator};
use super::FETCHED;
use crate::header::Header;
use crate::model::{Dialect, Timestamp};

const SEPARATOR: &[u8] = b"From a@example.com Sun Nov 22 09:00:00 2026\n";

/// Gives octets in pieces of this size.
struct Dribble(io::Cursor<Vec<u8>>, usize);

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.1.min(buffer.len());
        self.0.read(&mut buffer[..most])
    }
}

fn encoded_in_pieces(message: &[u8], dialect: Dialect, piece: usize) -> Vec<u8> {
    let source = || Dribble(io::Cursor::new(message.to_vec()), piece);
    let body = body_octets(&mut source()).unwrap();
    let mut encoded = Vec::new();
    Encoded::new(Box::new(source()), SEPARATOR.to_vec(), dialect, body).read_to_end(&mut encoded).unwrap();
    encoded.strip_prefix(SEPARATOR).expect("the separator comes first").to_vec()
}

fn encoded(message: &str, dialect: Dialect) -> String {
    String::from_utf8(encoded_in_pieces(message.as_bytes(), dialect, 64)).unwrap()
}

#[test]
fn lines_that_look_like_separators_are_quoted() {
    for (message, mboxrd, mboxo) in [
        ("A: b\n\nFrom x\n", "A: b\n\n>From x\n\n", "A: b\n\n>From x\n\n"),
        ("A: b\n\n>From x\n", "A: b\n\n>>From x\n\n", "A: b\n\n>From x\n\n"),
        ("A: b\n\n>>>From x\n", "A: b\n\n>>>>From x\n\n", "A: b\n\n>>>From x\n\n"),
        ("From x\nA: b\n\n", ">From x\nA: b\n\n\n", ">From x\nA: b\n\n\n"),
        ("A: b\n\nFrom", "A: b\n\nFrom\n\n", "A: b\n\nFrom\n\n"),
        (
            "A: b\n\nFrom\n From x\nfrom x\nFrom: x\n> From x\n",
            "A: b\n\nFrom\n From x\nfrom x\nFrom: x\n> From x\n\n",
            "",
        ),
        ("A: b\n\nFFrom x\nFrom From \n", "A: b\n\nFFrom x\n>From From \n\n", ""),
        ("A: b\n\n\rFrom x\n", "A: b\n\n\rFrom x\n\n", ""),
    ] {
        assert_eq!(encoded(message, Dialect::Mboxrd), mboxrd, "{message:?}");
        assert_eq!(encoded(message, Dialect::Mboxo), if mboxo.is_empty() { mboxrd } else { mboxo }, "{message:?}");
    }
}

#[test]
fn a_message_ends_with_a_line_end_and_an_empty_line() {
    for (message, expected) in
        [("", "\n"), ("\n", "\n\n"), ("A: b", "A: b\n\n"), ("A: b\n", "A: b\n\n"), ("A: b\n\nx", "A: b\n\nx\n\n")]
    {
        assert_eq!(encoded(message, Dialect::Mboxrd), expected, "{message:?}");
        assert_eq!(encoded(message, Dialect::Mboxo), expected, "{message:?}");
    }
}

#[test]
fn mboxcl2_states_the_length_of_the_body_and_nobody_else_does() {
    for (message, expected) in [
        ("A: b\n\nFrom x\n", "A: b\nContent-Length: 7\n\nFrom x\n\n"),
        ("A: b\n\nFrom x", "A: b\nContent-Length: 7\n\nFrom x\n\n"),
        ("Content-Length: 99999\nA: b\n\nx\n", "A: b\nContent-Length: 2\n\nx\n\n"),
        ("A: b\ncontent-LENGTH \t: 0\n 9\n\t9\nC: d\n\nx\n", "A: b\nC: d\nContent-Length: 2\n\nx\n\n"),
        ("A: b\n\nContent-Length: 1\n", "A: b\nContent-Length: 18\n\nContent-Length: 1\n\n"),
        (
            "Content-Lengths: 1\nContent-Type: t\nContent\n\n",
            "Content-Lengths: 1\nContent-Type: t\nContent\nContent-Length: 0\n\n\n",
        ),
        ("Content-Length: 5", "Content-Length: 0\n\n\n"),
        ("Content-Len", "Content-Len\nContent-Length: 0\n\n\n"),
        ("A: b\n", "A: b\nContent-Length: 0\n\n\n"),
        ("", "Content-Length: 0\n\n\n"),
        (" folded: first\nA: b\n\n", " folded: first\nA: b\nContent-Length: 0\n\n\n"),
    ] {
        assert_eq!(encoded(message, Dialect::Mboxcl2), expected, "{message:?}");
    }
}

#[test]
fn a_separator_names_a_sender_and_the_time_in_utc() {
    let of = |header: &str, time| String::from_utf8(separator(&Header::parse(header.as_bytes()), time)).unwrap();
    for (header, sender) in [
        ("Return-Path: <a@example.com>\nFrom: b@example.com\n\n", "a@example.com"),
        ("Return-Path: <>\nFrom: b@example.com\n\n", "MAILER-DAEMON"),
        ("From: B <b@example.com>\n\n", "b@example.com"),
        ("Return-Path: <a b@example.com>\nFrom: B <b@example.com>\n\n", "b@example.com"),
        ("Return-Path: <a\x07@example.com>\nFrom: nobody\x1b[2J at all <x y>\n\n", "MAILER-DAEMON"),
        ("\n", "MAILER-DAEMON"),
    ] {
        assert_eq!(of(header, FETCHED), format!("From {sender} Sun Nov 22 09:00:00 2026\n"), "{header:?}");
    }
    // The day of the month has two places, with a blank for a missing one.
    assert_eq!(of("\n", Timestamp(1_785_899_045)), "From MAILER-DAEMON Wed Aug  5 03:04:05 2026\n");
    assert_eq!(of("\n", Timestamp(i64::MAX)), "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n");
}

/// Reads one message of an mbox without its separator.
fn decoded(encoded: &[u8], dialect: Dialect) -> Vec<u8> {
    let message = encoded.strip_suffix(b"\n").expect("an empty line ends it");
    let unquoted = |line: &[u8]| {
        let marks = line.iter().take_while(|octet| **octet == b'>').count();
        let is_quoted = marks > 0 && line[marks..].starts_with(b"From ");
        line[usize::from(is_quoted)..].to_vec()
    };
    match dialect {
        Dialect::Mboxrd => message.split_inclusive(|octet| *octet == b'\n').flat_map(unquoted).collect(),
        Dialect::Mboxo | Dialect::Mboxcl2 => message.to_vec(),
    }
}

const WORDS: [&str; 14] = [
    "From ",
    ">",
    "\n",
    "\n\n",
    "From",
    "x",
    ":",
    " ",
    "\t",
    "\r",
    "\0",
    "Content-Length",
    "content-length: 7\n",
    "A: b\n",
];

fn mail() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(proptest::sample::select(&WORDS[..]), 0..24).prop_map(|words| words.concat().into_bytes())
}

/// The message with the line end that an mbox wants.
fn ended(message: &[u8]) -> Vec<u8> {
    let end = if message.is_empty() || message.ends_with(b"\n") { &b""[..] } else { b"\n" };
    [message, end].concat()
}

proptest! {
    #[test]
    fn mboxrd_is_undone_without_loss(message in mail()) {
        let encoded = encoded_in_pieces(&message, Dialect::Mboxrd, 64);
        prop_assert!(!encoded.split_inclusive(|octet| *octet == b'\n').any(|line| line.starts_with(b"From ")));
        prop_assert_eq!(decoded(&encoded, Dialect::Mboxrd), ended(&message));
    }

    #[test]
    fn mboxcl2_leaves_the_body_as_it_is(message in mail()) {
        let encoded = encoded_in_pieces(&message, Dialect::Mboxcl2, 64);
        let header = encoded.windows(2).position(|pair| pair == b"\n\n").expect("the header ends");
        let stated = String::from_utf8_lossy(&encoded[..header]).lines().last().unwrap().to_owned();
        let body: usize = stated.strip_prefix("Content-Length: ").expect("the length is stated last").parse().unwrap();
        let lines = || encoded[..=header].split(|octet| *octet == b'\n');
        let is_length = |line: &&[u8]| line.to_ascii_lowercase().starts_with(b"content-length:");
        prop_assert_eq!(lines().filter(is_length).count(), 1);
        prop_assert_eq!(encoded.len(), header + 2 + body + 1);
        let message = ended(&message);
        let own = if message.starts_with(b"\n") { Some(1) } else { message.windows(2).position(|pair| pair == b"\n\n").map(|at| at + 2) };
        prop_assert_eq!(&encoded[header + 2..header + 2 + body], &message[own.unwrap_or(message.len())..]);
    }

    #[test]
    fn pieces_do_not_matter(message in mail(), piece in 1usize..9) {
        for dialect in [Dialect::Mboxrd, Dialect::Mboxo, Dialect::Mboxcl2] {
            prop_assert_eq!(encoded_in_pieces(&message, dialect, piece), encoded_in_pieces(&message, dialect, 4096));
        }
    }
}
