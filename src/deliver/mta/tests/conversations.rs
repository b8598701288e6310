//! What is said, and what each answer at each stage makes of a message.

use super::*;

fn script(parts: &[&str]) -> Script {
    Script::new(&parts.concat())
}

#[test]
fn a_message_is_taken_without_and_with_extensions() {
    let plain = script(&[PLAIN, TAKEN, "\nC: QUIT\n221 bye\nCLOSE"]);
    assert_eq!(offer_one(&plain), "delivered");

    let pipelined = script(&[
        EXTENDED,
        "
        C: MAIL FROM:<> SIZE=17
        C: RCPT TO:<alice>
        C: DATA
        250 ok
        250 ok
        354 go on
        C: Subject: x
        C:
        C: ..
        C: .
        250 2.0.0 <alice> taken
        C: QUIT
        221 bye",
    ]);
    assert_eq!(offer_one(&pipelined), "delivered");
    pipelined.assert_done();
}

#[test]
fn a_reply_in_any_pieces_is_one_reply() {
    for chunk in 1..20 {
        let script =
            script(&[EXTENDED, "\nC: MAIL FROM:<> SIZE=17\nC: RCPT TO:<alice>\nC: DATA\n250 ok\n250 ok\n354\n"])
                .expecting(b"Subject: x\r\n\r\n..\r\n.\r\n")
                .raw(b"250-a\r\n250-b\n250\r\n")
                .in_chunks(chunk);
        assert_eq!(offer_one(&script), "delivered", "LF alone ends a line, too");
    }
}

#[test]
fn smtp_says_ehlo_and_helo_to_those_who_know_no_better() {
    let taken = TAKEN.replace("250 2.0.0 taken", "251 will do");
    for hello in [
        "220 mx\nC: EHLO client.example\n250 mx",
        "220 mx\nC: EHLO client.example\n502 what\nC: HELO client.example\n250 mx",
        "220 mx\nC: EHLO client.example\n550 no\nC: HELO client.example\n250-mx\n250 PIPELINING",
    ] {
        let script = script(&[hello, &taken]);
        let spool = Spool::with(&[MESSAGE]);
        assert_eq!(offer(&mut smtp(&script), &spool.parcels()[0]), "delivered", "{hello}");
    }
    for (hello, error) in [
        (
            "220 mx\nC: EHLO client.example\n500 what\nC: HELO client.example\n550 no",
            "smtp:mx:25: refused at HELO: 550 no",
        ),
        ("220 mx\nC: EHLO client.example\n421 busy", "smtp:mx:25: refused at EHLO: 421 busy"),
    ] {
        let spool = Spool::with(&[MESSAGE]);
        let script = script(&[hello]);
        assert_eq!(offer(&mut smtp(&script), &spool.parcels()[0]), format!("unprepared: {error}"));
        script.assert_done();
    }
}

/// Nothing is promised to a server that does not greet.
#[test]
fn a_server_that_greets_badly_costs_no_promise() {
    for (said, error) in [
        ("421 busy", "refused at the greeting: 421 busy"),
        ("554-no\n554 service", "refused at the greeting: 554 no / service"),
        ("354 what", "protocol error at the greeting: an unexpected answer: 354 what"),
        ("+OK POP3 ready", "protocol error at the greeting: no reply but +OK POP3 ready"),
        ("HTTP/1.1 400 \x1b[2J", "protocol error at the greeting: no reply but HTTP/1.1 400 \\u{1b}[2J"),
        ("220-a\n250 b", "protocol error at the greeting: one reply has the codes 220 and 250"),
        ("220 a\n220 b", "protocol error at LHLO: the server said unasked: 220 b"),
        ("CLOSE", "connection closed at the greeting"),
        ("REFUSE", "no connection to the socket /run/lmtp"),
        ("220 mx\nC: LHLO client.example\n500 what", "refused at LHLO: 500 what"),
        ("220 mx\nC: LHLO client.example\n421 what", "refused at LHLO: 421 what"),
        ("220 mx\nC: LHLO client.example\n354 what", "protocol error at LHLO: an unexpected answer: 354 what"),
        ("220 mx\nC: LHLO client.example\nCLOSE", "connection closed at LHLO"),
    ] {
        let script = Script::new(said);
        let outcomes = offer_all(&script, 2);
        assert_eq!(outcomes[0], format!("unprepared: lmtp:/run/lmtp: {error}"), "{said}");
        // It is not even asked again.
        let given_up = format!("unprepared: lmtp:/run/lmtp: not offered to it any more in this run: {error}");
        assert_eq!(outcomes[1], given_up, "{said}");
    }
}

/// At each stage, with and without pipelining.
#[test]
fn each_answer_has_its_meaning() {
    const MAIL: &str = "\nC: MAIL FROM:<>\n";
    const RCPT: &str = "\nC: MAIL FROM:<>\n250 ok\nC: RCPT TO:<alice>\n";
    const DATA: &str = "\nC: MAIL FROM:<>\n250 ok\nC: RCPT TO:<alice>\n250 ok\nC: DATA\n";
    const END: &str =
        "\nC: MAIL FROM:<>\n250 ok\nC: RCPT TO:<alice>\n250 ok\nC: DATA\n354 go\nC: Subject: x\nC:\nC: ..\nC: .\n";
    for (begun, stage, answer, verdict) in [
        (MAIL, "MAIL", "450 4.1.8 later", "refused"),
        (MAIL, "MAIL", "452 full", "refused"),
        (MAIL, "MAIL", "421 closing", "refused"),
        (MAIL, "MAIL", "500 what", "refused"),
        (MAIL, "MAIL", "502 what", "refused"),
        (MAIL, "MAIL", "503 out of order", "refused"),
        (MAIL, "MAIL", "530 5.7.0 login first", "refused"),
        (MAIL, "MAIL", "538 5.7.11 TLS first", "refused"),
        (MAIL, "MAIL", "550 no", "rejected"),
        (MAIL, "MAIL", "552 5.3.4 too big", "rejected"),
        (MAIL, "MAIL", "555 what parameters", "rejected"),
        (RCPT, "RCPT", "451 4.3.0 later", "refused"),
        (RCPT, "RCPT", "421 closing", "refused"),
        (RCPT, "RCPT", "503 out of order", "refused"),
        (RCPT, "RCPT", "552 too many", "refused"),
        (RCPT, "RCPT", "550 5.1.1 <alice> unknown", "rejected"),
        (RCPT, "RCPT", "550-5.7.1 a\n550 5.7.1 b", "rejected"),
        (DATA, "DATA", "451 later", "refused"),
        (DATA, "DATA", "502 what", "refused"),
        (DATA, "DATA", "554 no", "rejected"),
        (END, "the end of the message", "451 4.2.0 later", "refused"),
        (END, "the end of the message", "452 4.2.2 full", "refused"),
        (END, "the end of the message", "421 closing", "refused"),
        (END, "the end of the message", "550 5.7.1 spam", "rejected"),
        (END, "the end of the message", "552 5.2.2 quota", "rejected"),
        (END, "the end of the message", "500 line too long", "rejected"),
    ] {
        let script = script(&[PLAIN, begun, answer]);
        let said = answer.replace("550-5.7.1 a\n550 ", "550 5.7.1 a / ");
        assert_eq!(offer_one(&script), format!("{verdict}: lmtp:/run/lmtp: refused at {stage}: {said}"));
        script.assert_done();
    }
}

#[test]
fn an_answer_that_makes_no_sense_is_in_doubt_only_behind_the_dot() {
    const BEGUN: &str = "\nC: MAIL FROM:<>\n250 ok\nC: RCPT TO:<alice>\n250 ok\nC: DATA\n";
    const END: &str = "354 go\nC: Subject: x\nC:\nC: ..\nC: .\n";
    for (answers, outcome) in [
        ("\nC: MAIL FROM:<>\n354 go", "refused: lmtp:/run/lmtp: protocol error at MAIL: an unexpected answer: 354 go"),
        ("\nC: MAIL FROM:<>\nok", "refused: lmtp:/run/lmtp: protocol error at MAIL: no reply but ok"),
        (&[BEGUN, "250 ok"].concat(), "refused: lmtp:/run/lmtp: protocol error at DATA: an unexpected answer: 250 ok"),
        (
            &[BEGUN, END, "354 more"].concat(),
            "in doubt: lmtp:/run/lmtp: protocol error at the end of the message: an unexpected answer: 354 more",
        ),
        (
            &[BEGUN, END, "taken"].concat(),
            "in doubt: lmtp:/run/lmtp: protocol error at the end of the message: no reply but taken",
        ),
        (
            &[BEGUN, END, "150 soon"].concat(),
            "in doubt: lmtp:/run/lmtp: protocol error at the end of the message: no reply but 150 soon",
        ),
        (&[BEGUN, END, "CLOSE"].concat(), "in doubt: lmtp:/run/lmtp: connection closed at the end of the message"),
    ] {
        let script = script(&[PLAIN, answers]);
        assert_eq!(offer_one(&script), outcome);
    }
}

#[test]
fn refusals_of_a_pipelined_transaction_leave_the_connection_in_order() {
    const SENT: &str = "\nC: MAIL FROM:<> SIZE=17\nC: RCPT TO:<alice>\nC: DATA\n";
    const NEXT: &str = "\nC: RSET\n250 ok\nC: MAIL FROM:<> SIZE=17\nC: RCPT TO:<alice>\nC: DATA\n250 ok\n250 ok\n354 go
        C: Subject: x\nC:\nC: ..\nC: .\n250 taken\nC: QUIT\n221 bye";
    for (answers, outcome) in [
        ("450 later\n503 no MAIL\n503 no RCPT", "refused: lmtp:/run/lmtp: refused at MAIL: 450 later"),
        ("250 ok\n550 unknown\n503 no RCPT", "rejected: lmtp:/run/lmtp: refused at RCPT: 550 unknown"),
        ("250 ok\n250 ok\n451 later", "refused: lmtp:/run/lmtp: refused at DATA: 451 later"),
    ] {
        let script = script(&[EXTENDED, SENT, answers, NEXT]);
        assert_eq!(offer_all(&script, 2), [outcome, "delivered"]);
        script.assert_done();
    }
}

/// RFC 2920 §3.1: whoever pipelined DATA must end the message that nobody gets.
#[test]
fn a_message_that_is_waited_for_in_spite_of_a_refusal_is_ended_with_a_lone_dot() {
    const SENT: &str = "C: MAIL FROM:<>\nC: RCPT TO:<alice>\nC: DATA\n250 ok\n550 unknown\n354 go\nC: .\n";
    let spool = Spool::with(&[MESSAGE]);
    let smtp_script =
        script(&["220 mx\nC: EHLO client.example\n250-mx\n250 PIPELINING\n", SENT, "554 nobody\nC: QUIT\n221 bye"]);
    let outcome = offer(&mut smtp(&smtp_script), &spool.parcels()[0]);
    assert_eq!(outcome, "rejected: smtp:mx:25: refused at RCPT: 550 unknown");
    smtp_script.assert_done();

    // LMTP has as many answers as recipients: none is waited for, and nothing more is said.
    let lmtp_script = script(&["220 mx\nC: LHLO client.example\n250-mx\n250 PIPELINING\n", SENT]);
    assert_eq!(offer_one(&lmtp_script), "rejected: lmtp:/run/lmtp: refused at RCPT: 550 unknown");
    lmtp_script.assert_done();
    assert!(lmtp_script.heard().ends_with("DATA\r\n.\r\n"));
}

#[test]
fn what_comes_before_the_end_of_a_message_is_no_answer_to_it() {
    const BEGUN: &str = "\nC: MAIL FROM:<>\n250 ok\nC: RCPT TO:<alice>\n250 ok\nC: DATA\n354 go\n";
    for (early, outcome) in [
        (
            "250 taken",
            "in doubt: lmtp:/run/lmtp: protocol error at the message: the server answered before its end: 250 taken",
        ),
        (
            "354 more",
            "in doubt: lmtp:/run/lmtp: protocol error at the message: the server answered before its end: 354 more",
        ),
        ("552 too big", "rejected: lmtp:/run/lmtp: refused at the message: 552 too big"),
        ("451 later\nCLOSE", "refused: lmtp:/run/lmtp: refused at the message: 451 later"),
        ("421 closing\nCLOSE", "refused: lmtp:/run/lmtp: refused at the message: 421 closing"),
        ("CLOSE", "refused: lmtp:/run/lmtp: connection closed at the message"),
        ("what", "refused: lmtp:/run/lmtp: protocol error at the message: no reply but what"),
    ] {
        let at_once = script(&[PLAIN, BEGUN, early]);
        assert_eq!(offer_one(&at_once), outcome);
        assert!(at_once.heard().ends_with("DATA\r\n"), "{}", at_once.heard());

        let message: Vec<u8> = b"abc\n".repeat(50_000);
        let spool = Spool::with(&[&message]);
        let first_block = b"abc\r\n".repeat(65_536 / 4);
        let within = script(&[PLAIN, BEGUN]).expecting(&first_block).then(early);
        assert_eq!(offer(&mut lmtp(&within), &spool.parcels()[0]), outcome, "within a message");
        assert!(!within.heard().contains("\r\n.\r\n"));

        let before_the_dot = script(&[PLAIN, BEGUN, "C: Subject: x\nC:\nC: ..\n", early]);
        assert_eq!(offer_one(&before_the_dot), outcome);
        assert!(before_the_dot.heard().ends_with("\r\n..\r\n"), "{}", before_the_dot.heard());
    }
}

#[test]
fn the_sender_is_told_or_that_of_return_path_or_none() {
    let sender_for = |message: &[u8], sender: Option<&str>| {
        let script = script(&[PLAIN]);
        let spool = Spool::with(&[message]);
        let mut mta = Mta::new(&script, Protocol::Lmtp, MtaTarget { sender: sender.map(str::to_owned), ..spec() }, RUN);
        offer(&mut mta, &spool.parcels()[0]);
        let heard = script.heard();
        heard.lines().find_map(|line| line.strip_prefix("MAIL FROM:")).unwrap_or("none").to_owned()
    };
    assert_eq!(sender_for(b"Return-Path: <bob@x>\nA: b\n\n", None), "<bob@x>");
    assert_eq!(sender_for(b"Return-Path: <bob@x>\nA: b\n\n", Some("list@x")), "<list@x>");
    assert_eq!(sender_for(b"Return-Path: <bob@x>\nA: b\n\n", Some("")), "<>");
    assert_eq!(sender_for(b"Return-Path: <>\n\n", None), "<>");
    assert_eq!(sender_for(b"Return-Path: <b\x0bob>\n\n", None), "<>");
    assert_eq!(sender_for(b"\nReturn-Path: <bob@x>\n", None), "<>", "that is the body");
}

#[test]
fn addresses_that_are_not_ascii_need_a_server_that_takes_them() {
    let spool = Spool::with(&[MESSAGE]);
    let offer_to = |recipient: &str, hello: &str| {
        let script = Script::new(hello);
        let mut mta = Mta::new(&script, Protocol::Lmtp, MtaTarget { recipient: recipient.to_owned(), ..spec() }, RUN);
        let outcome = offer(&mut mta, &spool.parcels()[0]);
        drop(mta);
        script.assert_done();
        outcome
    };
    let utf8 = "220 mx\nC: LHLO client.example\n250-mx\n250 SMTPUTF8\nC: MAIL FROM:<> SMTPUTF8\n450 later";
    assert_eq!(offer_to("jürgen", utf8), "refused: lmtp:/run/lmtp: refused at MAIL: 450 later");
    let error = "refused: lmtp:/run/lmtp: the server takes no address that is not ASCII (SMTPUTF8)";
    assert_eq!(offer_to("jürgen", &[PLAIN, "\nC: QUIT\n221 bye"].concat()), error);
    let error = "unprepared: lmtp:/run/lmtp: `a\\r\\nDATA` cannot be sent as an address";
    assert_eq!(offer_to("a\r\nDATA", &[PLAIN, "\nC: QUIT\n221 bye"].concat()), error);
}

#[test]
fn content_of_8_bits_is_announced_where_that_is_offered_and_sent_as_it_is() {
    let spool = Spool::with(&[b"\xe4\0\n"]);
    let extended = script(&[EXTENDED, "\nC: MAIL FROM:<> SIZE=4 BODY=8BITMIME\n"]);
    offer(&mut lmtp(&extended), &spool.parcels()[0]);
    extended.assert_done();
    let plain = script(&[PLAIN, "\nC: MAIL FROM:<>\n250 ok\nC: RCPT TO:<alice>\n250 ok\nC: DATA\n354 go\n"])
        .expecting(b"\xe4\0\r\n.\r\n")
        .then("250 taken");
    assert_eq!(offer(&mut lmtp(&plain), &spool.parcels()[0]), "delivered");
}

#[test]
fn an_empty_message_and_a_prefix_are_sent_as_they_are() {
    const BEGUN: &str = "\nC: MAIL FROM:<>\n250 ok\nC: RCPT TO:<alice>\n250 ok\nC: DATA\n354 go\n";
    let spool = Spool::with(&[b""]);
    let empty = script(&[PLAIN, BEGUN, "C: .\n250 taken"]);
    assert_eq!(offer(&mut lmtp(&empty), &spool.parcels()[0]), "delivered");

    let spool = Spool::with(&[b"A: b\n\nc"]);
    let prefixed = script(&[PLAIN, BEGUN, "C: X-Token: t\nC: A: b\nC:\nC: c\nC: .\n250 taken"]);
    let parcel = Parcel { prefix: b"X-Token: t\n".to_vec(), ..spool.parcels().remove(0) };
    assert_eq!(offer(&mut lmtp(&prefixed), &parcel), "delivered");
}
