//! Conversations with a correct server.

use proptest::prelude::*;

use super::*;
use crate::model::limits;

#[test]
fn a_whole_session() {
    let mut maildrop = two_messages();
    let lines = [
        "capa",
        "USER alice",
        "PASS pass word",
        "STAT",
        "LIST",
        "LIST 2",
        "UIDL",
        "UIDL 1",
        "TOP 1 0",
        "TOP 1 1",
        "RETR 1",
        "RETR 2",
        "DELE 1",
        "NOOP",
        "QUIT",
    ];
    let (said, connection) = talk(&Faults::default(), &mut maildrop, &lines);
    let expected = "\
        +OK fetchonce demonstration server\n\
        +OK capabilities follow\nTOP\nUIDL\nUSER\nSASL PLAIN\nIMPLEMENTATION fetchonce-demo\n.\n\
        +OK now the password\n\
        +OK 2 messages (37 octets)\n\
        +OK 2 37\n\
        +OK 2 messages (37 octets)\n1 23\n2 14\n.\n\
        +OK 2 14\n\
        +OK unique-ids follow\n1 one\n2 two\n.\n\
        +OK 1 one\n\
        +OK top of message follows\nSubject: a\n\n.\n\
        +OK top of message follows\nSubject: a\n\n..dot\n.\n\
        +OK 23 octets\nSubject: a\n\n..dot\nb\n.\n\
        +OK 14 octets\nSubject: c\n\n.\n\
        +OK marked\n\
        +OK still here\n\
        +OK bye\n";
    assert_eq!(said, expected);
    assert!(connection.is_closed());
    assert_eq!(uids(&maildrop), ["two"]);

    let [one, two] = <[Message; 2]>::try_from(two_messages().messages).unwrap();
    let deeds: Vec<_> = connection.log().iter().filter(|event| !matches!(event, Event::Command(_))).cloned().collect();
    let top = Event::Top(one.clone());
    let expected = [
        Event::LoggedIn("alice".to_owned()),
        top.clone(),
        top,
        Event::Retr(one.clone()),
        Event::Retr(two),
        Event::Dele(one.clone()),
        Event::Expunged(one),
    ];
    assert_eq!(deeds, expected);
}

#[test]
fn marked_messages_disappear_and_numbers_stay() {
    let mut maildrop = two_messages();
    let lines = [
        "DELE 1", "STAT", "LIST", "UIDL", "RETR 1", "DELE 1", "TOP 1 0", "LIST 1", "UIDL 1", "RSET", "STAT", "DELE 3",
        "DELE 0", "RETR x", "RETR", "RETR +1", "TOP 1", "STAT 1",
    ];
    let (said, _) = talk_in_session(&Faults::default(), &mut maildrop, &lines);
    let expected = "\
        +OK marked\n\
        +OK 1 14\n\
        +OK 1 messages (14 octets)\n2 14\n.\n\
        +OK unique-ids follow\n2 two\n.\n\
        -ERR no such message\n-ERR no such message\n-ERR no such message\n-ERR no such message\n-ERR no such message\n\
        +OK 2 messages (37 octets)\n\
        +OK 2 37\n\
        -ERR no such message\n-ERR no such message\n\
        -ERR a number is wanted\n-ERR a number is wanted\n-ERR a number is wanted\n\
        -ERR TOP wants two numbers\n\
        -ERR unknown command or argument\n";
    assert_eq!(said, expected);
}

#[test]
fn only_quit_after_a_login_removes() {
    let mut maildrop = two_messages();
    let (_, connection) = talk_in_session(&Faults::default(), &mut maildrop, &["DELE 1"]);
    assert!(!connection.is_closed());
    drop(connection);
    let (said, connection) = talk(&Faults::default(), &mut maildrop, &["USER alice", "QUIT"]);
    assert!(said.ends_with("+OK bye\n") && connection.is_closed());
    assert_eq!(uids(&maildrop), ["one", "two"]);
    talk_in_session(&Faults::default(), &mut maildrop, &["DELE 1", "RSET", "DELE 2", "QUIT"]);
    assert_eq!(uids(&maildrop), ["one"]);
}

#[test]
fn mail_that_arrives_in_a_session_is_not_listed_and_not_removed() {
    let mut maildrop = two_messages();
    let (_, mut connection) = talk_in_session(&Faults::default(), &mut maildrop, &["DELE 1"]);
    maildrop.add_with_uid(b"three", b"\n");
    maildrop.messages.rotate_right(1);
    connection.feed(&mut maildrop, b"STAT\r\nDELE 2\r\nQUIT\r\n");
    assert_eq!(drain(&mut connection), b"+OK 1 14\r\n+OK marked\r\n+OK bye\r\n");
    assert_eq!(uids(&maildrop), ["three"]);
}

#[test]
fn two_messages_with_one_uid_are_told_apart_by_content() {
    let mut maildrop = two_messages();
    maildrop.add_with_uid(b"one", b"Subject: other\n\n");
    let (said, _) = talk_in_session(&Faults::default(), &mut maildrop, &["UIDL", "DELE 3", "QUIT"]);
    assert!(said.contains("1 one\n2 two\n3 one\n"));
    assert_eq!(maildrop.messages, two_messages().messages);
}

#[test]
fn commands_belong_to_their_state() {
    let before_login = ["NOOP", "STAT", "UIDL", "RSET", "PASS x", "USER", "STLS", "APOP a b", "", "LAST"];
    let (said, _) = talk(&Faults::default(), &mut two_messages(), &before_login);
    assert_eq!(said.matches("\n-ERR").count(), before_login.len());
    let (said, _) = talk_in_session(&Faults::default(), &mut two_messages(), &["USER a", "PASS b", "AUTH PLAIN"]);
    assert_eq!(said, "-ERR unknown command or argument\n".repeat(3));
}

#[test]
fn auth_plain_in_one_step_and_in_two() {
    const ALICE_SECRET: &str = "AGFsaWNlAHNlY3JldA==";
    let credentials = Credentials { user: "alice".to_owned(), password: "secret".to_owned() };
    let logs_in = |input: &str| {
        let mut connection = Connection::new(Faults::default(), Some(credentials.clone()));
        connection.feed(&mut two_messages(), input.as_bytes());
        assert!(!format!("{:?}", connection.log()).contains("AGFs"), "the log holds a secret");
        let said = String::from_utf8(drain(&mut connection)).unwrap();
        (connection.log().contains(&Event::LoggedIn("alice".to_owned())), said)
    };
    assert!(logs_in(&format!("AUTH PLAIN {ALICE_SECRET}\r\n")).0);
    let (logged_in, said) = logs_in(&format!("auth plain\r\n{ALICE_SECRET}\r\n"));
    assert!(logged_in && said.contains("\r\n+ \r\n+OK 2 messages"));
    let wrong = ["AUTH PLAIN AGFsaWNlAHdyb25n", "AUTH PLAIN =", "AUTH PLAIN !!!!", "AUTH LOGIN", "AUTH PLAIN\r\n*"];
    for line in wrong {
        let (logged_in, said) = logs_in(&format!("{line}\r\n"));
        assert!(!logged_in && said.contains("-ERR"), "{line}: {said}");
    }
    assert!(logs_in("USER alice\r\nPASS secret\r\n").0);
    assert!(!logs_in("USER alice\r\nPASS wrong\r\n").0);
}

#[test]
fn secrets_stay_out_of_the_log() {
    let (_, connection) = talk(&Faults::default(), &mut two_messages(), &["USER alice", "pass s3cret", "\x1b[2J"]);
    let shown: Vec<_> = connection.log().iter().map(|event| format!("{event:?}")).collect();
    let expected = [r#"Command("USER alice")"#, r#"Command("PASS ***")"#, r#"LoggedIn("alice")"#];
    assert_eq!(shown[..3], expected);
    assert!(!shown[3].contains('\x1b'));
}

#[test]
fn dots_are_stuffed_across_chunks_and_a_missing_line_end_is_made_good() {
    let mut maildrop = Maildrop::new();
    let dots = ".\n..\n".repeat(CHUNK_OCTETS);
    maildrop.add(dots.as_bytes());
    maildrop.messages.push(Message { uid: b"raw".to_vec(), wire: (*b"no end").into() });
    let (said, _) = talk_in_session(&Faults::default(), &mut maildrop, &["RETR 1", "RETR 2"]);
    let stuffed = "..\n...\n".repeat(CHUNK_OCTETS);
    assert!(said == format!("+OK {} octets\n{stuffed}.\n+OK 6 octets\nno end\n.\n", 7 * CHUNK_OCTETS));
}

#[test]
fn a_line_beyond_the_limit_closes_the_connection() {
    let mut connection = Connection::new(Faults::default(), None);
    let mut maildrop = two_messages();
    connection.feed(&mut maildrop, &vec![b'a'; limits::LINE_OCTETS]);
    assert!(!connection.is_closed());
    connection.feed(&mut maildrop, b"a");
    assert!(drain(&mut connection).ends_with(b"-ERR too much\r\n"));
    assert!(connection.is_closed());
}

#[test]
fn a_client_that_never_reads_is_cut_off() {
    let mut maildrop = Maildrop::new();
    for number in 0..10_000 {
        maildrop.add_with_uid(format!("{number:064}").as_bytes(), b"\n");
    }
    let mut connection = Connection::new(Faults::default(), None);
    connection.feed(&mut maildrop, b"USER alice\r\nPASS secret\r\n");
    connection.feed(&mut maildrop, "UIDL\r\n".repeat(1000).as_bytes());
    assert!(drain(&mut connection).len() < WAITING_OCTETS + 1024 * 1024);
    assert!(connection.is_closed());
}

#[test]
fn samples_are_what_they_are_called() {
    let samples = samples();
    assert_eq!(samples.len(), 7);
    assert!(samples.iter().all(|mail| !mail.contains(&b'\r') && mail.ends_with(b"\n")));
    assert!(samples.iter().any(|mail| mail.windows(3).any(|octets| octets == b"\n.\n")));
    assert!(samples.iter().any(|mail| str::from_utf8(mail).is_err()));
    assert!(samples.iter().any(|mail| mail.ends_with(b"\n\n") && mail.len() < 1024));
    let longest = samples.iter().map(Vec::len).max().unwrap();
    assert!((38_000..42_000).contains(&longest), "{longest}");
}

/// A line of a client that knows the protocol, more or less.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "CAPA",
        "USER a",
        "PASS b",
        "AUTH PLAIN",
        "AGEAYg==",
        "STAT",
        "LIST",
        "UIDL",
        "RETR 1",
        "RETR 2",
        "TOP 1 0",
        "TOP 2 9",
        "DELE 1",
        "DELE 2",
        "RSET",
        "NOOP",
        "UIDL 2",
        "LIST 1",
        "QUIT",
    ]);
    prop_oneof![
        8 => known.prop_map(|line| format!("{line}\r\n").into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn any_faults() -> impl Strategy<Value = Faults> {
    let number = prop::option::weighted(0.1, 0_u32..12);
    let cut = prop::option::weighted(0.1, (0_u32..12, prop::sample::select(vec![CutAt::Half, CutAt::LastLine])));
    let octets = prop::option::weighted(0.1, 0_u64..400);
    (number.clone(), number.clone(), number.clone(), number, cut, octets, any::<bool>()).prop_map(
        |(drop, silent, garbage, refuse, cut_reply, cut_after_octets, delete_on_retr_quit)| Faults {
            drop_at_reply: drop,
            silent_at_reply: silent,
            garbage_instead_of_reply: garbage,
            refuse_command: refuse,
            cut_reply,
            cut_after_octets,
            delete_on_retr_quit,
            ..Faults::default()
        },
    )
}

proptest! {
    #[test]
    fn octet_by_octet_is_the_same_as_all_at_once(
        lines in prop::collection::vec(any_line(), 0..30),
        faults in any_faults(),
    ) {
        let input = [b"USER a\r\nPASS b\r\n", &lines.concat()[..]].concat();
        let (mut at_once, mut by_octet) = (Connection::new(faults.clone(), None), Connection::new(faults, None));
        let (mut left_at_once, mut left_by_octet) = (two_messages(), two_messages());
        at_once.feed(&mut left_at_once, &input);
        let mut said = drain(&mut by_octet);
        for octet in &input {
            by_octet.feed(&mut left_by_octet, &[*octet]);
            said.extend(drain(&mut by_octet));
        }
        prop_assert_eq!(drain(&mut at_once), said);
        prop_assert_eq!(at_once.is_closed(), by_octet.is_closed());
        prop_assert_eq!(at_once.log(), by_octet.log());
        prop_assert_eq!(left_at_once, left_by_octet);
    }

    #[test]
    fn no_input_panics_or_removes_what_was_not_marked(input in prop::collection::vec(any::<u8>(), 0..20_000)) {
        let mut maildrop = two_messages();
        let mut connection = Connection::new(Faults::default(), None);
        connection.feed(&mut maildrop, b"USER a\r\nPASS b\r\n");
        connection.feed(&mut maildrop, &input);
        prop_assert!(drain(&mut connection).len() < 64 * 1024 + 64 * input.len());
        prop_assert_eq!(maildrop, two_messages());
    }
}
