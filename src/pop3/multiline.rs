//! The body of a multi-line reply, un-stuffed as it arrives (RFC 1939 §3). Pure, and of constant memory.
//!
//! The end mark is exactly CRLF `.` CRLF, or `.` CRLF directly after the status line. A bare LF or a lone CR is
//! content and begins no line: what a mail holds can end the reply only where the protocol says so.

/// Un-stuffs one multi-line body, fed by chunks of any size.
#[derive(Debug, Default)]
pub struct Unstuff {
    at: At,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum At {
    /// At the first octet of a line.
    #[default]
    LineStart,
    /// After a dot that began a line and is held back.
    Dot,
    /// After a dot and a CR that began a line; both are held back.
    DotCr,
    /// Within a line.
    Within,
    /// After a CR within a line.
    Cr,
    /// After the end mark.
    Done,
}

impl Unstuff {
    /// A decoder at the start of a body.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next octets of the wire, appends the content they complete to `content`, and tells how many it took.
    ///
    /// All are taken unless the end mark is among them; what follows it belongs to the next reply.
    #[must_use]
    pub fn push(&mut self, wire: &[u8], content: &mut Vec<u8>) -> usize {
        let mut taken = 0;
        while taken < wire.len() && self.at != At::Done {
            taken += self.step(&wire[taken..], content);
        }
        taken
    }

    /// Whether the end mark was taken.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.at == At::Done
    }

    /// Takes at least one octet of `wire`, which is not empty, or changes the state.
    fn step(&mut self, wire: &[u8], content: &mut Vec<u8>) -> usize {
        let (next, taken) = match (self.at, wire[0]) {
            (At::LineStart, b'.') => (At::Dot, 1),
            (At::Dot, b'\r') => (At::DotCr, 1),
            (At::DotCr, b'\n') => (At::Done, 1),
            (At::DotCr, _) => {
                content.push(b'\r');
                (At::Cr, 0)
            }
            (At::Cr, b'\n') => {
                content.push(b'\n');
                (At::LineStart, 1)
            }
            (At::LineStart | At::Dot | At::Within | At::Cr, _) => {
                let end = memchr::memchr(b'\r', wire);
                let taken = end.map_or(wire.len(), |cr| cr + 1);
                content.extend_from_slice(&wire[..taken]);
                (if end.is_some() { At::Cr } else { At::Within }, taken)
            }
            (At::Done, _) => (At::Done, 0),
        };
        self.at = next;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(wire: &[u8]) -> (Vec<u8>, usize, bool) {
        let mut content = Vec::new();
        let mut unstuff = Unstuff::new();
        let taken = unstuff.push(wire, &mut content);
        (content, taken, unstuff.is_done())
    }

    /// The server's side, written independently: RFC 1939 §3.
    fn stuffed(content: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        for (at, octet) in content.iter().enumerate() {
            if *octet == b'.' && (at == 0 || content[..at].ends_with(b"\r\n")) {
                wire.push(b'.');
            }
            wire.push(*octet);
        }
        if !content.is_empty() && !content.ends_with(b"\r\n") {
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(b".\r\n");
        wire
    }

    #[test]
    fn an_empty_message_is_the_end_mark_alone() {
        assert_eq!(whole(b".\r\n+OK"), (vec![], 3, true));
    }

    #[test]
    fn one_dot_is_taken_off() {
        assert_eq!(whole(b"..\r\n...a\r\n.b\r\na.b\r\n.\r\n").0, b".\r\n..a\r\nb\r\na.b\r\n");
    }

    #[test]
    fn only_crlf_dot_crlf_ends_a_body() {
        for forged in
            [&b"a\n.\n"[..], b"a\n.\r\n", b"a\r.\r\n", b"a\r\n.\n", b"a\r\n.\rb", b"a\r\n.\r\r\nb", b"\n.\r\n+OK"]
        {
            assert!(!whole(forged).2, "{forged:?}");
        }
        assert_eq!(whole(b"a\r\n.\r\r\n.\r\n").0, b"a\r\n\r\r\n");
        assert_eq!(whole(b"a\r\r\n.\r\n+OK"), (b"a\r\r\n".to_vec(), 7, true));
    }

    #[test]
    fn i8_a_long_line_holds_nothing_back() {
        let mut unstuff = Unstuff::new();
        let mut content = Vec::new();
        for _ in 0..64 {
            content.clear();
            assert_eq!(unstuff.push(&[b'x'; 1 << 14], &mut content), 1 << 14);
            assert_eq!(content.len(), 1 << 14);
        }
    }

    fn octets() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), any::<u8>()], 0..60)
    }

    proptest! {
        #[test]
        fn every_split_gives_the_same(wire in octets()) {
            let expected = whole(&wire);
            for cut in 0..=wire.len() {
                let (mut unstuff, mut content) = (Unstuff::new(), Vec::new());
                let mut taken = unstuff.push(&wire[..cut], &mut content);
                taken += unstuff.push(&wire[cut..], &mut content);
                prop_assert_eq!(&(content, taken, unstuff.is_done()), &expected);
            }
            let (mut unstuff, mut content, mut taken) = (Unstuff::new(), Vec::new(), 0);
            for octet in &wire {
                taken += unstuff.push(&[*octet], &mut content);
            }
            prop_assert_eq!((content, taken, unstuff.is_done()), expected);
        }

        #[test]
        fn stuffing_round_trips(content in octets(), after in octets()) {
            let mut wire = stuffed(&content);
            let end = wire.len();
            wire.extend_from_slice(&after);
            let mut expected = content;
            if !expected.is_empty() && !expected.ends_with(b"\r\n") {
                expected.extend_from_slice(b"\r\n");
            }
            prop_assert_eq!(whole(&wire), (expected, end, true));
        }
    }
}
