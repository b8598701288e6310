//! The form that a message has on the wire of a mail server (RFC 5321 §2.3.8, §4.5.2).

use crate::model::Octets;

/// Brings a message from its stored form into that of the wire: CRLF line ends and no other CR or LF, a final line end,
/// and a dot before each line that begins with one.
///
/// The line ends come first: a lone CR that a server takes for a line end hides no dot, so no message ends early. CRLF
/// within the stored form is one line end, as what wrote it meant it. All else stays: NUL, 8-bit octets and lines of any
/// length are for the server to judge.
#[derive(Debug)]
pub(super) struct Encoder {
    at: At,
    facts: Facts,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    LineStart,
    /// A line start again, unless LF follows.
    AfterCr,
    Within,
}

/// What a server is told of a message before its content.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Facts {
    /// Octets on the wire, without the dots that are added (RFC 1870 §5).
    pub(super) octets: Octets,
    /// Whether there are octets over 0x7F (RFC 6152).
    pub(super) is_8bit: bool,
}

impl Encoder {
    pub(super) fn new() -> Self {
        Self { at: At::LineStart, facts: Facts::default() }
    }

    /// Appends to `wire` what follows in stored form, cut anywhere.
    pub(super) fn push(&mut self, stored: &[u8], wire: &mut Vec<u8>) {
        let mut rest = stored;
        while let Some(first) = rest.first() {
            let taken = match first {
                b'\n' if self.at == At::AfterCr => {
                    self.at = At::LineStart;
                    1
                }
                b'\n' | b'\r' => {
                    self.end_line(wire);
                    self.at = if *first == b'\r' { At::AfterCr } else { At::LineStart };
                    1
                }
                _ => {
                    let text = &rest[..memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len())];
                    self.within_line(text, wire);
                    text.len()
                }
            };
            rest = &rest[taken..];
        }
    }

    /// Appends the line end that the message lacks, and tells what the server may be told.
    pub(super) fn finish(mut self, wire: &mut Vec<u8>) -> Facts {
        if self.at == At::Within {
            self.end_line(wire);
        }
        self.facts
    }

    fn within_line(&mut self, text: &[u8], wire: &mut Vec<u8>) {
        if self.at != At::Within && text.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend_from_slice(text);
        self.facts.octets.0 += text.len() as u64;
        self.facts.is_8bit |= !text.is_ascii();
        self.at = At::Within;
    }

    fn end_line(&mut self, wire: &mut Vec<u8>) {
        wire.extend_from_slice(b"\r\n");
        self.facts.octets.0 += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(stored: &[u8], chunk: usize) -> (Vec<u8>, Facts) {
        let (mut encoder, mut wire) = (Encoder::new(), Vec::new());
        stored.chunks(chunk).for_each(|chunk| encoder.push(chunk, &mut wire));
        let facts = encoder.finish(&mut wire);
        (wire, facts)
    }

    #[test]
    fn line_ends_are_normalised_before_dots_are_stuffed() {
        for (stored, wire) in [
            (&b""[..], &b""[..]),
            (b"\n", b"\r\n"),
            (b"a\nb\n", b"a\r\nb\r\n"),
            (b"no end", b"no end\r\n"),
            (b".", b"..\r\n"),
            (b"..\n.a\n a.\n", b"...\r\n..a\r\n a.\r\n"),
            (b"a\r\nb\r\n", b"a\r\nb\r\n"),
            (b"a\rb", b"a\r\nb\r\n"),
            (b"a\r\r\nb\r", b"a\r\n\r\nb\r\n"),
            // What a server might take for the end of the message, in every spelling.
            (b"a\n.\nQUIT\n", b"a\r\n..\r\nQUIT\r\n"),
            (b"a\r.\rQUIT\r", b"a\r\n..\r\nQUIT\r\n"),
            (b"a\r.\r\nQUIT\r\n", b"a\r\n..\r\nQUIT\r\n"),
            (b"a\r\n.\rQUIT", b"a\r\n..\r\nQUIT\r\n"),
            (b"a\n.\r\n", b"a\r\n..\r\n"),
            (b"NUL \0 and \xff\n", b"NUL \0 and \xff\r\n"),
        ] {
            for chunk in 1..=stored.len().max(1) {
                let (found, facts) = encoded(stored, chunk);
                assert_eq!(found, wire, "{:?} by {chunk}", stored.escape_ascii().to_string());
                assert_eq!(facts.is_8bit, stored.contains(&0xff));
            }
        }
    }

    #[test]
    fn the_size_counts_no_dot_that_was_added() {
        assert_eq!(encoded(b".a\n..\nb", 99).1.octets, Octets(4 + 4 + 3));
        let long = vec![b'x'; 2_000_000];
        assert_eq!(encoded(&long, 4096).1.octets, Octets(2_000_002));
    }

    proptest! {
        /// Read as strictly or as loosely as any server does, a message never holds its own end.
        #[test]
        fn no_message_ends_itself(stored in proptest::collection::vec(prop_oneof![
            Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'a'), Just(0xff)
        ], 0..40), chunk in 1_usize..7) {
            let (wire, facts) = encoded(&stored, chunk);
            prop_assert_eq!(&wire, &encoded(&stored, 99).0);
            let lines: Vec<&[u8]> = wire.split_inclusive(|octet| *octet == b'\n').collect();
            let mut octets = 0;
            for line in &lines {
                prop_assert!(line.ends_with(b"\r\n") && *line != b".\r\n");
                let text = &line[..line.len() - 2];
                prop_assert!(!text.contains(&b'\r'));
                octets += line.len() - usize::from(text.starts_with(b"."));
            }
            prop_assert_eq!(facts.octets, Octets(octets as u64));
            let as_read = lines.iter().map(|line| line[..line.len() - 2].strip_prefix(b".").unwrap_or(&line[..line.len() - 2]));
            prop_assert_eq!(as_read.map(<[u8]>::to_vec).collect::<Vec<_>>(), as_lines(&stored));
        }
    }

    /// The lines of a stored message, by another way than the encoder's.
    fn as_lines(stored: &[u8]) -> Vec<Vec<u8>> {
        let text: String = stored.iter().map(|octet| char::from(*octet)).collect();
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text = text.strip_suffix('\n').map_or(text.clone(), str::to_owned);
        if stored.is_empty() {
            return Vec::new();
        }
        text.split('\n').map(|line| line.chars().map(|c| u8::try_from(c).unwrap()).collect()).collect()
    }
}
