//! What is noted of a session, and what never is.

use std::sync::{Arc, Mutex};

use super::dialogue::{LISTING, Script, TIMING, credentials, endpoint};
use crate::model::{MessageNumber, Octets, limits};
use crate::pop3::{AuthFailure, Credentials, NotedLine, Notes, Session, TlsMode, Tracer, Transaction, open};

/// Keeps all that it is told.
#[derive(Default)]
struct Kept(Mutex<Vec<String>>);

impl Tracer for Kept {
    fn begin(&self) -> u32 {
        7
    }

    fn note(&self, connection: u32, line: &NotedLine) {
        assert_eq!(connection, 7);
        self.0.lock().unwrap().push(line.to_string());
    }
}

impl Kept {
    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn log_in<'s>(script: &'s Script, kept: &Arc<Kept>) -> Result<Session<'s, Transaction>, AuthFailure> {
    let notes = Notes::new(Some(Arc::clone(kept) as Arc<dyn Tracer>), Some(&credentials()));
    open(script, &endpoint(TlsMode::None), TIMING, notes)?.authenticate(&credentials())
}

const CONNECTED: [&str; 2] = ["-- connecting to pop.example.com port 110, no TLS", "-- connected"];

#[test]
fn every_line_is_noted_but_no_password_and_no_body() {
    let script =
        Script::new("+OK \x1b[2Jready\nC: CAPA\n-ERR what\nC: USER alice\n+OK\nC: PASS secret\n+OK\nC: CAPA\n-ERR")
            .then(LISTING)
            .then("C: RETR 1\n+OK\nSubject: hidden\n..hidden\n.\nC: TOP 2 0\n+OK\nSubject: hidden\n.");
    let kept = Arc::new(Kept::default());
    let mut session = log_in(&script, &kept).unwrap();
    session.listing().unwrap();
    session.retr(MessageNumber(1), Octets(1000), &mut |_| Ok(())).unwrap();
    session.top_headers(&[MessageNumber(2)], &mut |_, _| {}).unwrap();
    drop(session);
    let expected = [
        "S: +OK \\u{1b}[2Jready",
        "C: CAPA",
        "S: -ERR what",
        "C: USER alice",
        "S: +OK",
        "C: PASS ***",
        "S: +OK",
        "C: CAPA",
        "S: -ERR",
        "C: UIDL",
        "S: +OK",
        "S: 1 aaa",
        "S: 2 bbb",
        "S: .",
        "C: STAT",
        "S: +OK 2 30",
        "C: LIST",
        "S: +OK",
        "S: 1 10",
        "S: 2 20",
        "S: .",
        "C: RETR 1",
        "S: +OK",
        "S: [a body of 30 octets, end mark seen]",
        "C: TOP 2 0",
        "S: +OK",
        "S: [a body of 20 octets, end mark seen]",
        "-- closed",
    ];
    assert_eq!(kept.lines(), [&CONNECTED[..], &expected].concat());
}

#[test]
fn a_body_that_breaks_off_and_the_end_of_the_stream_are_noted() {
    let login = "+OK\nC: CAPA\n+OK\nSASL PLAIN\n.\nC: AUTH PLAIN AGFsaWNlAHNlY3JldA==\n+ \nC: AGFsaWNlAHNlY3JldA==\n+OK\nC: CAPA\n-ERR";
    let script = Script::new(login).then(LISTING).then("C: RETR 1\n+OK\nSubject: hidden\nCLOSE");
    let kept = Arc::new(Kept::default());
    let mut session = log_in(&script, &kept).unwrap();
    session.listing().unwrap();
    session.retr(MessageNumber(1), Octets(1000), &mut |_| Ok(())).unwrap_err();
    drop(session);
    let lines = kept.lines();
    assert_eq!(lines[6..12], ["S: .", "C: AUTH PLAIN ***", "S: + ", "C: ***", "S: +OK", "C: CAPA"]);
    let end = [
        "S: [17 octets of a body, no end mark]",
        "-- connection closed during RETR 1: end of stream after 17 octets",
        "-- closed",
    ];
    assert_eq!(lines[lines.len() - 3..], end);
}

/// I9: in a status line, in a list, in garbage, in another case, in base64, before the login and after it.
#[test]
fn i9_what_repeats_a_secret_is_withheld() {
    let withheld = "(withheld: it repeats the password)";
    let script = Script::new("+OK your last password was secret\nC: CAPA\n+OK\nUSER\nX c2VjcmV0\n.")
        .then("C: USER alice\n+OK\nC: PASS secret\n+OK you said PASS SECRET\nC: CAPA\n+OK\nIMPLEMENTATION AGFsaWNlAHNlY3JldA==\n.")
        .then("C: UIDL\n+OK\n1 is-secret\n.\nC: STAT\n-ERR [SYS/TEMP] secret\nC: LIST\nsecret");
    let kept = Arc::new(Kept::default());
    let mut session = log_in(&script, &kept).unwrap();
    assert_eq!(session.capabilities().implementation.as_deref(), Some(withheld));
    let error = session.listing().unwrap_err();
    drop(session);
    let text = format!("{}\n{error}", kept.lines().join("\n")).to_lowercase();
    assert!(["secret", "c2vjcmv0", "agfsawnlahnly3jlda"].iter().all(|canary| !text.contains(canary)), "{text}");
    for line in [format!("S: +OK {withheld}"), format!("S: -ERR {withheld}"), format!("S: {withheld}")] {
        assert!(kept.lines().contains(&line), "{line}: {text}");
    }
    assert!(text.contains("protocol error during list: no status line but (withheld"), "{text}");
}

#[test]
fn i9_a_part_of_a_secret_is_not_shown_either() {
    let script = Script::new("+OK\nC: CAPA\n-ERR\nC: USER alice\n+OK\nC: PASS secret").raw(b"+OK\r\nYou said\r\nsecr");
    let kept = Arc::new(Kept::default());
    let error = log_in(&script, &kept).unwrap_err().to_string();
    assert!(error.ends_with("the server sent 14 octets unasked: You said\\r\\n"), "{error}");
    assert!(!kept.lines().join("\n").contains("secr"), "{:?}", kept.lines());
}

#[test]
fn i9_a_user_name_that_is_the_password_is_withheld() {
    let script = Script::new("+OK\nC: CAPA\n-ERR\nC: USER same\n-ERR no");
    let kept = Arc::new(Kept::default());
    let same = Credentials { user: "same".to_owned(), password: "same".to_owned().into() };
    let notes = Notes::new(Some(Arc::clone(&kept) as Arc<dyn Tracer>), Some(&same));
    let session = open(&script, &endpoint(TlsMode::None), TIMING, notes).unwrap();
    session.authenticate(&same).unwrap_err();
    assert!(kept.lines().iter().all(|line| !line.contains("same")), "{:?}", kept.lines());
}

#[test]
fn i8_a_long_line_is_cut() {
    let script = Script::new("").raw(b"+OK ").raw(&[b'x'; 4000]).raw(b"\r\n").then("CLOSE");
    let kept = Arc::new(Kept::default());
    log_in(&script, &kept).unwrap_err();
    let lines = kept.lines();
    let greeting = lines.iter().find(|line| line.starts_with("S: ")).unwrap();
    assert_eq!(greeting.chars().count(), "S: ".len() + limits::NOTED_CHARS + 1);
}
