//! One connection for many messages, and when there is another one or none.

use super::*;
use crate::model::limits;

fn script(parts: &[&str]) -> Script {
    Script::new(&parts.concat())
}

#[test]
fn two_hundred_messages_go_over_one_connection() {
    let script = script(&[PLAIN, &TAKEN.repeat(200), "\nC: QUIT\n221 bye"]);
    assert_eq!(offer_all(&script, 200), ["delivered"; 200]);
    script.assert_done();
}

#[test]
fn i8_a_connection_is_replaced_before_it_gets_too_old() {
    let count = usize::try_from(limits::MTA_CONNECTION_MESSAGES).unwrap();
    let full = TAKEN.repeat(count);
    let script = script(&[PLAIN, &full, "\nC: QUIT\n221 bye\nCONNECT", PLAIN, TAKEN, "\nC: QUIT\nCLOSE"]);
    assert!(offer_all(&script, count + 1).iter().all(|outcome| outcome == "delivered"));
    script.assert_ended();
}

/// What a server does to a connection between two messages says nothing of the next message.
#[test]
fn a_connection_that_was_closed_between_two_messages_is_replaced() {
    for farewell in
        ["\nCLOSE", "\n421 4.4.2 idle\nCLOSE", "\nC: MAIL FROM:<>\n421 enough\nCLOSE", "\nC: MAIL FROM:<>\nCLOSE"]
    {
        let script = script(&[PLAIN, TAKEN, farewell, "\nCONNECT", PLAIN, TAKEN, "\nC: QUIT\n221 bye"]);
        assert_eq!(offer_all(&script, 2), ["delivered", "delivered"], "{farewell}");
        script.assert_done();
    }
    // Only once, and only where it may be so.
    let closed = script(&[PLAIN, TAKEN, "\nCLOSE\nCONNECT", PLAIN, "\nC: MAIL FROM:<>\nCLOSE"]);
    assert_eq!(offer_all(&closed, 2)[1], "refused: lmtp:/run/lmtp: connection closed at MAIL");
    let gone = script(&[PLAIN, TAKEN, "\nCLOSE\nREFUSE"]);
    let outcomes = offer_all(&gone, 3);
    assert_eq!(outcomes[1], "refused: lmtp:/run/lmtp: no connection to the socket /run/lmtp");
    assert!(outcomes[2].starts_with("unprepared") && outcomes[2].contains("not offered"), "{}", outcomes[2]);
    let stray = script(&[PLAIN, TAKEN, "\n250 once more"]);
    assert_eq!(
        offer_all(&stray, 2)[1],
        "refused: lmtp:/run/lmtp: protocol error at MAIL: the server said unasked: 250 once more"
    );
}

#[test]
fn a_message_in_doubt_is_never_offered_twice_by_itself() {
    let in_doubt = TAKEN.replace("250 2.0.0 taken", "CLOSE");
    let script = script(&[PLAIN, TAKEN, &in_doubt, "\nCONNECT", PLAIN, TAKEN, "\nC: QUIT\n221 bye"]);
    let outcomes = offer_all(&script, 3);
    assert_eq!(outcomes[1], "in doubt: lmtp:/run/lmtp: connection closed at the end of the message");
    assert_eq!([&*outcomes[0], &*outcomes[2]], ["delivered", "delivered"], "it holds up no other");
    script.assert_done();
}

#[test]
fn a_server_that_loses_two_connections_in_a_row_is_asked_no_more() {
    let lost = [PLAIN, "\nC: MAIL FROM:<>\n250 ok\nC: RCPT TO:<alice>\n250 ok\nC: DATA\nCLOSE\nCONNECT"].concat();
    let twice = script(&[&lost, &lost]);
    let outcomes = offer_all(&twice, 4);
    for outcome in &outcomes[..2] {
        assert_eq!(outcome, "refused: lmtp:/run/lmtp: connection closed at DATA");
    }
    for outcome in &outcomes[2..] {
        let error = "not offered to it any more in this run: connection closed at DATA";
        assert_eq!(outcome, &format!("unprepared: lmtp:/run/lmtp: {error}"));
    }
    // Not in a row: then each was the fault of its message.
    let now_and_then = script(&[&lost, PLAIN, TAKEN, "\nCLOSE\nCONNECT", &lost, PLAIN, TAKEN]);
    let outcomes = offer_all(&now_and_then, 4);
    let delivered: Vec<bool> = outcomes.iter().map(|outcome| outcome == "delivered").collect();
    assert_eq!(delivered, [false, true, false, true], "{outcomes:?}");
}

/// A refusal by the server's own state ends the offers; one of a message does not.
#[test]
fn a_server_that_takes_no_mail_is_offered_no_more() {
    const RSET: &str = "\nC: RSET\n250 ok";
    for (answer, goes_on) in
        [("421 closing", false), ("530 login first", false), ("502 what", false), ("450 later", true), ("550 no", true)]
    {
        let script = script(&[PLAIN, "\nC: MAIL FROM:<>\n", answer, RSET, TAKEN]);
        let outcomes = offer_all(&script, 2);
        assert_eq!(outcomes[1] == "delivered", goes_on, "{answer}: {outcomes:?}");
        assert_eq!(outcomes[1].contains("not offered to it any more"), !goes_on, "{answer}: {outcomes:?}");
    }
}

#[test]
fn what_an_earlier_run_promised_only_the_server_knows() {
    let script = script(&[]);
    let spool = Spool::with(&[MESSAGE, MESSAGE]);
    let promised: Vec<Promised<'_>> = spool
        .parcels()
        .into_iter()
        .map(|parcel| Promised { parcel, promise: Promise::HandedOver, at: Timestamp(0) })
        .collect();
    let mut mta = lmtp(&script);
    assert_eq!(mta.settle(&promised).unwrap(), [Settled::InDoubt; 2]);
    assert_eq!(mta.batch(), 1);
    drop(mta);
    assert_eq!(script.heard(), "", "nobody is asked");
}
