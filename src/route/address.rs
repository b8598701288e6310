//! The addresses in a field, however it is spelled.
//!
//! Only what can safely stand in an envelope counts as one: atoms and dots, an `@`, and a domain in ASCII. The fields that
//! matter here are written by servers; in what people write, names, comments and groups are passed over.

use crate::model::limits;

/// The addresses of a field's value, in their order, at most [`limits::ROUTED_ADDRESSES`] of them.
pub(super) fn addresses(value: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut scan = Scan::default();
    let mut add = |text: Vec<u8>| {
        if let Some(address) = address(&text)
            && !found.contains(&address)
            && found.len() < limits::ROUTED_ADDRESSES
        {
            found.push(address);
        }
    };
    for octet in value {
        if let Some(text) = scan.next(*octet) {
            add(text);
        }
    }
    add(scan.end());
    found
}

/// Where in a list of addresses (RFC 5322 §3.4) the next octet stands.
#[derive(Default)]
struct Scan {
    /// What may be an address.
    text: Vec<u8>,
    comments: usize,
    is_quoted: bool,
    is_escaped: bool,
    /// Within brackets, or behind them.
    brackets: Brackets,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Brackets {
    #[default]
    Before,
    Within,
    Behind,
}

impl Scan {
    /// Takes one more octet; gives what stood in front of a separator.
    fn next(&mut self, octet: u8) -> Option<Vec<u8>> {
        if self.is_escaped {
            self.is_escaped = false;
            self.keep(octet);
            return None;
        }
        match octet {
            b'\\' if self.is_quoted || self.comments > 0 => self.is_escaped = true,
            b')' if self.comments > 0 => self.comments -= 1,
            b'(' if !self.is_quoted => self.comments += 1,
            _ if self.comments > 0 => {}
            b'"' => self.is_quoted = !self.is_quoted,
            // No part of a quoted name is an address.
            b'@' if self.is_quoted => self.keep(b' '),
            _ if self.is_quoted => self.keep(octet),
            b'<' => {
                self.text.clear();
                self.brackets = Brackets::Within;
            }
            b'>' => self.brackets = Brackets::Behind,
            // What stands before is a route, or the name of a group.
            b':' => self.text.clear(),
            b',' | b';' => return Some(self.end()),
            _ => self.keep(octet),
        }
        None
    }

    fn keep(&mut self, octet: u8) {
        if self.comments == 0 && self.brackets != Brackets::Behind {
            self.text.push(octet);
        }
    }

    fn end(&mut self) -> Vec<u8> {
        std::mem::take(self).text
    }
}

fn address(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text.trim_ascii()).ok().filter(|text| text.len() <= limits::ADDRESS_OCTETS)?;
    let (local, domain) = text.rsplit_once('@')?;
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let is_atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let is_of_domain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let is_address =
        !local.is_empty() && local.bytes().all(is_atom) && !domain.is_empty() && domain.bytes().all(is_of_domain);
    is_address.then(|| format!("{local}@{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_every_spelling() {
        for (value, expected) in [
            ("alice@example.com", &["alice@example.com"][..]),
            (" <Alice@Example.COM> ", &["Alice@Example.COM"]),
            ("alice+lists@example.com.", &["alice+lists@example.com"]),
            ("a@b, c@d", &["a@b", "c@d"]),
            ("a@b,a@b", &["a@b"]),
            ("Alice <a@b>, \"Bob, x@y\" <c@d>", &["a@b", "c@d"]),
            ("=?utf-8?q?x=40y?= <a@b>", &["a@b"]),
            ("\"alice\"@b", &["alice@b"]),
            ("a@b (bob@c (nested d@e)), <f@g> (h@i)", &["a@b", "f@g"]),
            ("(c) a@b (d)", &["a@b"]),
            ("Team: a@b, c@d;, e@f", &["a@b", "c@d", "e@f"]),
            ("<@relay,@other:a@b>", &["a@b"]),
            ("mailto:a@b", &["a@b"]),
            ("<a@b", &["a@b"]),
            ("<a@b> c@d x", &["a@b"]),
            ("a@b (never closed, c@d", &["a@b"]),
            ("example.com-alice@example.com", &["example.com-alice@example.com"]),
        ] {
            assert_eq!(addresses(value.as_bytes()), expected, "{value}");
        }
    }

    /// Nothing that could end a command of a mail protocol, or be read as two addresses.
    #[test]
    fn what_is_no_address_is_not_there() {
        for value in [
            "",
            "<>",
            "<<>>",
            "alice",
            "@b",
            "a@",
            "a@.",
            "a b@c",
            "a@b c@d",
            "a@b@c",
            "\"a@b\"",
            "\"a@b",
            "\"a b\"@c",
            "\"a\\\"b\"@c",
            "a@b:25",
            "a@[127.0.0.1]",
            "a\u{e4}@b",
            "a@b\u{e4}",
            "a@b\r\nDATA",
            "a\0@b",
            "undisclosed-recipients:;",
            ",,;;::<<>>((",
            "a@b\u{7f}",
            "(a@b)",
        ] {
            assert_eq!(addresses(value.as_bytes()), [""; 0], "{value:?}");
        }
        assert!(addresses(b"\xff@b, a@\xfe, \x80").is_empty());
        assert!(addresses(format!("{}@b", "a".repeat(limits::ADDRESS_OCTETS)).as_bytes()).is_empty());
    }

    /// I8.
    #[test]
    fn i8_no_field_has_more_addresses_than_the_limit() {
        let many: Vec<String> = (0..limits::ROUTED_ADDRESSES + 10).map(|number| format!("a{number}@b")).collect();
        assert_eq!(addresses(many.join(",").as_bytes()), many[..limits::ROUTED_ADDRESSES]);
        for noise in ["(", "\"", "<", ",", "\\", "a@"] {
            addresses(noise.repeat(100_000).as_bytes());
        }
    }
}
