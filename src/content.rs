//! What a message *is*: the stored form of its bytes and the digests that identify it. Pure, fed by chunks.
//!
//! The stored form is the message as POP3 sends it, un-stuffed, with each CRLF made LF and nothing else changed. The
//! full hash is taken over the stored form, so that it can be repeated from a file: H(header hash ‖ body hash).
//! The strong fingerprint is the hash of the header block without the fields that servers rewrite as mail is read;
//! `TOP n 0` gives the same header block, and so the same fingerprint, as RETR.

use sha2::{Digest as _, Sha256};

use crate::model::{ContentId, Digest, Octets};

/// Header fields that servers add or rewrite: not part of a message's identity. In lower case.
pub const VOLATILE_FIELDS: [&[u8]; 5] = [b"status", b"x-status", b"x-uidl", b"x-uid", b"x-keywords"];

/// Turns un-stuffed message octets into the stored form and takes their digests on the way.
#[derive(Default)]
pub struct Canonical {
    pending_cr: bool,
    digester: Digester,
}

impl Canonical {
    /// A converter at the start of a message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next octets from the wire and appends their stored form to `stored`.
    pub fn push(&mut self, wire: &[u8], stored: &mut Vec<u8>) {
        let start = stored.len();
        let mut rest = wire;
        if self.pending_cr && !rest.is_empty() {
            self.pending_cr = false;
            if rest[0] != b'\n' {
                stored.push(b'\r');
            }
        }
        while let Some(at) = memchr::memchr(b'\r', rest) {
            stored.extend_from_slice(&rest[..at]);
            match rest.get(at + 1) {
                None => self.pending_cr = true,
                Some(b'\n') => {}
                Some(_) => stored.push(b'\r'),
            }
            rest = &rest[at + 1..];
        }
        stored.extend_from_slice(rest);
        self.digester.push(&stored[start..]);
    }

    /// Ends the message: appends what was held back and gives the digests.
    pub fn finish(mut self, stored: &mut Vec<u8>) -> ContentId {
        if self.pending_cr {
            stored.push(b'\r');
            self.digester.push(b"\r");
        }
        self.digester.finish()
    }
}

/// Takes the digests of a message in stored form.
pub struct Digester {
    octets: u64,
    header: Sha256,
    strong: HeaderHash,
    /// `None` while in the header block.
    body: Option<Sha256>,
    at_line_start: bool,
    started: bool,
}

impl Default for Digester {
    fn default() -> Self {
        Self {
            octets: 0,
            header: Sha256::new(),
            strong: HeaderHash::without(&VOLATILE_FIELDS),
            body: None,
            at_line_start: false,
            started: false,
        }
    }
}

impl Digester {
    /// A digester at the start of a message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next stored octets.
    pub fn push(&mut self, stored: &[u8]) {
        self.octets += stored.len() as u64;
        if !self.started && !stored.is_empty() {
            self.started = true;
            self.at_line_start = true;
        }
        let mut rest = stored;
        while self.body.is_none() && !rest.is_empty() {
            rest = self.push_header_part(rest);
        }
        if let Some(body) = &mut self.body {
            body.update(rest);
        }
    }

    /// Takes header octets up to the end of a line; the empty line opens the body.
    fn push_header_part<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        if self.at_line_start && rest[0] == b'\n' {
            self.body = Some(Sha256::new());
            return &rest[1..];
        }
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (part, after) = rest.split_at(end);
        self.header.update(part);
        self.strong.push(part);
        self.at_line_start = part.ends_with(b"\n");
        after
    }

    /// Ends the message and gives its digests.
    #[must_use]
    pub fn finish(self) -> ContentId {
        let mut full = Sha256::new();
        full.update(self.header.finalize());
        // A message without the empty line differs from one with an empty body.
        full.update([u8::from(self.body.is_some())]);
        full.update(self.body.unwrap_or_default().finalize());
        ContentId { header: self.strong.finish(), full: Digest(full.finalize().into()), octets: Octets(self.octets) }
    }
}

/// The hash of a header block but for some fields and their continuations.
#[derive(Clone)]
pub struct HeaderHash {
    /// In lower case.
    ignored: &'static [&'static [u8]],
    /// Enough of a line to tell whether it begins one of them.
    longest: usize,
    hash: Sha256,
    line: LinePart,
}

#[derive(Clone, Default)]
enum LinePart {
    /// At the start of a line, with what is known of it; `skipping` tells of the field above.
    Start { seen: Vec<u8>, skipping: bool },
    /// Within a line that counts.
    Kept,
    /// Within a line of a volatile field.
    Skipped,
    #[default]
    Begin,
}

impl HeaderHash {
    /// A hash that leaves out the fields of these names, given in lower case.
    #[must_use]
    pub fn without(ignored: &'static [&'static [u8]]) -> Self {
        let longest = ignored.iter().map(|name| name.len() + 1).max().unwrap_or(0);
        Self { ignored, longest, hash: Sha256::new(), line: LinePart::default() }
    }

    /// Takes octets of at most one line, its LF last.
    pub fn push(&mut self, part: &[u8]) {
        let ended = part.ends_with(b"\n");
        let line = std::mem::take(&mut self.line);
        self.line = match line {
            LinePart::Begin => self.decide(Vec::new(), false, part),
            LinePart::Start { seen, skipping } => self.decide(seen, skipping, part),
            LinePart::Kept => {
                self.hash.update(part);
                LinePart::Kept
            }
            LinePart::Skipped => LinePart::Skipped,
        };
        if ended {
            let skipping = matches!(self.line, LinePart::Skipped);
            self.line = LinePart::Start { seen: Vec::new(), skipping };
        }
    }

    /// Collects the start of a line until it tells which field it begins.
    fn decide(&mut self, mut seen: Vec<u8>, skipping: bool, part: &[u8]) -> LinePart {
        seen.extend_from_slice(part);
        if seen[0] == b' ' || seen[0] == b'\t' {
            return self.enter(skipping, &seen);
        }
        if seen.len() < self.longest && !seen.ends_with(b"\n") {
            return LinePart::Start { seen, skipping };
        }
        let volatile = self.ignored.iter().any(|field| {
            seen.len() > field.len() && seen[field.len()] == b':' && seen[..field.len()].eq_ignore_ascii_case(field)
        });
        self.enter(volatile, &seen)
    }

    fn enter(&mut self, skip: bool, seen: &[u8]) -> LinePart {
        if skip {
            return LinePart::Skipped;
        }
        self.hash.update(seen);
        LinePart::Kept
    }

    /// Ends the header block.
    #[must_use]
    pub fn finish(mut self) -> Digest {
        if let LinePart::Start { seen, .. } = &self.line {
            self.hash.update(seen);
        }
        Digest(self.hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(wire: &[u8]) -> (Vec<u8>, ContentId) {
        let mut stored = Vec::new();
        let mut canonical = Canonical::new();
        canonical.push(wire, &mut stored);
        let id = canonical.finish(&mut stored);
        (stored, id)
    }

    #[test]
    fn only_crlf_becomes_lf() {
        let (stored, id) = whole(b"A: b\r\n\r\nx\ry\n\0\xff\r\r\n\r");
        assert_eq!(stored, b"A: b\n\nx\ry\n\0\xff\r\n\r");
        assert_eq!(id.octets, Octets(stored.len() as u64));
    }

    #[test]
    fn fields_that_servers_rewrite_do_not_count() {
        let plain = whole(b"A: b\r\nC: d\r\n\r\n").1;
        let marked = whole(b"A: b\r\nStatus: RO\r\nX-KEYWORDS: a\r\n b\r\nC: d\r\nX-UID: 7\r\n\r\n").1;
        assert_eq!(plain.header, marked.header);
        assert_ne!(plain.full, marked.full);
        assert_ne!(plain.header, whole(b"A: b\r\nC: e\r\n\r\n").1.header);
        assert_ne!(plain.header, whole(b"A: b\r\nC: d\r\nStatusx: 1\r\n\r\n").1.header);
    }

    #[test]
    fn header_fingerprint_ignores_the_body_and_the_full_hash_does_not() {
        let one = whole(b"A: b\r\n\r\none\r\n").1;
        let two = whole(b"A: b\r\n\r\ntwo\r\n").1;
        assert_eq!(one.header, two.header);
        assert_ne!(one.full, two.full);
        assert_ne!(whole(b"A: b\r\n").1.full, whole(b"A: b\r\n\r\n").1.full);
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(wire in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b':'), any::<u8>()], 0..80),
                                cuts in proptest::collection::vec(0usize..80, 0..8)) {
            let (stored, id) = whole(&wire);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(wire.len())).collect();
            cuts.sort_unstable();
            cuts.push(wire.len());
            let (mut out, mut canonical, mut from) = (Vec::new(), Canonical::new(), 0);
            for cut in cuts {
                canonical.push(&wire[from..cut], &mut out);
                from = cut;
            }
            let cut_id = canonical.finish(&mut out);
            prop_assert_eq!((&out, cut_id), (&stored, id));
            let mut digester = Digester::new();
            digester.push(&stored);
            prop_assert_eq!(digester.finish(), id);
        }

        #[test]
        fn volatile_fields_in_any_chunks(cut in 0usize..40) {
            let header = b"Subject: x\nX-Status: A\n more\nTo: y\n\n";
            let mut digester = Digester::new();
            let cut = cut.min(header.len());
            digester.push(&header[..cut]);
            digester.push(&header[cut..]);
            prop_assert_eq!(digester.finish().header, whole(b"Subject: x\r\nTo: y\r\n\r\n").1.header);
        }
    }
}
