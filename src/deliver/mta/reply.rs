//! What a mail server says (RFC 5321 §4.2), and what it offers (§4.1.1.1).

use crate::model::{escaped, limits};

/// A reply, whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reply {
    /// Its three digits.
    pub(super) code: u16,
    /// The text of its lines, as they came.
    pub(super) lines: Vec<Vec<u8>>,
}

impl Reply {
    /// Its text, lines joined, safe for a terminal and cut: an enhanced status code (RFC 3463) begins it, where there is one.
    pub(super) fn shown(&self) -> String {
        escaped(self.lines.join(&b" / "[..]).trim_ascii(), limits::SHOWN_CHARS)
    }
}

/// One line of a reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ReplyLine<'l> {
    pub(super) code: u16,
    pub(super) is_last: bool,
    pub(super) text: &'l [u8],
}

impl<'l> ReplyLine<'l> {
    /// Reads a line without its line end; `None` where it is none of a reply.
    pub(super) fn parse(line: &'l [u8]) -> Option<Self> {
        let (digits, rest) = line.split_at_checked(3)?;
        if !digits.iter().all(u8::is_ascii_digit) || !matches!(digits[0], b'2'..=b'5') {
            return None;
        }
        let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        match rest.split_first() {
            None => Some(Self { code, is_last: true, text: b"" }),
            Some((b' ', text)) => Some(Self { code, is_last: true, text }),
            Some((b'-', text)) => Some(Self { code, is_last: false, text }),
            Some(_) => None,
        }
    }
}

/// What a server offers, as far as it is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one extension, on or off by itself")]
pub(super) struct Extensions {
    /// `PIPELINING` (RFC 2920).
    pub(super) pipelining: bool,
    /// `8BITMIME` (RFC 6152).
    pub(super) eight_bit: bool,
    /// `SIZE` (RFC 1870).
    pub(super) size: bool,
    /// `SMTPUTF8` (RFC 6531).
    pub(super) utf8: bool,
}

impl Extensions {
    /// What the answer to EHLO or LHLO offers: its first line is the server's name.
    pub(super) fn of(hello: &Reply) -> Self {
        let mut offered = Self::default();
        for line in hello.lines.iter().skip(1) {
            let keyword = line.split(|octet| *octet == b' ').next().unwrap_or_default();
            match keyword.to_ascii_uppercase().as_slice() {
                b"PIPELINING" => offered.pipelining = true,
                b"8BITMIME" => offered.eight_bit = true,
                b"SIZE" => offered.size = true,
                b"SMTPUTF8" => offered.utf8 = true,
                _ => {}
            }
        }
        offered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(text: &[u8]) -> Option<(u16, bool, &[u8])> {
        ReplyLine::parse(text).map(|line| (line.code, line.is_last, line.text))
    }

    #[test]
    fn lines_of_replies_are_told_from_anything_else() {
        assert_eq!(line(b"250 2.0.0 ok"), Some((250, true, &b"2.0.0 ok"[..])));
        assert_eq!(line(b"250-PIPELINING"), Some((250, false, &b"PIPELINING"[..])));
        assert_eq!(line(b"354"), Some((354, true, &b""[..])));
        assert_eq!(line(b"250 "), Some((250, true, &b""[..])));
        for garbage in
            [&b""[..], b"25", b"25x", b"150 ok", b"650 ok", b"250+ok", b"2500 ok", b" 250 ok", b"+OK", b"250\t"]
        {
            assert_eq!(line(garbage), None, "{}", garbage.escape_ascii());
        }
    }

    #[test]
    fn what_a_server_says_is_shown_safely() {
        let reply = Reply { code: 550, lines: vec![b"5.1.1 <a\x1b[2J>".to_vec(), b"unknown ".to_vec()] };
        assert_eq!(reply.shown(), "5.1.1 <a\\u{1b}[2J> / unknown");
        let long = Reply { code: 550, lines: vec![vec![b'x'; 9000]; 3] };
        assert_eq!(long.shown().chars().count(), limits::SHOWN_CHARS + 1);
    }

    #[test]
    fn extensions_are_read_whatever_their_case() {
        let hello =
            |lines: &[&str]| Reply { code: 250, lines: lines.iter().map(|line| line.as_bytes().to_vec()).collect() };
        let all = hello(&["mx", "pipelining", "8BitMime", "SIZE 1000", "SMTPUTF8", "X-ANY", ""]);
        assert_eq!(Extensions::of(&all), Extensions { pipelining: true, eight_bit: true, size: true, utf8: true });
        assert_eq!(Extensions::of(&hello(&["PIPELINING"])), Extensions::default(), "the first line is a name");
        assert_eq!(Extensions::of(&hello(&["mx", "PIPELININGS", "SIZEX", "8BITMIME=x"])), Extensions::default());
    }

    proptest! {
        #[test]
        fn any_octets_are_taken(text in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Some(line) = ReplyLine::parse(&text) {
                prop_assert!((200..600).contains(&line.code));
            }
            let reply = Reply { code: 250, lines: vec![text.clone(), text] };
            prop_assert!(reply.shown().chars().all(|c| !c.is_control()));
            let _ = Extensions::of(&reply);
        }
    }
}
