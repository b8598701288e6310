//! Every wait and every length ends (I8).

use std::time::Duration;

use super::dialogue::{LISTING, LOGIN, Script, TIMING, endpoint};
use crate::model::{MessageNumber, Octets, limits};
use crate::pop3::{Notes, RetrError, SessionError, Timing, TlsMode, TopReply, open};

const ONE: MessageNumber = MessageNumber(1);

#[test]
fn i8_silence_ends_a_wait() {
    let script = Script::new("+OK");
    let error = script.open().unwrap_err();
    assert!(matches!(&error, SessionError::Silence { during, bound } if during == "CAPA" && *bound == TIMING.silence));
    assert!(script.clock() < TIMING.silence + Duration::from_secs(1));
}

#[test]
fn i8_a_dripping_status_line_ends_by_its_phase() {
    let script = Script::new("").raw(&[b"+OK ".as_slice(), &[b'x'; 1000]].concat()).dripping();
    let error = script.open().unwrap_err();
    assert!(matches!(error, SessionError::Silence { bound: limits::REPLY, .. }), "{error:?}");
    assert!(script.clock() <= limits::REPLY + Duration::from_secs(1));
}

#[test]
fn i8_the_run_deadline_ends_what_never_falls_silent() {
    let script = Script::new(LOGIN).then(LISTING).then("C: RETR 1\n+OK").raw(&vec![b'x'; 4000]).dripping();
    let timing = Timing { run_deadline: Duration::from_secs(1000), ..TIMING };
    let mut session = open(&script, &endpoint(TlsMode::None), timing, Notes::default())
        .unwrap()
        .authenticate(&super::dialogue::credentials())
        .unwrap();
    session.listing().unwrap();
    let error = session.retr(ONE, Octets(1 << 20), &mut |_| Ok(())).unwrap_err();
    assert!(matches!(&error, RetrError::Session(SessionError::Deadline { during }) if during == "RETR 1"), "{error:?}");
    assert_eq!(script.clock(), Duration::from_secs(1000));
    let over = open(&script, &endpoint(TlsMode::None), timing, Notes::default()).unwrap_err();
    assert!(matches!(over, SessionError::Deadline { .. }));
}

#[test]
fn interruption_is_seen_within_one_wake() {
    let script = Script::new("+OK").interrupt_when_silent();
    assert!(matches!(script.open().unwrap_err(), SessionError::Interrupted));
    assert_eq!(script.clock(), limits::WAKE);
}

#[test]
fn i8_endless_lines_and_lists_end() {
    let script = Script::new("").raw(&vec![b'x'; 70_000]);
    assert!(matches!(script.open().unwrap_err(), SessionError::LineTooLong { .. }));
    let longest = [b"+OK ".as_slice(), &vec![b'x'; limits::LINE_OCTETS - 6], b"\r\n"].concat();
    assert!(matches!(Script::new("").raw(&longest).open().unwrap_err(), SessionError::Silence { .. }));
    let script = Script::new("+OK\nC: CAPA\n+OK").raw(&b"X\r\n".repeat(limits::CAPA_LINES + 1));
    assert!(matches!(script.open().unwrap_err(), SessionError::ListTooLong { .. }));
    let script = Script::new("+OK\nC: CAPA\n+OK").raw(&b"X\r\n".repeat(limits::CAPA_LINES)).then(".");
    script.open().unwrap();
}

#[test]
fn i8_a_body_over_its_cap_ends_the_session() {
    let script = Script::new(LOGIN).then(LISTING).then("C: RETR 1\n+OK").raw(b"0123456789\r\n.\r\n");
    let mut session = script.login();
    session.listing().unwrap();
    let error = session.retr(ONE, Octets(11), &mut |_| Ok(())).unwrap_err();
    assert!(matches!(error, RetrError::Session(SessionError::BodyTooLong { cap: Octets(11), .. })), "{error:?}");
    assert!(matches!(session.noop(), Err(SessionError::Misuse(_))));
    assert!(session.quit().is_err(), "I4: what was RETRed is not settled");
}

#[test]
fn i8_a_large_answer_to_top_costs_its_message_only() {
    let lines = usize::try_from(limits::TOP_OCTETS).unwrap() / 1024 + 1;
    let long = [&[b'x'; 1022], b"\r\n".as_slice()].concat().repeat(lines);
    let script = Script::new(LOGIN).then("C: TOP 1 0\n+OK").raw(&long).then(".\nC: NOOP\n+OK");
    let mut session = script.login();
    let mut replies = Vec::new();
    session.top_headers(&[ONE], &mut |_, reply| replies.push(reply)).unwrap();
    assert!(matches!(&replies[..], [TopReply::Refused(_)]));
    session.noop().unwrap();
}
