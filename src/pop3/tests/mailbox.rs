//! Listing, fetching, deleting and ending.

use std::io;

use super::dialogue::{LISTING, LOGIN, LOGIN_PIPELINING, Script};
use crate::content::Canonical;
use crate::model::{ContentId, Listed, Listing, MessageNumber, Octets, Receipt, RowId, Uid};
use crate::pop3::{
    DeleOutcome, Matched, RetrError, Session, SessionError, SightedContent, Sighting, TopReply, Transaction, Update,
};

const ONE: MessageNumber = MessageNumber(1);
const TWO: MessageNumber = MessageNumber(2);
const CAP: Octets = Octets(1 << 20);

const RETR_ONE: &str = "C: RETR 1\n+OK 10 octets\nSubject: x\n\tfolded\n..dot\n.";

fn receipt(row: i64, content: ContentId) -> Receipt {
    Receipt::issued_by_index(RowId(row), content, false)
}

fn content(wire: &[u8]) -> ContentId {
    let (mut canonical, mut stored) = (Canonical::new(), Vec::new());
    canonical.push(wire, &mut stored);
    canonical.finish(&mut stored)
}

fn listed(number: u32, uid: &str, size: Option<u64>) -> Listed {
    Listed { number: MessageNumber(number), uid: Uid::new(uid.as_bytes()).unwrap(), size: size.map(Octets) }
}

fn list(text: &str) -> (Script, Result<Listing, SessionError>) {
    let script = Script::new(LOGIN).then(text);
    let result = script.login().listing();
    (script, result)
}

fn take(session: &mut Session<'_, Transaction>, number: MessageNumber) -> (Vec<u8>, ContentId, Sighting) {
    let mut stored = Vec::new();
    let mut sink = |piece: &[u8]| {
        stored.extend_from_slice(piece);
        Ok(())
    };
    let retrieved = session.retr(number, CAP, &mut sink).unwrap();
    (stored, retrieved.content, retrieved.sighting)
}

fn tops(session: &mut Session<'_, Transaction>, numbers: &[MessageNumber]) -> Vec<TopReply> {
    let mut replies = Vec::new();
    let mut each = |number, reply| {
        assert_eq!(number, numbers[replies.len()]);
        replies.push(reply);
    };
    session.top_headers(numbers, &mut each).unwrap();
    replies
}

fn seen(reply: TopReply) -> Sighting {
    match reply {
        TopReply::Seen(sighting, _) => sighting,
        TopReply::Refused(text) => panic!("{text}"),
    }
}

/// A whole session: listing, RETR, settled, DELE by the proof of the RETR, QUIT.
fn whole_session(chunk: usize) -> (Vec<u8>, ContentId, Listing) {
    let script = Script::new(LOGIN)
        .then(LISTING)
        .then("C: STAT\n+OK 2 30 more")
        .then(RETR_ONE)
        .then("C: DELE 1\n+OK\nC: QUIT\n+OK bye")
        .in_chunks(chunk);
    let mut session = script.login();
    let listing = session.listing().unwrap();
    assert_eq!(session.stat().unwrap().octets, Octets(30));
    let (stored, content, sighting) = take(&mut session, ONE);
    assert_eq!((sighting.number(), sighting.content()), (ONE, &SightedContent::Whole(content)));
    let receipt = receipt(7, content);
    session.settle(ONE, &receipt);
    let matched = Matched::prove(&receipt, sighting).unwrap();
    assert_eq!(session.dele(vec![matched]).unwrap(), [(RowId(7), DeleOutcome::Marked)]);
    assert!(matches!(session.quit(), Ok(Update::Committed)));
    script.assert_done();
    (stored, content, listing)
}

#[test]
fn a_session_gives_the_same_in_any_pieces() {
    let (stored, id, listing) = whole_session(usize::MAX);
    assert_eq!(stored, b"Subject: x\n\tfolded\n.dot\n");
    assert_eq!(id, content(b"Subject: x\r\n\tfolded\r\n.dot\r\n"));
    let messages = vec![listed(1, "aaa", Some(10)), listed(2, "bbb", Some(20))];
    assert_eq!(listing, Listing { messages, complete: true, unidentified: 0 });
    for chunk in [1, 2, 3, 5] {
        assert_eq!(whole_session(chunk), (stored.clone(), id, listing.clone()));
    }
}

#[test]
fn i1_disagreeing_answers_are_asked_once_more() {
    let short = LISTING.replace("+OK 2 30", "+OK 3 30");
    let (script, result) = list(&format!("{short}\n{LISTING}"));
    assert!(result.unwrap().complete);
    script.assert_done();
    let (script, result) = list(&format!("{short}\n{short}"));
    let listing = result.unwrap();
    assert!(!listing.complete && listing.messages.len() == 2);
    script.assert_done();
}

#[test]
fn i1_uidl_is_the_authority_over_list() {
    let raced = "C: UIDL\n+OK\n1 aaa\n.\nC: STAT\n+OK 1 10\nC: LIST\n+OK\n2 20\n.";
    let listing = list(&format!("{raced}\n{raced}")).1.unwrap();
    assert_eq!(listing, Listing { messages: vec![listed(1, "aaa", None)], complete: false, unidentified: 0 });
}

#[test]
fn i1_a_number_listed_twice_is_an_error_if_it_stays() {
    let twice = "C: UIDL\n+OK\n1 aaa\n1 bbb\n.\nC: STAT\n+OK 2 10\nC: LIST\n+OK\n1 10\n2 10\n.";
    let script = Script::new(LOGIN).then(twice).then(twice);
    let mut session = script.login();
    assert!(matches!(session.listing(), Err(SessionError::DuplicateNumbers { number: ONE })));
    assert!(matches!(session.retr(ONE, CAP, &mut |_| Ok(())), Err(RetrError::Session(SessionError::Misuse(_)))));
    let (script, result) = list(&format!("{twice}\n{LISTING}"));
    assert!(result.unwrap().complete);
    script.assert_done();
}

#[test]
fn i1_a_message_without_usable_unique_id_makes_the_listing_partial() {
    let blank = format!(
        "C: UIDL\n+OK\n1   aaa\n2 \n3 {}\n.\nC: STAT\n+OK 3 30\nC: LIST\n+OK\n1 10 x\n2 10\n3 10\n.",
        "x".repeat(513)
    );
    let (script, result) = list(&blank);
    let expected = Listing { messages: vec![listed(1, "aaa", Some(10))], complete: false, unidentified: 2 };
    assert_eq!(result.unwrap(), expected);
    script.assert_done();
}

#[test]
fn an_empty_maildrop_is_a_complete_listing() {
    let (_, result) = list("C: UIDL\n+OK\n.\nC: STAT\n+OK 0 0\nC: LIST\n+OK\n.");
    assert_eq!(result.unwrap(), Listing { messages: vec![], complete: true, unidentified: 0 });
}

#[test]
fn refused_and_malformed_listings_are_errors() {
    let rest = "C: STAT\n+OK 0 0\nC: LIST\n+OK\n.";
    assert!(matches!(list(&format!("C: UIDL\n-ERR what\n{rest}")).1, Err(SessionError::NoUidl { .. })));
    assert!(matches!(list(&format!("C: UIDL\n-ERR [SYS/TEMP] x\n{rest}")).1, Err(SessionError::Refused { .. })));
    assert!(matches!(list("C: UIDL\n+OK\nnonsense\n.").1, Err(SessionError::Protocol { .. })));
    assert!(matches!(list("C: UIDL\n+OK\n.\nC: STAT\n+OK lots").1, Err(SessionError::Protocol { .. })));
    assert!(matches!(list("C: UIDL\n+OK\n1 aaa\nCLOSE").1, Err(SessionError::Closed { .. })));
    let no_list = "C: UIDL\n+OK\n.\nC: STAT\n+OK 0 0\nC: LIST\n-ERR no";
    assert!(matches!(list(no_list).1, Err(SessionError::Refused { command, .. }) if command == "LIST"));
}

#[test]
fn a_listing_is_one_burst_where_pipelining_is_announced() {
    let answers = "+OK\n1 aaa\n.\n+OK 1 10\n+OK\n1 10\n.";
    let script = Script::new(LOGIN_PIPELINING).then("C: UIDL\nC: STAT\nC: LIST").then(answers).in_chunks(3);
    assert!(script.login().listing().unwrap().complete);
    script.assert_done();
}

#[test]
fn i1_no_retr_before_a_listing() {
    let script = Script::new(LOGIN);
    let mut session = script.login();
    let error = session.retr(ONE, CAP, &mut |_| Ok(())).unwrap_err();
    assert!(matches!(error, RetrError::Session(SessionError::Misuse(_))));
    assert!(!script.heard().contains("RETR"));
}

#[test]
fn an_empty_message_is_whole() {
    let script = Script::new(LOGIN).then(LISTING).then("C: RETR 1\n+OK\n.\nC: NOOP\n+OK");
    let mut session = script.login();
    session.listing().unwrap();
    let (stored, id, _) = take(&mut session, ONE);
    assert_eq!((stored, id), (vec![], content(b"")));
    session.noop().unwrap();
}

#[test]
fn i4_a_refused_retr_is_no_retr() {
    let script = Script::new(LOGIN).then(LISTING).then("C: RETR 1\n-ERR [UTF8] no\nC: QUIT\n-ERR some left");
    let mut session = script.login();
    session.listing().unwrap();
    assert!(matches!(session.retr(ONE, CAP, &mut |_| Ok(())), Err(RetrError::Refused { code: Some(_), .. })));
    assert!(matches!(session.quit(), Ok(Update::Rejected(text)) if text == "some left"));
    script.assert_done();
}

#[test]
fn i4_no_quit_while_a_retred_message_is_unsettled() {
    let script = Script::new(LOGIN).then(LISTING).then(RETR_ONE);
    let mut session = script.login();
    session.listing().unwrap();
    take(&mut session, ONE);
    assert_eq!(session.quit().unwrap_err().messages, [ONE]);
    assert!(!script.heard().contains("QUIT"));
}

#[test]
fn i4_a_second_retr_must_be_settled_again() {
    let script = Script::new(LOGIN).then(LISTING).then(RETR_ONE).then(RETR_ONE);
    let mut session = script.login();
    session.listing().unwrap();
    let (_, content, _) = take(&mut session, ONE);
    session.settle(ONE, &receipt(1, content));
    take(&mut session, ONE);
    assert!(session.quit().is_err());
}

#[test]
fn i4_dropping_sends_no_quit() {
    let script = Script::new(LOGIN);
    drop(script.open().unwrap());
    let script = Script::new(LOGIN).then(LISTING);
    let mut session = script.login();
    session.listing().unwrap();
    let before = script.heard();
    drop(session);
    assert_eq!(script.heard(), before);
    assert!(!before.contains("QUIT"));
}

#[test]
fn an_unanswered_quit_is_unknown() {
    let script = Script::new(LOGIN).then("C: QUIT\nCLOSE");
    assert!(matches!(script.login().quit(), Ok(Update::Unknown(SessionError::Closed { .. }))));
}

#[test]
fn i2_a_body_that_ends_early_is_no_message() {
    let script = Script::new(LOGIN).then(LISTING).then("C: RETR 1\n+OK").raw(&[b'x'; 8192]).then("CLOSE");
    let mut session = script.login();
    session.listing().unwrap();
    let error = session.retr(ONE, CAP, &mut |_| Ok(())).unwrap_err();
    let RetrError::Session(SessionError::Closed { during, source }) = error else { panic!("{error:?}") };
    assert_eq!((during.as_str(), source.to_string().as_str()), ("RETR 1", "end of stream after 8192 octets"));
    assert!(matches!(session.noop(), Err(SessionError::Misuse(_))));
    assert!(session.quit().is_err());
    assert!(!script.heard().contains("NOOP"));
}

#[test]
fn content_cannot_forge_a_reply() {
    let forged = b"a\n.\n+OK\r\nx\r.\r\n\r\n..\r\n+OK\r\n.\r\n";
    let script = Script::new(LOGIN).then(LISTING).then("C: RETR 1\n+OK").raw(forged).then("C: NOOP\n+OK");
    let mut session = script.login();
    session.listing().unwrap();
    assert_eq!(take(&mut session, ONE).0, b"a\n.\n+OK\nx\r.\n\n.\n+OK\n");
    session.noop().unwrap();
}

#[test]
fn a_desynchronised_reply_ends_the_session() {
    let script = Script::new(LOGIN).then(LISTING).then("C: RETR 1\nReceived: from x");
    let mut session = script.login();
    session.listing().unwrap();
    let error = session.retr(ONE, CAP, &mut |_| Ok(())).unwrap_err();
    assert!(matches!(error, RetrError::Session(SessionError::Protocol { .. })));
    assert!(matches!(session.quit(), Ok(Update::Unknown(SessionError::Misuse(_)))));
    assert!(!script.heard().contains("QUIT"));
}

#[test]
fn octets_after_a_reply_are_a_desynchronised_session() {
    let script = Script::new(LOGIN).then("C: NOOP").raw(b"+OK\r\n+OK forged\r\n");
    let mut session = script.login();
    session.noop().unwrap();
    assert!(matches!(session.noop(), Err(SessionError::Protocol { .. })));
    assert!(matches!(session.noop(), Err(SessionError::Misuse(_))));
}

#[test]
fn a_failed_sink_leaves_a_body_to_drain() {
    let body = [vec![b'x'; 200_000], b"\r\n.\r\n".to_vec()].concat();
    let script = Script::new(LOGIN).then(LISTING).then("C: RETR 1\n+OK").raw(&body).then("C: RETR 2\n+OK\nb\n.");
    let mut session = script.login();
    session.listing().unwrap();
    let error = session.retr(ONE, CAP, &mut |_| Err(io::ErrorKind::StorageFull.into())).unwrap_err();
    assert!(matches!(error, RetrError::Sink(_)));
    assert!(matches!(session.noop(), Err(SessionError::Misuse(_))));
    assert!(matches!(session.dele(vec![]), Err(SessionError::Misuse(_))));
    session.drain_body().unwrap();
    let (stored, content, _) = take(&mut session, TWO);
    assert_eq!(stored, b"b\n");
    session.settle(TWO, &receipt(2, content));
    assert_eq!(session.quit().unwrap_err().messages, [ONE], "I4: what was drained is not delivered");
}

#[test]
fn i8_memory_does_not_grow_with_the_message() {
    let body = [vec![b'x'; 3_000_000], b"\r\n.\r\n".to_vec()].concat();
    let script = Script::new(LOGIN).then(LISTING).then("C: RETR 1\n+OK").raw(&body);
    let mut session = script.login();
    session.listing().unwrap();
    let (mut largest, mut sum) = (0, 0);
    let mut sink = |piece: &[u8]| {
        largest = largest.max(piece.len());
        sum += piece.len();
        Ok(())
    };
    session.retr(ONE, Octets(1 << 30), &mut sink).unwrap();
    assert_eq!(sum, 3_000_001);
    assert!(largest <= 64 * 1024 + 1, "{largest}");
}

#[test]
fn i3_a_fingerprint_by_top_proves_the_delivered_message() {
    let (right, wrong) = (content(b"A: b\r\n\r\nbody"), content(b"A: c\r\n\r\nbody"));
    let script = Script::new(LOGIN)
        .then("C: TOP 1 0\n+OK\nA: b\nStatus: RO")
        .raw(b"\r\n.\r\n")
        .then("C: TOP 2 0\n-ERR gone\nC: DELE 1\n-ERR read-only");
    let mut session = script.login();
    let mut replies = tops(&mut session, &[ONE, TWO]);
    assert!(matches!(replies.pop(), Some(TopReply::Refused(text)) if text == "gone"));
    let sighting = seen(replies.remove(0));
    assert_eq!(sighting.content(), &SightedContent::Header(right.header));
    let sighting = Matched::prove(&receipt(1, wrong), sighting).unwrap_err();
    let matched = Matched::prove(&receipt(1, right), sighting).unwrap();
    assert_eq!((matched.number(), matched.row()), (ONE, RowId(1)));
    assert_eq!(session.dele(vec![matched]).unwrap(), [(RowId(1), DeleOutcome::Refused("read-only".into()))]);
}

#[test]
fn i3_a_whole_message_is_proven_by_its_full_hash() {
    let script = Script::new(LOGIN).then(LISTING).then(RETR_ONE);
    let mut session = script.login();
    session.listing().unwrap();
    let (_, id, sighting) = take(&mut session, ONE);
    let other = content(b"Subject: x\r\n\tfolded\r\n.dot!\r\n");
    assert_eq!(id.header, content(b"Subject: x\r\n\tfolded\r\n.dot\r\n").header);
    let sighting = Matched::prove(&receipt(1, other), sighting).unwrap_err();
    Matched::prove(&receipt(1, id), sighting).unwrap();
}

#[test]
fn i3_a_proof_of_another_session_deletes_nothing() {
    let script = Script::new(LOGIN).then("C: TOP 1 0\n+OK\nA: b\n.");
    let other = Script::new(LOGIN);
    let sighting = seen(tops(&mut script.login(), &[ONE]).remove(0));
    let matched = Matched::prove(&receipt(1, content(b"A: b\r\n")), sighting).unwrap();
    let mut session = other.login();
    assert!(matches!(session.dele(vec![matched]), Err(SessionError::Misuse(_))));
    assert!(!other.heard().contains("DELE"));
}

/// TOP and DELE of 200 messages; with `window`, so many commands come before the first reply.
fn many(login: &str, window: u32) {
    let mut script = Script::new(login);
    let numbers: Vec<MessageNumber> = (1..=200).map(MessageNumber).collect();
    for verb in ["TOP", "DELE"] {
        let command = |n: u32| if verb == "TOP" { format!("C: TOP {n} 0") } else { format!("C: DELE {n}") };
        for n in 1..=200 + window {
            if n <= 200 {
                script = script.then(&command(n));
            }
            if let Some(answered) = n.checked_sub(window).filter(|n| *n > 0) {
                script = script.then(&if verb == "TOP" { format!("+OK\nA: {answered}\n.") } else { "+OK".into() });
            }
        }
    }
    let mut session = script.login();
    let replies = tops(&mut session, &numbers);
    let mut proofs = Vec::new();
    for (reply, n) in replies.into_iter().zip(1_i64..) {
        let receipt = receipt(n, content(format!("A: {n}\r\n").as_bytes()));
        proofs.push(Matched::prove(&receipt, seen(reply)).unwrap());
    }
    let outcomes = session.dele(proofs).unwrap();
    assert!(outcomes.iter().zip(1..).all(|(outcome, n)| *outcome == (RowId(n), DeleOutcome::Marked)));
    assert_eq!(outcomes.len(), 200);
    script.assert_done();
}

#[test]
fn one_command_at_a_time_without_pipelining() {
    many(LOGIN, 0);
}

#[test]
fn commands_go_ahead_of_replies_with_pipelining() {
    // The window is filled again when half of it is answered: 32 are always on their way.
    many(LOGIN_PIPELINING, 31);
}

#[test]
fn a_reply_that_ends_early_in_a_window_ends_the_session() {
    let script = Script::new(LOGIN_PIPELINING).then("C: TOP 1 0\nC: TOP 2 0\n+OK\nA: b\n.\n+OK\nA:\nCLOSE");
    let mut session = script.login();
    let mut count = 0;
    let error = session.top_headers(&[ONE, TWO], &mut |_, _| count += 1).unwrap_err();
    assert!(matches!(&error, SessionError::Closed { during, .. } if during == "TOP 2 0"), "{error:?}");
    assert_eq!(count, 1);
    assert!(matches!(session.noop(), Err(SessionError::Misuse(_))));
}
