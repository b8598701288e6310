//! A connection that ends after each octet of a conversation, in either direction: in doubt is a message only from the
//! first octet of its final dot to the last one of the answer.

use super::*;

const SENT: &[u8] = b"Subject: x\r\n\r\n..\r\n";

/// What each side says in turn, the server first.
fn conversation(pipelines: bool) -> Vec<(&'static [u8], &'static [u8])> {
    if pipelines {
        vec![
            (b"220 mx\r\n", b"LHLO client.example\r\n"),
            (b"250-mx\r\n250 PIPELINING\r\n", b"MAIL FROM:<>\r\nRCPT TO:<alice>\r\nDATA\r\n"),
            (b"250 ok\r\n250-ok\r\n250 ok\r\n354 go\r\n", SENT),
            (b"", b".\r\n"),
            (b"250-2.0.0 all\r\n250 taken\r\n", b""),
        ]
    } else {
        vec![
            (b"220 mx\r\n", b"LHLO client.example\r\n"),
            (b"250 mx\r\n", b"MAIL FROM:<>\r\n"),
            (b"250 ok\r\n", b"RCPT TO:<alice>\r\n"),
            (b"250 ok\r\n", b"DATA\r\n"),
            (b"354 go\r\n", SENT),
            (b"", b".\r\n"),
            (b"250 taken\r\n", b""),
        ]
    }
}

/// The conversation, with the server's side cut after so many octets.
fn cut_after(conversation: &[(&[u8], &[u8])], mut octets: usize) -> Script {
    let mut script = Script::new("");
    for (said, expected) in conversation {
        let kept = octets.min(said.len());
        if kept > 0 {
            script = script.raw(&said[..kept]);
        }
        if kept < said.len() {
            break;
        }
        octets -= kept;
        if !expected.is_empty() {
            script = script.expecting(expected);
        }
    }
    script.then("CLOSE")
}

fn class(outcome: &str) -> &str {
    outcome.split(':').next().unwrap()
}

#[test]
fn i2_the_server_closes_after_each_octet() {
    for pipelines in [false, true] {
        let conversation = conversation(pipelines);
        let octets: usize = conversation.iter().map(|(said, _)| said.len()).sum();
        let greeted: usize = conversation[..2].iter().map(|(said, _)| said.len()).sum();
        let last = conversation.last().unwrap().0.len();
        for cut in 0..=octets {
            let script = cut_after(&conversation, cut);
            let expected = match cut {
                _ if cut < greeted => "unprepared",
                _ if cut < octets - last => "refused",
                _ if cut < octets => "in doubt",
                _ => "delivered",
            };
            let outcome = offer_one(&script);
            assert_eq!(class(&outcome), expected, "{pipelines}, {cut}: {outcome}");
            let was_ended = script.heard().contains("\r\n.\r\n");
            assert_eq!(was_ended, matches!(expected, "in doubt" | "delivered"), "{pipelines}, {cut}");
        }
    }
}

#[test]
fn i2_the_connection_breaks_after_each_octet_that_is_sent() {
    for pipelines in [false, true] {
        let conversation = conversation(pipelines);
        let octets: usize = conversation.iter().map(|(_, expected)| expected.len()).sum();
        for taken in 0..=octets {
            let script = cut_after(&conversation, usize::MAX).taking(taken);
            let outcome = offer_one(&script);
            let expected = match taken {
                _ if taken < b"LHLO client.example\r\n".len() => "unprepared",
                _ if taken <= octets - b".\r\n".len() => "refused",
                _ if taken < octets => "in doubt",
                // It took all, and answered before it broke.
                _ => "delivered",
            };
            assert_eq!(class(&outcome), expected, "{pipelines}, {taken}: {outcome}");
        }
    }
}

/// A server that closes within a message may have said why.
#[test]
fn the_last_words_of_a_server_are_heard() {
    for (words, expected) in [
        ("552 too big", "rejected: lmtp:/run/lmtp: refused at the message: 552 too big"),
        ("451 milter", "refused: lmtp:/run/lmtp: refused at the message: 451 milter"),
        ("250 taken", "refused: lmtp:/run/lmtp: connection closed at the message"),
        ("", "refused: lmtp:/run/lmtp: connection closed at the message"),
    ] {
        let begun = [PLAIN, "\nC: MAIL FROM:<>\n250 ok\nC: RCPT TO:<alice>\n250 ok\nC: DATA\n354 go"].concat();
        let octets: usize =
            begun.lines().filter_map(|line| line.trim().strip_prefix("C: ")).map(|line| line.len() + 2).sum();
        let script = Script::new(&begun).expecting(b"Subj").then(words).taking(octets + 4);
        assert_eq!(offer_one(&script), expected);
    }
}
