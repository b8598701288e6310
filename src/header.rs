//! The header of a stored message, as far as delivery needs it: which fields there are, and what they say.
//!
//! Pure and tolerant: what is malformed is not there. Fingerprints are made of the raw octets instead ([`crate::content`]).

use std::io::{self, Read};

use mail_parser::parsers::MessageStream;

use crate::model::{Timestamp, limits};

/// The header block of a message in stored form (LF line ends).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// The fields in their order, unfolded.
    fields: Vec<Field>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Field {
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Header {
    /// Reads the header from the beginning of a stored message, at most [`limits::HEADER_OCTETS`] of it.
    pub fn read(message: &mut dyn Read) -> io::Result<Self> {
        let mut block = Vec::new();
        let mut chunk = [0; 4096];
        let mut message = message.take(limits::HEADER_OCTETS);
        loop {
            let read = message.read(&mut chunk)?;
            let searched = block.len().saturating_sub(1);
            block.extend_from_slice(&chunk[..read]);
            if read == 0 || block.starts_with(b"\n") || block[searched..].windows(2).any(|pair| pair == b"\n\n") {
                return Ok(Self::parse(&block));
            }
        }
    }

    /// Parses the octets of a stored message up to its first empty line.
    #[must_use]
    pub fn parse(stored: &[u8]) -> Self {
        let mut fields: Vec<Field> = Vec::new();
        for line in stored.split(|octet| *octet == b'\n').take_while(|line| !line.is_empty()) {
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                if let Some(field) = fields.last_mut() {
                    field.value.push(b' ');
                    field.value.extend_from_slice(line.trim_ascii());
                }
            } else if let Some(colon) = line.iter().position(|octet| *octet == b':') {
                let name = line[..colon].trim_ascii_end();
                if !name.is_empty() && name.iter().all(u8::is_ascii_graphic) {
                    fields.push(Field { name: name.to_owned(), value: line[colon + 1..].trim_ascii().to_owned() });
                }
            }
        }
        Self { fields }
    }

    /// The values of all fields of this name, whatever the case of its letters, in their order, unfolded and trimmed.
    pub fn values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> + use<'h> {
        let name = name.as_bytes().to_ascii_lowercase();
        self.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(&name)).map(|field| &*field.value)
    }

    /// The names of the fields as they are written, in their order.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().map(|field| &*field.name)
    }

    /// The time in the Date field (RFC 5322 §3.3), where it can be read.
    #[must_use]
    pub fn date(&self) -> Option<Timestamp> {
        let mut value = self.values("date").next()?.to_owned();
        value.push(b'\n');
        let date = MessageStream::new(&value).parse_date().into_datetime()?;
        date.is_valid().then(|| Timestamp(date.to_timestamp()))
    }

    /// The address in Return-Path (RFC 5321 §4.4): `None` where there is none, and empty for the null one, `<>`.
    #[must_use]
    pub fn return_path(&self) -> Option<&str> {
        self.address("return-path")
    }

    /// The address of the first field of this name: all of it, or what stands in brackets at its end.
    ///
    /// Only an address that can stand in an envelope or in the separator of an mbox: printable ASCII without blanks.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<&str> {
        let value = self.values(name).next()?;
        let bracketed = value.strip_suffix(b">").and_then(|rest| rest.rsplitn(2, |octet| *octet == b'<').next());
        let address = bracketed.filter(|_| value.contains(&b'<')).unwrap_or(value);
        std::str::from_utf8(address).ok().filter(|address| is_plain_address(address))
    }

    /// The first address in From (RFC 5322 §3.6.2), where it can stand in an envelope.
    #[must_use]
    pub fn from_address(&self) -> Option<String> {
        let mut value = self.values("from").next()?.to_owned();
        value.push(b'\n');
        let from = MessageStream::new(&value).parse_address();
        let address = from.as_address()?.first()?.address()?;
        (!address.is_empty() && is_plain_address(address)).then(|| address.to_owned())
    }
}

/// Printable ASCII without blanks or brackets, and not too long.
fn is_plain_address(address: &str) -> bool {
    address.len() <= limits::ADDRESS_OCTETS
        && address.bytes().all(|octet| octet.is_ascii_graphic() && !b"<>".contains(&octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(header: &Header, name: &str) -> Vec<String> {
        header.values(name).map(|value| value.escape_ascii().to_string()).collect()
    }

    #[test]
    fn fields_are_unfolded_and_found_by_name() {
        let header = Header::parse(b"Subject: a\n b\n\tc\nBAD LINE\nTo:x\nsubject : d\n: no name\n\nTo: body\n");
        assert_eq!(values(&header, "SUBJECT"), ["a b c", "d"]);
        assert_eq!(values(&header, "to"), ["x"]);
        assert_eq!(header.names().collect::<Vec<_>>(), [&b"Subject"[..], b"To", b"subject"]);
    }

    #[test]
    fn a_header_is_read_in_any_pieces_and_no_further_than_its_end() {
        struct Dribble<'a>(&'a [u8]);
        impl Read for Dribble<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let count = self.0.len().min(1).min(buffer.len());
                buffer[..count].copy_from_slice(&self.0[..count]);
                self.0 = &self.0[count..];
                Ok(count)
            }
        }
        let mut message = Dribble(b"A: 1\nB: 2\n\nC: 3\n");
        let header = Header::read(&mut message).unwrap();
        assert_eq!(header.names().collect::<Vec<_>>(), [b"A", b"B"]);
        assert_eq!(message.0, b"C: 3\n");
        assert_eq!(Header::read(&mut &b"\nA: 1\n"[..]).unwrap(), Header::default());
        assert_eq!(Header::read(&mut &b""[..]).unwrap(), Header::default());
        let endless = Header::read(&mut io::repeat(b'x')).unwrap();
        assert_eq!(endless, Header::default());
    }

    #[test]
    fn dates_of_real_mail_are_read() {
        let date = |text: &str| Header::parse(format!("Date: {text}\n\n").as_bytes()).date().map(|time| time.0);
        assert_eq!(date("Sun, 22 Nov 2026 10:00:00 +0100"), Some(1_795_338_000));
        assert_eq!(date("22 Nov 2026 10:00:00 +0100 (CET)"), Some(1_795_338_000));
        assert_eq!(date("Sun, 22 Nov 26 09:00:00 GMT"), Some(1_795_338_000));
        assert_eq!(date("yesterday"), None);
        assert_eq!(date(""), None);
        assert_eq!(date("Sun, 99 Nov 2026 10:00:00 +0100"), None);
    }

    #[test]
    fn a_return_path_is_an_address_or_nothing() {
        let path =
            |text: &str| Header::parse(format!("Return-Path: {text}\n\n").as_bytes()).return_path().map(String::from);
        assert_eq!(path("<alice@example.com>"), Some("alice@example.com".into()));
        assert_eq!(path("alice@example.com"), Some("alice@example.com".into()));
        assert_eq!(path("<>"), Some(String::new()));
        assert_eq!(path("<a b@example.com>"), None);
        assert_eq!(path("<a\u{e4}@example.com>"), None);
        assert_eq!(path(&format!("<{}@h>", "a".repeat(400))), None);
        assert_eq!(Header::default().return_path(), None);
    }

    #[test]
    fn the_first_address_of_from_is_found() {
        let from = |text: &str| Header::parse(format!("From: {text}\n\n").as_bytes()).from_address();
        assert_eq!(from("Alice <alice@example.com>"), Some("alice@example.com".into()));
        assert_eq!(from("alice@example.com (Alice)"), Some("alice@example.com".into()));
        assert_eq!(from("\"A, B\" <a@example.com>, c@example.com"), Some("a@example.com".into()));
        assert_eq!(from("friends: b@example.com, c@example.com;"), Some("b@example.com".into()));
        assert_eq!(from("<a b@example.com>"), None);
        assert_eq!(from("<>"), None);
        assert_eq!(from("J\u{fc}rgen <j\u{fc}rgen@example.com>"), None);
        assert_eq!(from(""), None);
        assert_eq!(Header::default().from_address(), None);
    }
}
