//! Looking for messages in an mbox that other programs rewrote.
//!
//! A message is looked for as it was written: its separator, its header but for the fields that mail programs add, its
//! body. So it is found whatever the dialect, and whatever other programs made of the messages around it. One pass, in
//! pieces of any size.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use super::codec::{CHUNK_OCTETS, FROM};
use crate::content::HeaderHash;
use crate::model::Digest;

/// Header fields that mail programs add to the messages of an mbox, or rewrite.
const VOLATILE_FIELDS: [&[u8]; 12] = [
    b"status",
    b"x-status",
    b"x-uidl",
    b"x-uid",
    b"x-keywords",
    b"x-imap",
    b"x-imapbase",
    b"x-mozilla-status",
    b"x-mozilla-status2",
    b"x-mozilla-keys",
    b"content-length",
    b"lines",
];

/// What an mbox has after the text of a message: a line end and an empty line.
const LINE_ENDS: usize = 2;

/// What a message is recognised by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Key {
    separator: Vec<u8>,
    header: Digest,
    body: Digest,
    /// With the empty line after it.
    body_octets: u64,
}

impl Key {
    /// The key of a message as it is written in an mbox.
    pub(super) fn of(encoded: &mut dyn Read) -> io::Result<Self> {
        let (mut separator, mut print) = (Vec::new(), Print::new());
        let mut chunk = vec![0; CHUNK_OCTETS];
        loop {
            let read = encoded.read(&mut chunk)?;
            if read == 0 {
                let header = print.header.finish();
                return Ok(Self {
                    separator,
                    header,
                    body: Digest(print.body.finalize().into()),
                    body_octets: print.body_octets,
                });
            }
            for line in lines(&chunk[..read]) {
                if separator.ends_with(b"\n") {
                    print.push(line);
                } else {
                    separator.extend_from_slice(line);
                }
            }
        }
    }
}

/// Parts of at most one line, the line ends last.
fn lines(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    octets.split_inclusive(|octet| *octet == b'\n')
}

/// The digests of a message.
#[derive(Clone)]
struct Print {
    header: HeaderHash,
    is_header: bool,
    is_line_start: bool,
    body: Sha256,
    body_octets: u64,
}

impl Print {
    fn new() -> Self {
        let header = HeaderHash::without(&VOLATILE_FIELDS);
        Self { header, is_header: true, is_line_start: true, body: Sha256::new(), body_octets: 0 }
    }

    /// Takes octets of at most one line.
    fn push(&mut self, part: &[u8]) {
        if !self.is_header {
            self.body.update(part);
            self.body_octets += part.len() as u64;
        } else if self.is_line_start && part == b"\n" {
            self.is_header = false;
        } else {
            self.header.push(part);
            self.is_line_start = part.ends_with(b"\n");
        }
    }
}

/// A message that was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Match {
    /// The number of its key.
    pub(super) key: usize,
    /// Where its separator begins.
    pub(super) at: u64,
}

/// A look for messages, fed with an mbox.
pub(super) struct Search<'k> {
    keys: &'k [Key],
    longest_separator: usize,
    /// The start of the current line, as far as it can be a separator.
    line: Vec<u8>,
    line_at: u64,
    /// Whether a message may begin here: not every reader sees one that does not follow an empty line.
    is_after_empty: bool,
    at: u64,
    candidates: Vec<Candidate>,
    found: Vec<Match>,
}

struct Candidate {
    place: Match,
    print: Print,
    /// Once all of it was seen: how much of what must follow was.
    followed_by: Option<usize>,
}

impl<'k> Search<'k> {
    /// A look for these messages, in an mbox from `at` on, where a message may begin.
    pub(super) fn new(keys: &'k [Key], at: u64) -> Self {
        let longest_separator = keys.iter().map(|key| key.separator.len()).max().unwrap_or(0);
        Self {
            keys,
            longest_separator,
            line: Vec::new(),
            line_at: at,
            is_after_empty: true,
            at,
            candidates: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Takes the next octets.
    pub(super) fn push(&mut self, octets: &[u8]) {
        for part in lines(octets) {
            self.push_part(part);
        }
    }

    /// Ends the mbox, and tells what was found, in its order.
    ///
    /// The last message may lack its line end and its empty line: whoever adds mail after it adds them first.
    pub(super) fn finish(mut self) -> Vec<Match> {
        for mut candidate in std::mem::take(&mut self.candidates) {
            let key = &self.keys[candidate.place.key];
            for _ in 0..LINE_ENDS {
                if candidate.followed_by.is_none() {
                    candidate.push(b"\n", key);
                }
            }
            if candidate.followed_by == Some(0) {
                self.found.push(candidate.place);
            }
        }
        self.found.sort_unstable_by_key(|found| found.at);
        self.found
    }

    fn push_part(&mut self, part: &[u8]) {
        let (keys, found) = (self.keys, &mut self.found);
        self.candidates.retain_mut(|candidate| match candidate.push(part, &keys[candidate.place.key]) {
            Verdict::Open => true,
            Verdict::Other => false,
            Verdict::Found => {
                found.push(candidate.place);
                false
            }
        });
        // One octet more than the longest, so that a longer line is none of them.
        let room = (self.longest_separator + 1).saturating_sub(self.line.len());
        self.line.extend_from_slice(&part[..part.len().min(room)]);
        self.at += part.len() as u64;
        if part.ends_with(b"\n") {
            let (at, line) = (self.line_at, std::mem::take(&mut self.line));
            let may_begin = std::mem::replace(&mut self.is_after_empty, line == b"\n");
            let begun = (0..keys.len()).filter(|key| may_begin && keys[*key].separator == line);
            self.candidates.extend(begun.map(|key| Candidate {
                place: Match { key, at },
                print: Print::new(),
                followed_by: None,
            }));
            self.line_at = self.at;
        }
    }
}

enum Verdict {
    Open,
    Other,
    Found,
}

impl Candidate {
    fn push(&mut self, part: &[u8], key: &Key) -> Verdict {
        let mut rest = part;
        if self.followed_by.is_none() {
            let left = usize::try_from(key.body_octets - self.print.body_octets).unwrap_or(usize::MAX);
            let own = if self.print.is_header { rest.len() } else { rest.len().min(left) };
            self.print.push(&rest[..own]);
            rest = &rest[own..];
            if self.print.is_header || self.print.body_octets < key.body_octets {
                return Verdict::Open;
            }
            let is_it = self.print.header.clone().finish() == key.header
                && self.print.body.clone().finalize()[..] == key.body.0;
            if !is_it {
                return Verdict::Other;
            }
            self.followed_by = Some(0);
        }
        self.follow(rest)
    }

    /// The next message must begin there, maybe after further empty lines, or the zeros that a power cut left of it: a longer
    /// message that begins like this one is another.
    fn follow(&mut self, rest: &[u8]) -> Verdict {
        let seen = self.followed_by.unwrap_or(0);
        if seen == 0 && rest == b"\n" {
            return Verdict::Open;
        }
        if seen == 0 && rest.starts_with(b"\0") {
            return Verdict::Found;
        }
        let expected = &FROM[seen..];
        let count = rest.len().min(expected.len());
        if rest[..count] != expected[..count] {
            return Verdict::Other;
        }
        self.followed_by = Some(seen + count);
        if seen + count == FROM.len() { Verdict::Found } else { Verdict::Open }
    }
}
