//! The lines of the server's replies as values (RFC 1939 §3, RFC 2449 §8, RFC 3206). Pure.
//!
//! All functions take a line without its CRLF.

use crate::model::{Octets, escaped, limits};

/// The first line of a reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Status {
    /// `+OK`, with the text after it.
    Ok(Vec<u8>),
    /// `-ERR`.
    Err(Refusal),
    /// `+`, which asks for a SASL response (RFC 5034 §4).
    Continue,
}

/// What the server said with `-ERR`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The extended response code, if a known one is there.
    pub code: Option<ResponseCode>,
    /// The text after the code, escaped and cut (I9).
    pub text: String,
}

/// An extended response code (RFC 2449 §8, RFC 3206).
///
/// RFC 2449 gives codes a meaning only where RESP-CODES is announced, since other text may begin with a bracket by
/// chance. These words do not stand there by chance, and servers send them unannounced, so they always count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponseCode {
    /// `[IN-USE]`: another session holds the maildrop.
    InUse,
    /// `[LOGIN-DELAY]`: the last login was too short a time ago.
    LoginDelay,
    /// `[AUTH]`: the credentials are wrong.
    Auth,
    /// `[SYS/TEMP]`: a passing failure of the server.
    SysTemp,
    /// `[SYS/PERM]`: a failure of the server that a person has to mend.
    SysPerm,
    /// `[UTF8]`: the message cannot be sent in this mode (RFC 6856).
    Utf8,
}

impl ResponseCode {
    /// Splits a code off the text of a reply; unknown codes stay text, unknown deeper levels are ignored.
    fn split(text: &[u8]) -> (Option<Self>, &[u8]) {
        let Some(inner) = text.strip_prefix(b"[") else { return (None, text) };
        let Some(end) = memchr::memchr(b']', inner) else { return (None, text) };
        let name = inner[..end].split(|octet| *octet == b' ').next().unwrap_or_default();
        let mut levels = name.split(|octet| *octet == b'/').map(<[u8]>::to_ascii_uppercase);
        let first = levels.next().unwrap_or_default();
        let code = match (first.as_slice(), levels.next().as_deref()) {
            (b"IN-USE", _) => Self::InUse,
            (b"LOGIN-DELAY", _) => Self::LoginDelay,
            (b"AUTH", _) => Self::Auth,
            (b"SYS", Some(b"TEMP")) => Self::SysTemp,
            (b"SYS", Some(b"PERM")) => Self::SysPerm,
            (b"UTF8", _) => Self::Utf8,
            _ => return (None, text),
        };
        (Some(code), inner[end + 1..].trim_ascii_start())
    }
}

impl Status {
    /// Reads a status line; `None` when the line is none.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        if let Some(rest) = keyword(line, b"+OK") {
            return Some(Self::Ok(rest.to_vec()));
        }
        if let Some(rest) = keyword(line, b"-ERR") {
            let (code, text) = ResponseCode::split(rest);
            return Some(Self::Err(Refusal { code, text: escaped(text, limits::SHOWN_CHARS) }));
        }
        (line == b"+" || line.starts_with(b"+ ")).then_some(Self::Continue)
    }
}

/// What follows `word`, which a letter or digit must not prolong.
fn keyword<'a>(line: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(word)?;
    (!rest.first().is_some_and(u8::is_ascii_alphanumeric)).then(|| rest.trim_ascii())
}

/// A drop listing: what STAT says (RFC 1939 §5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DropListing {
    /// Messages in the maildrop, without those marked as deleted.
    pub messages: u32,
    /// Their size together; an estimate on some servers.
    pub octets: Octets,
}

impl DropListing {
    /// Reads the text after `+OK`: `nn mm`, and whatever else.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (messages, rest) = token(text)?;
        let (octets, _) = token(rest)?;
        Some(Self { messages: u32::try_from(number(messages)?).ok()?, octets: Octets(number(octets)?) })
    }
}

/// A line of the LIST reply: `n size`, and whatever else. The size is `None` where it is no number.
#[must_use]
pub fn scan_line(line: &[u8]) -> Option<(u32, Option<Octets>)> {
    let (message, rest) = message_number(line)?;
    Some((message, token(rest).and_then(|(size, _)| number(size)).map(Octets)))
}

/// A line of the UIDL reply: `n unique-id`. The unique-id is `None` where it is blank, too long or holds an octet
/// that no unique-id may hold.
///
/// The RFC allows 1 to 70 of the octets 0x21–0x7E; taken are up to [`limits::UID_OCTETS`] octets over 0x20, and
/// spaces within. Several spaces before it and spaces at the end are tolerated.
#[must_use]
pub fn unique_id_line(line: &[u8]) -> Option<(u32, Option<&[u8]>)> {
    let (message, rest) = message_number(line)?;
    let uid = trim_spaces(rest);
    let usable = !uid.is_empty() && uid.len() <= limits::UID_OCTETS && uid.iter().all(|octet| *octet >= 0x20);
    Some((message, usable.then_some(uid)))
}

fn message_number(line: &[u8]) -> Option<(u32, &[u8])> {
    let (message, rest) = token(line)?;
    let message = u32::try_from(number(message)?).ok()?;
    (message > 0).then_some((message, rest))
}

/// The next word and what follows it.
fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = trim_spaces(text);
    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A number of decimal digits only, without sign.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

fn trim_spaces(mut text: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = text {
        text = rest;
    }
    text
}

/// What a server announces (RFC 2449 §6, RFC 2595, RFC 3206, RFC 5034, RFC 6856).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one capability, on or off by itself")]
pub struct Capabilities {
    /// Whether CAPA was answered at all; else nothing is known and all else is empty.
    pub known: bool,
    /// `TOP`.
    pub top: bool,
    /// `UIDL`.
    pub uidl: bool,
    /// `USER`: USER and PASS are taken.
    pub user: bool,
    /// `STLS`.
    pub stls: bool,
    /// `PIPELINING`: commands may be sent ahead of replies.
    pub pipelining: bool,
    /// `RESP-CODES`.
    pub resp_codes: bool,
    /// `AUTH-RESP-CODE`: only `[AUTH]` tells of wrong credentials.
    pub auth_resp_code: bool,
    /// `UTF8`.
    pub utf8: bool,
    /// `SASL`: the mechanisms in upper case; `None` when SASL is not announced.
    pub sasl: Option<Vec<String>>,
    /// `EXPIRE`: how long messages are kept at least.
    pub expire: Option<Expire>,
    /// `LOGIN-DELAY`: seconds between two logins.
    pub login_delay_seconds: Option<u64>,
    /// `IMPLEMENTATION`, escaped and cut; for people, not for decisions (RFC 2449 §6.9).
    pub implementation: Option<String>,
}

/// How long a server keeps messages at least (RFC 2449 §6.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expire {
    /// For ever.
    Never,
    /// Days; 0 allows the server to delete at QUIT whatever was RETRed.
    Days(u64),
}

impl Capabilities {
    /// Takes one line of the CAPA reply; unknown and malformed ones change nothing.
    pub fn add_line(&mut self, line: &[u8]) {
        let mut words = line.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
        let name = words.next().unwrap_or_default().to_ascii_uppercase();
        match name.as_slice() {
            b"TOP" => self.top = true,
            b"UIDL" => self.uidl = true,
            b"USER" => self.user = true,
            b"STLS" => self.stls = true,
            b"PIPELINING" => self.pipelining = true,
            b"RESP-CODES" => self.resp_codes = true,
            b"AUTH-RESP-CODE" => self.auth_resp_code = true,
            b"UTF8" => self.utf8 = true,
            b"SASL" => {
                let mechanisms = words.map(|word| String::from_utf8_lossy(word).to_ascii_uppercase());
                self.sasl.get_or_insert_default().extend(mechanisms);
            }
            b"EXPIRE" => {
                self.expire = words.next().and_then(|days| match number(days) {
                    Some(days) => Some(Expire::Days(days)),
                    None => days.eq_ignore_ascii_case(b"NEVER").then_some(Expire::Never),
                });
            }
            b"LOGIN-DELAY" => self.login_delay_seconds = words.next().and_then(number),
            b"IMPLEMENTATION" => {
                let text = trim_spaces(line).get(name.len()..).unwrap_or_default();
                self.implementation = Some(escaped(trim_spaces(text), limits::SHOWN_CHARS));
            }
            _ => {}
        }
    }

    /// Whether the SASL mechanism, in upper case, is announced.
    #[must_use]
    pub fn has_mechanism(&self, name: &str) -> bool {
        self.sasl.as_ref().is_some_and(|mechanisms| mechanisms.iter().any(|known| known == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(line: &[u8]) -> (Option<ResponseCode>, String) {
        match Status::parse(line) {
            Some(Status::Err(refusal)) => (refusal.code, refusal.text),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn status_lines_are_told_from_desynchronised_text() {
        assert_eq!(Status::parse(b"+OK"), Some(Status::Ok(vec![])));
        assert_eq!(Status::parse(b"+OK  hi "), Some(Status::Ok(b"hi".to_vec())));
        assert_eq!(Status::parse(b"+ "), Some(Status::Continue));
        assert_eq!(Status::parse(b"+"), Some(Status::Continue));
        for garbage in [&b""[..], b"+ok", b"+OKAY", b"-ERROR", b"OK", b" +OK", b"+x", b"Subject: +OK"] {
            assert_eq!(Status::parse(garbage), None, "{garbage:?}");
        }
    }

    #[test]
    fn response_codes_are_hierarchical_and_case_insensitive() {
        assert_eq!(refusal(b"-ERR [IN-USE] busy"), (Some(ResponseCode::InUse), "busy".into()));
        assert_eq!(refusal(b"-ERR [in-use/deep/er] busy").0, Some(ResponseCode::InUse));
        assert_eq!(refusal(b"-ERR [Sys/Temp/Disk]x"), (Some(ResponseCode::SysTemp), "x".into()));
        assert_eq!(refusal(b"-ERR [SYS/PERM]").0, Some(ResponseCode::SysPerm));
        assert_eq!(refusal(b"-ERR [LOGIN-DELAY 5 minutes] wait").0, Some(ResponseCode::LoginDelay));
        assert_eq!(refusal(b"-ERR [AUTH] no").0, Some(ResponseCode::Auth));
        assert_eq!(refusal(b"-ERR [SYS] no"), (None, "[SYS] no".into()));
        assert_eq!(refusal(b"-ERR [AUTH no"), (None, "[AUTH no".into()));
        assert_eq!(refusal(b"-ERR \x1b[2J"), (None, "\\u{1b}[2J".into()));
    }

    #[test]
    fn numbers_are_checked() {
        assert_eq!(DropListing::parse(b"2 320 more"), Some(DropListing { messages: 2, octets: Octets(320) }));
        for garbage in [&b""[..], b"2", b"-1 3", b"4294967296 1", b"1 18446744073709551616", b"x 1"] {
            assert_eq!(DropListing::parse(garbage), None, "{garbage:?}");
        }
        assert_eq!(scan_line(b"1 120 extra"), Some((1, Some(Octets(120)))));
        assert_eq!(scan_line(b"1   120"), Some((1, Some(Octets(120)))));
        assert_eq!(scan_line(b"1 -5"), Some((1, None)));
        for garbage in [&b"-1 5"[..], b"0 5", b"", b"4294967296 1"] {
            assert_eq!(scan_line(garbage), None, "{garbage:?}");
        }
    }

    #[test]
    fn unique_ids_are_kept_byte_exact() {
        assert_eq!(unique_id_line(b"1 whqtswO00WBw418f9t5JxYwZ"), Some((1, Some(&b"whqtswO00WBw418f9t5JxYwZ"[..]))));
        assert_eq!(unique_id_line(b"2   a b\xff  "), Some((2, Some(&b"a b\xff"[..]))));
        assert_eq!(unique_id_line(b"3 "), Some((3, None)));
        assert_eq!(unique_id_line(b"3"), Some((3, None)));
        assert_eq!(unique_id_line(b"3 a\nb"), Some((3, None)));
        let long = [b"4 ".as_slice(), &[b'x'; limits::UID_OCTETS]].concat();
        assert!(unique_id_line(&long).unwrap().1.is_some());
        assert_eq!(unique_id_line(&[long.as_slice(), b"x"].concat()), Some((4, None)));
        assert_eq!(unique_id_line(b"uid-without-number"), None);
    }

    #[test]
    fn capabilities_are_collected() {
        let mut caps = Capabilities::default();
        for line in
            ["top", "UIDL", "SASL PLAIN xoauth2", "EXPIRE 0 USER", "LOGIN-DELAY 900", "IMPLEMENTATION  A\x1bB 1"]
        {
            caps.add_line(line.as_bytes());
        }
        assert!(caps.top && caps.uidl && !caps.user && !caps.pipelining);
        assert!(caps.has_mechanism("PLAIN") && caps.has_mechanism("XOAUTH2") && !caps.has_mechanism("LOGIN"));
        assert_eq!((caps.expire, caps.login_delay_seconds), (Some(Expire::Days(0)), Some(900)));
        assert_eq!(caps.implementation.as_deref(), Some("A\\u{1b}B 1"));
        for (line, expire) in [
            ("EXPIRE never", Some(Expire::Never)),
            ("expire 1", Some(Expire::Days(1))),
            ("EXPIRE  365 USER", Some(Expire::Days(365))),
            ("EXPIRE", None),
            ("EXPIRE USER", None),
            ("EXPIRE -1", None),
            ("EXPIRE 99999999999999999999", None),
        ] {
            caps.add_line(line.as_bytes());
            assert_eq!(caps.expire, expire, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_taken(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Status::parse(&line);
            let _ = DropListing::parse(&line);
            let _ = scan_line(&line);
            if let Some((number, Some(uid))) = unique_id_line(&line) {
                prop_assert!(number > 0 && !uid.is_empty());
            }
            Capabilities::default().add_line(&line);
        }
    }
}
