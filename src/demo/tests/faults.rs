//! Each fault shows.

use super::*;

const LISTING: [&str; 3] = ["STAT", "LIST", "UIDL"];

fn stored_after(faults: &Faults, lines: &[&str]) -> (String, Vec<String>) {
    let mut maildrop = two_messages();
    let (said, connection) = talk_in_session(faults, &mut maildrop, lines);
    assert!(connection.is_closed());
    let expunged = connection.log().iter().filter(|event| matches!(event, Event::Expunged(_))).count();
    assert_eq!(expunged, 2 - maildrop.messages.len());
    (said, uids(&maildrop).into_iter().map(str::to_owned).collect())
}

#[test]
fn a_dropped_reply_closes_after_the_effect() {
    let mut maildrop = two_messages();
    let faults = Faults { drop_at_reply: Some(4), ..Faults::default() };
    let (said, connection) = talk_in_session(&faults, &mut maildrop, &["DELE 1", "QUIT", "NOOP"]);
    assert_eq!(said, "+OK marked\n");
    assert!(connection.is_closed());
    assert_eq!(uids(&maildrop), ["two"]);

    let faults = Faults { drop_at_reply: Some(0), ..Faults::default() };
    assert_eq!(talk(&faults, &mut maildrop, &[]).0, "");
}

#[test]
fn a_cut_reply_ends_where_it_is_told_to() {
    let cases = [
        (CutAt::FirstLine, "+OK 23 octets\n"),
        (CutAt::Half, "+OK 23 octets\nSubjec"),
        (CutAt::LastLine, "+OK 23 octets\nSubject: a\n\n..dot\nb\n"),
        (CutAt::LastOctet, "+OK 23 octets\nSubject: a\n\n..dot\nb\n.\r"),
    ];
    for (at, expected) in cases {
        let faults = Faults { cut_reply: Some((3, at)), ..Faults::default() };
        let (said, connection) = talk_in_session(&faults, &mut two_messages(), &["RETR 1", "NOOP"]);
        assert_eq!(said, expected, "{at:?}");
        assert!(connection.is_closed());
    }
}

#[test]
fn output_is_cut_after_every_octet() {
    let lines = ["USER alice", "PASS secret", "UIDL", "RETR 1", "NOOP"];
    let raw = |faults: Faults| {
        let mut connection = Connection::new(faults, None);
        connection.feed(&mut two_messages(), (lines.join("\r\n") + "\r\n").as_bytes());
        (drain(&mut connection), connection)
    };
    let (whole, _) = raw(Faults::default());
    for octets in 0..=whole.len() {
        let faults = Faults { cut_after_octets: Some(octets as u64), ..Faults::default() };
        let (said, connection) = raw(faults);
        assert_eq!(said, whole[..octets]);
        assert!(connection.is_closed());
    }
    // Commands that were pipelined behind the cut are not executed.
    let faults = Faults { cut_after_octets: Some(1), ..Faults::default() };
    assert!(raw(faults).1.log().is_empty());
}

#[test]
fn a_refused_command_has_no_effect() {
    let mut maildrop = two_messages();
    let faults =
        Faults { refuse_command: Some(3), refuse_code: Some("[SYS/TEMP] later".to_owned()), ..Faults::default() };
    let (said, _) = talk_in_session(&faults, &mut maildrop, &["DELE 1", "STAT"]);
    assert_eq!(said, "-ERR [SYS/TEMP] later\n+OK 2 37\n");
    let (said, connection) = talk_in_session(&faults, &mut maildrop, &["QUIT"]);
    assert_eq!(said, "-ERR [SYS/TEMP] later\n");
    assert!(connection.is_closed());

    let faults = Faults { refuse_command: Some(0), ..Faults::default() };
    let (said, connection) = talk(&faults, &mut maildrop, &["USER alice"]);
    assert_eq!(said, "-ERR refused\n");
    assert!(connection.is_closed());
}

#[test]
fn quit_has_six_ends() {
    let cases: [(Quit, &str, &[&str]); 6] = [
        (Quit::Applied, "+OK bye\n", &[]),
        (Quit::AnsweredNotApplied, "+OK bye\n", &["one", "two"]),
        (Quit::AppliedUnanswered, "", &[]),
        (Quit::Lost, "", &["one", "two"]),
        (Quit::Rejected, "-ERR some deleted messages not removed\n", &["one", "two"]),
        (Quit::RejectedHalfway, "-ERR some deleted messages not removed\n", &["two"]),
    ];
    for (quit, reply, left) in cases {
        let faults = Faults { quit, ..Faults::default() };
        let (said, stored) = stored_after(&faults, &["DELE 1", "DELE 2", "QUIT"]);
        assert_eq!((said.as_str(), stored), (&*format!("+OK marked\n+OK marked\n{reply}"), owned(left)), "{quit:?}");
    }
}

#[test]
fn a_read_only_mailbox_ignores_dele() {
    let faults = Faults { dele_ignored: true, ..Faults::default() };
    let (said, stored) = stored_after(&faults, &["DELE 1", "QUIT"]);
    assert_eq!((said.as_str(), stored), ("+OK marked\n+OK bye\n", owned(&["one", "two"])));
}

#[test]
fn retr_and_quit_delete_where_expire_is_0() {
    let faults = Faults { delete_on_retr_quit: true, ..Faults::default() };
    let (said, stored) = stored_after(&faults, &["CAPA", "RETR 2", "TOP 1 0", "QUIT"]);
    assert!(said.contains("\nEXPIRE 0\n"));
    assert_eq!(stored, ["one"]);
}

#[test]
fn the_order_is_the_sessions_own() {
    let mut maildrop = two_messages();
    maildrop.add_with_uid(b"three", b"\n");
    let listing = |order| talk_in_session(&Faults { order, ..Faults::default() }, &mut maildrop.clone(), &["UIDL"]).0;
    assert_eq!(listing(Order::Reversed), "+OK unique-ids follow\n1 three\n2 two\n3 one\n.\n");
    assert_eq!(listing(Order::Rotated(4)), "+OK unique-ids follow\n1 two\n2 three\n3 one\n.\n");
    let rotated = Faults { order: Order::Rotated(1), ..Faults::default() };
    assert!(talk_in_session(&rotated, &mut Maildrop::new(), &["STAT"]).0.starts_with("+OK 0 0"));
}

#[test]
fn partial_listings() {
    let listing = |list_only| {
        let faults = Faults { list_only: Some(list_only), ..Faults::default() };
        talk_in_session(&faults, &mut two_messages(), &[&LISTING[..], &["UIDL", "UIDL 2", "RETR 2"]].concat()).0
    };
    let whole = "+OK unique-ids follow\n1 one\n2 two\n.\n";
    let short = "+OK unique-ids follow\n1 one\n.\n";
    let no_such = "-ERR no such message\n";
    let retr = "+OK 14 octets\nSubject: c\n\n.\n";
    let stat_and_list = "+OK 2 37\n+OK 2 messages (37 octets)\n1 23\n2 14\n.\n";
    assert_eq!(
        listing(ListOnly::Everywhere(1)),
        format!("+OK 1 23\n+OK 1 messages (23 octets)\n1 23\n.\n{short}{short}{no_such}{no_such}")
    );
    assert_eq!(listing(ListOnly::InUidl(1)), format!("{stat_and_list}{short}{short}{no_such}{retr}"));
    assert_eq!(listing(ListOnly::InFirstUidl(1)), format!("{stat_and_list}{short}{whole}+OK 2 two\n{retr}"));
}

#[test]
fn an_empty_listing_removes_nothing() {
    let faults = Faults { empty_listing: true, delete_on_retr_quit: true, ..Faults::default() };
    let (said, stored) = stored_after(&faults, &["STAT", "LIST", "UIDL", "DELE 1", "QUIT"]);
    let lists = "+OK 0 messages (0 octets)\n.\n+OK unique-ids follow\n.\n";
    assert_eq!(said, format!("+OK 0 0\n{lists}-ERR no such message\n+OK bye\n"));
    assert_eq!(stored, ["one", "two"]);
}

#[test]
fn capabilities_can_be_missing_or_announced() {
    let faults = Faults { no_top: true, no_uidl: true, pipelining: true, resp_codes: true, ..Faults::default() };
    let (said, _) = talk_in_session(&faults, &mut two_messages(), &["CAPA", "TOP 1 0", "UIDL"]);
    let expected = "\
        +OK capabilities follow\nUSER\nSASL PLAIN\nPIPELINING\nRESP-CODES\nAUTH-RESP-CODE\n\
        IMPLEMENTATION fetchonce-demo\n.\n\
        -ERR unknown command or argument\n-ERR unknown command or argument\n";
    assert_eq!(said, expected);
    let faults = Faults { no_capa: true, ..Faults::default() };
    assert!(talk(&faults, &mut two_messages(), &["CAPA"]).0.ends_with("\n-ERR unknown command or argument\n"));
}

#[test]
fn one_bad_message() {
    let said = |fault, lines: &[&str]| {
        let bad_message = Some(BadMessage { uid: b"one".to_vec(), fault });
        let (said, connection) =
            talk_in_session(&Faults { bad_message, ..Faults::default() }, &mut two_messages(), lines);
        (said, connection.is_closed())
    };
    let retr_two = "+OK 14 octets\nSubject: c\n\n.\n";
    let (text, closed) = said(MessageFault::RetrCut, &["RETR 2", "RETR 1", "NOOP"]);
    assert_eq!((text, closed), (format!("{retr_two}+OK 23 octets\nSubjec"), true));
    let (text, closed) = said(MessageFault::RetrRefused, &["RETR 1", "RETR 2"]);
    assert_eq!((text, closed), (format!("-ERR this message cannot be read\n{retr_two}"), false));
    let (text, closed) = said(MessageFault::DeleRefused, &["DELE 1", "DELE 2"]);
    assert_eq!((text.as_str(), closed), ("-ERR this message cannot be deleted\n+OK marked\n", false));
}

#[test]
fn garbage_and_silence() {
    let faults = Faults { garbage_instead_of_reply: Some(3), ..Faults::default() };
    let (said, _) = talk_in_session(&faults, &mut two_messages(), &["STAT", "NOOP"]);
    assert!(said.starts_with('\x1b') && said.ends_with("\n+OK still here\n"));
    let faults = Faults { silent_at_reply: Some(3), ..Faults::default() };
    let (said, connection) = talk_in_session(&faults, &mut two_messages(), &["QUIT", "NOOP"]);
    assert_eq!(said, "");
    assert!(!connection.is_closed());
}

#[test]
fn endless_replies_come_in_chunks_and_end_after_all() {
    let line = Faults { endless_line_at_reply: Some(3), ..Faults::default() };
    let list = Faults { endless_list: true, ..Faults::default() };
    for (faults, start) in [(line, "+OK xxxx"), (list, "+OK unique-ids follow\r\n1 one\r\n2 two\r\n3 endless-3\r\n")] {
        let mut connection = Connection::new(faults, None);
        let mut maildrop = two_messages();
        connection.feed(&mut maildrop, b"USER alice\r\nPASS secret\r\n");
        drain(&mut connection);
        connection.feed(&mut maildrop, b"UIDL\r\nDELE 1\r\nQUIT\r\n");
        let mut octets = 0;
        loop {
            let chunk = connection.take_output();
            if octets == 0 {
                assert!(chunk.starts_with(start.as_bytes()));
            }
            if chunk.is_empty() {
                break;
            }
            assert!(!connection.is_closed() || octets > ENDLESS_OCTETS - 2 * CHUNK_OCTETS as u64);
            octets += chunk.len() as u64;
        }
        assert!((ENDLESS_OCTETS..ENDLESS_OCTETS + 2 * CHUNK_OCTETS as u64).contains(&octets));
        assert!(connection.is_closed());
        assert_eq!(uids(&maildrop), ["one", "two"]);
    }
}

#[test]
fn logins_fail_with_their_codes() {
    let reply = |login, resp_codes| {
        let faults = Faults { login, resp_codes, ..Faults::default() };
        let (said, connection) = talk(&faults, &mut two_messages(), &["USER alice", "PASS secret", "STAT"]);
        assert!(said.ends_with("\n-ERR unknown command or argument\n") && !connection.is_closed());
        said.lines().nth(2).unwrap().to_owned()
    };
    assert_eq!(reply(Login::Rejected, false), "-ERR wrong user or password");
    assert!(reply(Login::Rejected, true).starts_with("-ERR [AUTH] "));
    assert!(reply(Login::InUse, false).starts_with("-ERR [IN-USE] "));
    assert!(reply(Login::LoginDelay, false).starts_with("-ERR [LOGIN-DELAY] "));
    assert!(reply(Login::SysTemp, false).starts_with("-ERR [SYS/TEMP] "));
    assert!(reply(Login::SysPerm, false).starts_with("-ERR [SYS/PERM] "));
}

fn owned(uids: &[&str]) -> Vec<String> {
    uids.iter().map(|&uid| uid.to_owned()).collect()
}

#[test]
fn the_password_is_repeated_after_a_login_in_whatever_way_it_came() {
    let rejecting = Faults { repeat_password: true, login: Login::Rejected, ..Faults::default() };
    let (said, _) = talk(&rejecting, &mut two_messages(), &["USER alice", "PASS secret", "AUTH PLAIN AGEAcHc="]);
    let lines: Vec<&str> = said.lines().skip(1).collect();
    let wrong = "-ERR wrong user or password";
    assert_eq!(lines, ["+OK now the password", &format!("{wrong} secret"), &format!("{wrong} pw AGEAcHc=")]);

    let repeating = Faults { repeat_password: true, ..Faults::default() };
    let (said, _) = talk_in_session(&repeating, &mut two_messages(), &["STAT", "CAPA"]);
    assert!(said.starts_with("+OK 2 37 secret\n+OK capabilities follow secret\nTOP\n"), "{said}");
    assert!(said.ends_with("\nX-HEARD secret\n.\n"), "{said}");
}
