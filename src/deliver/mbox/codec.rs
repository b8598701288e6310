//! How a message is written in an mbox (mbox(5), RFC 4155): a separator line, the message, an empty line.
//!
//! The message is read and written in pieces, so its size does not matter. Encoding the same message again gives the same
//! octets: recovery relies on it.

use std::io::{self, Read};

use crate::header::Header;
use crate::model::{Dialect, Timestamp};

/// What a separator begins with.
pub(super) const FROM: &[u8] = b"From ";
/// Octets read of a message at a time.
pub(super) const CHUNK_OCTETS: usize = 64 * 1024;
const CONTENT_LENGTH: &[u8] = b"content-length";

/// The separator line before a message: `From SENDER DATE`, the date in UTC as asctime(3) writes it.
///
/// The sender is the one in Return-Path, or else the one in From, or else `MAILER-DAEMON`, as for the null one.
pub(super) fn separator(header: &Header, fetched_at: Timestamp) -> Vec<u8> {
    let sender = match header.return_path() {
        Some(path) => Some(path.to_owned()).filter(|path| !path.is_empty()),
        None => header.from_address(),
    };
    let date = jiff::Timestamp::from_second(fetched_at.0).unwrap_or_default();
    let date = date.strftime("%a %b %e %H:%M:%S %Y");
    format!("From {} {date}\n", sender.as_deref().unwrap_or("MAILER-DAEMON")).into_bytes()
}

/// A message as it is written in an mbox, with its separator and its empty line.
pub(super) struct Encoded {
    message: Box<dyn Read>,
    encoder: Option<Encoder>,
    chunk: Vec<u8>,
    ready: Vec<u8>,
    taken: usize,
}

impl Encoded {
    /// `body` is what [`body_octets`] gives, for a dialect that counts them.
    pub(super) fn new(message: Box<dyn Read>, separator: Vec<u8>, dialect: Dialect, body: u64) -> Self {
        let encoder = Some(Encoder::new(dialect, body));
        Self { message, encoder, chunk: vec![0; CHUNK_OCTETS], ready: separator, taken: 0 }
    }

    fn refill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.taken = 0;
        while self.ready.is_empty() && self.encoder.is_some() {
            let read = self.message.read(&mut self.chunk)?;
            match (&mut self.encoder, read) {
                (encoder, 0) => encoder.take().into_iter().for_each(|encoder| encoder.finish(&mut self.ready)),
                (Some(encoder), read) => encoder.push(&self.chunk[..read], &mut self.ready),
                (None, _) => {}
            }
        }
        Ok(())
    }
}

impl Read for Encoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.ready.len() {
            self.refill()?;
        }
        let count = buffer.len().min(self.ready.len() - self.taken);
        buffer[..count].copy_from_slice(&self.ready[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}

/// Writes a message in a dialect, without its separator.
struct Encoder {
    lines: Lines,
    /// Whether a line is begun and not ended.
    is_within_line: bool,
}

enum Lines {
    Quoted(Quoted),
    Counted(Counted),
}

impl Encoder {
    fn new(dialect: Dialect, body: u64) -> Self {
        let quoted = |is_nested| Lines::Quoted(Quoted { is_nested, matched: Some(0) });
        let lines = match dialect {
            Dialect::Mboxrd => quoted(true),
            Dialect::Mboxo => quoted(false),
            Dialect::Mboxcl2 => Lines::Counted(Counted { body, is_dropping: false, place: Place::Start(Vec::new()) }),
        };
        Self { lines, is_within_line: false }
    }

    fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        if let Some(last) = octets.last() {
            self.is_within_line = *last != b'\n';
        }
        match &mut self.lines {
            Lines::Quoted(quoted) => quoted.push(octets, out),
            Lines::Counted(counted) => counted.push(octets, out),
        }
    }

    fn finish(mut self, out: &mut Vec<u8>) {
        if self.is_within_line {
            self.push(b"\n", out);
        }
        if let Lines::Counted(counted) = self.lines {
            counted.finish(out);
        }
        out.push(b'\n');
    }
}

/// Lines that could be taken for separators get a `>`.
struct Quoted {
    /// Whether those that have one already get one more: then all can be undone.
    is_nested: bool,
    /// How much of [`FROM`] the line begins with, its `>` aside; `None` once that does not matter any more.
    matched: Option<usize>,
}

impl Quoted {
    fn push(&mut self, mut rest: &[u8], out: &mut Vec<u8>) {
        while let Some(octet) = rest.first() {
            match self.matched {
                None => {
                    let end = memchr::memchr(b'\n', rest);
                    let line = &rest[..end.map_or(rest.len(), |at| at + 1)];
                    out.extend_from_slice(line);
                    self.matched = end.map(|_| 0);
                    rest = &rest[line.len()..];
                }
                // It does not matter where among the others the new one stands.
                Some(0) if self.is_nested && *octet == b'>' => {
                    out.push(b'>');
                    rest = &rest[1..];
                }
                Some(matched) if *octet == FROM[matched] => {
                    rest = &rest[1..];
                    self.matched = Some(matched + 1);
                    if matched + 1 == FROM.len() {
                        out.push(b'>');
                        out.extend_from_slice(FROM);
                        self.matched = None;
                    }
                }
                Some(matched) => {
                    out.extend_from_slice(&FROM[..matched]);
                    self.matched = None;
                }
            }
        }
    }
}

/// The header tells how long the body is; what it said of that before is left out.
struct Counted {
    body: u64,
    /// Whether the field above is left out, and so are its continuations.
    is_dropping: bool,
    place: Place,
}

enum Place {
    /// In a line of the header of which it is not clear yet which field it begins.
    Start(Vec<u8>),
    Kept,
    Dropped,
    Body,
}

impl Counted {
    fn push(&mut self, mut rest: &[u8], out: &mut Vec<u8>) {
        while let Some(octet) = rest.first() {
            match &mut self.place {
                Place::Body => {
                    out.extend_from_slice(rest);
                    return;
                }
                Place::Start(begun) => match (begun.len(), *octet) {
                    (0, b'\n') => {
                        self.end_header(out);
                        rest = &rest[1..];
                    }
                    (0, b' ' | b'\t') => self.place = if self.is_dropping { Place::Dropped } else { Place::Kept },
                    (known, octet) if CONTENT_LENGTH.get(known) == Some(&octet.to_ascii_lowercase()) => {
                        begun.push(octet);
                        rest = &rest[1..];
                    }
                    (known, octet) => {
                        self.is_dropping = known == CONTENT_LENGTH.len() && matches!(octet, b':' | b' ' | b'\t');
                        if self.is_dropping {
                            self.place = Place::Dropped;
                        } else {
                            out.append(begun);
                            self.place = Place::Kept;
                        }
                    }
                },
                Place::Kept | Place::Dropped => {
                    let end = memchr::memchr(b'\n', rest);
                    let (line, after) = rest.split_at(end.map_or(rest.len(), |at| at + 1));
                    if matches!(self.place, Place::Kept) {
                        out.extend_from_slice(line);
                    }
                    if end.is_some() {
                        self.place = Place::Start(Vec::new());
                    }
                    rest = after;
                }
            }
        }
    }

    fn end_header(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("Content-Length: {}\n\n", self.body).as_bytes());
        self.place = Place::Body;
    }

    /// A message without an empty line has a header alone.
    fn finish(mut self, out: &mut Vec<u8>) {
        if !matches!(self.place, Place::Body) {
            self.end_header(out);
        }
    }
}

/// The octets of a message's body as an mbox holds it: with a line end, if it has any octets.
pub(super) fn body_octets(message: &mut dyn Read) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK_OCTETS];
    let (mut is_body, mut body, mut last) = (false, 0, b'\n');
    loop {
        let read = message.read(&mut chunk)?;
        if read == 0 {
            return Ok(if body > 0 && last != b'\n' { body + 1 } else { body });
        }
        let mut rest = &chunk[..read];
        while let Some((octet, after)) = rest.split_first().filter(|_| !is_body) {
            is_body = (last, *octet) == (b'\n', b'\n');
            last = *octet;
            rest = after;
        }
        body += rest.len() as u64;
        last = rest.last().copied().unwrap_or(last);
    }
}
