//! I8: nothing that a server does, or does not do, takes for ever.

use super::*;
use crate::model::limits;

const BEGUN: &str = "\nC: MAIL FROM:<>\n250 ok\nC: RCPT TO:<alice>\n250 ok\nC: DATA\n";
const SENT: &str = "354 go\nC: Subject: x\nC:\nC: ..\nC: .\n";

fn script(parts: &[&str]) -> Script {
    Script::new(&parts.concat())
}

/// RFC 5321 §4.5.3.2, as the longest waits.
#[test]
fn i8_a_server_that_falls_silent_is_waited_for_so_long_at_each_stage() {
    for (said, stage, outcome, seconds) in [
        ("", "the greeting", "unprepared", 300),
        ("220-wait\n", "the greeting", "unprepared", 300),
        ("220 mx\n", "LHLO", "unprepared", 300),
        (PLAIN, "MAIL", "refused", 300),
        (&[PLAIN, "\nC: MAIL FROM:<>\n250 ok\n"].concat(), "RCPT", "refused", 300),
        (&[PLAIN, BEGUN].concat(), "DATA", "refused", 120),
        (&[PLAIN, BEGUN, SENT].concat(), "the end of the message", "in doubt", 600),
        (&[PLAIN, BEGUN, SENT, "250-more\n"].concat(), "the end of the message", "in doubt", 600),
    ] {
        let script = script(&[said]);
        let error = format!("{outcome}: lmtp:/run/lmtp: no answer within {seconds}s at {stage}");
        assert_eq!(offer_one(&script), error);
        assert_eq!(script.clock(), Duration::from_secs(seconds), "{stage}");
    }
}

#[test]
fn i8_an_answer_in_drops_is_an_answer_too_late() {
    let slow = "x".repeat(700);
    let script = script(&[PLAIN, BEGUN, SENT, "250 ", &slow]).dripping();
    let outcome = offer_one(&script);
    assert!(outcome.starts_with("in doubt") && outcome.contains("600s"), "{outcome}");
}

#[test]
fn i8_a_reply_has_an_end() {
    let lines = "250-more\n".repeat(limits::MTA_REPLY_LINES + 1);
    let many = script(&[PLAIN, "\nC: MAIL FROM:<>\n", &lines]);
    assert_eq!(offer_one(&many), "refused: lmtp:/run/lmtp: protocol error at MAIL: a reply has more than 128 lines");
    let long = "x".repeat(limits::LINE_OCTETS + 5000);
    for behind_the_dot in [false, true] {
        let begun = if behind_the_dot { [BEGUN, SENT].concat() } else { "\nC: MAIL FROM:<>\n".to_owned() };
        let endless = script(&[PLAIN, &begun, "250 ", &long]);
        let outcome = offer_one(&endless);
        assert_eq!(outcome.starts_with("in doubt"), behind_the_dot, "{outcome}");
        assert!(outcome.contains("a line of a reply is longer than"), "{outcome}");
    }
}

#[test]
fn i8_the_end_of_the_run_and_the_user_stop_each_wait_but_a_short_one_for_a_verdict() {
    for (said, stage, outcome, seconds) in [
        ("", "the greeting", "unprepared", 0),
        (PLAIN, "MAIL", "refused", 0),
        (&[PLAIN, BEGUN].concat(), "DATA", "refused", 0),
        (&[PLAIN, BEGUN, SENT].concat(), "the end of the message", "in doubt", 10),
    ] {
        let interrupted = script(&[said]).interrupt_when_silent();
        assert_eq!(offer_one(&interrupted), format!("{outcome}: lmtp:/run/lmtp: interrupted at {stage}"));
        let waited = interrupted.clock();
        assert!(waited.abs_diff(Duration::from_secs(seconds)) <= limits::WAKE, "{stage}: {waited:?}");

        let late = script(&[said]);
        let spool = Spool::with(&[MESSAGE]);
        let mut mta = Mta::new(&late, Protocol::Lmtp, spec(), Duration::from_secs(2));
        let error = format!("{outcome}: lmtp:/run/lmtp: the time for this run is over, at {stage}");
        assert_eq!(offer(&mut mta, &spool.parcels()[0]), error);
        assert_eq!(late.clock(), Duration::from_secs(seconds.max(2)), "{stage}");
    }
    // What is under way may end well, and then nothing else begins.
    let under_way = script(&[PLAIN, BEGUN, SENT, "WAIT 5\n250 taken"]).interrupt_when_silent();
    assert_eq!(offer_all(&under_way, 2), ["delivered", "refused: lmtp:/run/lmtp: interrupted at MAIL"]);
    let over = script(&["REFUSE"]);
    let spool = Spool::with(&[MESSAGE]);
    let outcome = offer(&mut Mta::new(&over, Protocol::Lmtp, spec(), Duration::ZERO), &spool.parcels()[0]);
    assert_eq!(outcome, "unprepared: lmtp:/run/lmtp: the time for this run is over, at the greeting");
}

/// A message that is not what it was when it was stored is never ended.
#[test]
fn i2_what_cannot_be_read_to_its_end_is_not_delivered() {
    let message: Vec<u8> = b"abc\n".repeat(50_000);
    let spool = Spool::with(&[&message]);
    let whole = spool.parcels().remove(0);
    let mut shorter = whole.clone();
    shorter.content.octets.0 += 1;
    let mut longer = whole.clone();
    longer.content.octets.0 -= 1;
    for parcel in [shorter, longer] {
        let script = script(&[PLAIN]);
        let outcome = offer(&mut lmtp(&script), &parcel);
        assert_eq!(outcome, "unprepared: cannot read the held message m0");
        assert!(!script.heard().contains("MAIL"));
    }
    // It fails, or changes, after it was looked at.
    for fails in [true, false] {
        let script = script(&[PLAIN, BEGUN, "354 go"]);
        let mut mta = lmtp(&script);
        let spool = Spool::with(&[&message]);
        let parcels = spool.parcels();
        let prepared = mta.prepare(&parcels).unwrap();
        *spool.changes.borrow_mut() = Some(if fails { Change::FailsAfter(70_000) } else { Change::Another });
        let outcomes = prepared.perform();
        let [Outcome::Refused(TargetError::Io { .. })] = &*outcomes else { panic!("{outcomes:?}") };
        assert!(!script.heard().contains("\r\n.\r\n"), "no dot");
        drop(mta);
        assert!(!script.heard().contains("QUIT"), "the connection is only closed");
    }
    let missing = parcel(&spool, "nowhere", 3);
    let script = script(&[PLAIN, "\nC: QUIT\n221 bye"]);
    assert_eq!(offer(&mut lmtp(&script), &missing), "unprepared: the held message nowhere is missing");
    script.assert_done();
}
