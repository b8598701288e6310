//! An account as a URL, for one run without a configuration file (RFC 2384, with the schemes that clients use today).

use std::fmt;

use super::error::ValueError;
use super::{Tls, names};

/// What a URL says about an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OneShot {
    /// The login name, decoded.
    pub user: String,
    /// The host name or address, an IPv6 address without brackets.
    pub server: String,
    /// The TCP port.
    pub port: u16,
    /// How the connection is protected: never not at all.
    pub tls: Tls,
}

/// Why a URL cannot be used. It never quotes the URL, which may hold a password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UrlError {
    /// Neither `pop3s://` nor `pop3://`.
    Scheme,
    /// A password behind the user's name.
    Password,
    /// An `;AUTH=` parameter.
    Auth,
    /// No user in front of an `@`.
    UserMissing,
    /// In the user's name a `/`, `?` or `#`, a `%` without two hexadecimal digits, or octets that are no UTF-8.
    Encoding,
    /// A user's name that cannot be sent.
    User(ValueError),
    /// A host name that is none.
    Server(ValueError),
    /// A port that is not between 1 and 65535.
    Port,
    /// Something behind the host and the port.
    Path,
}

impl UrlError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Scheme => {
                Some("write `pop3s://USER@HOST` (TLS, port 995) or `pop3://USER@HOST` (STARTTLS, port 110)")
            }
            Self::Password => Some("leave the password out: it is asked for, or comes from a configuration file"),
            Self::Auth => Some("leave `;AUTH=` out: the best mechanism that the server offers is chosen"),
            Self::UserMissing => Some("write `pop3s://USER@HOST`"),
            Self::Encoding => Some("write `/` as %2F, `?` as %3F, `#` as %23, `:` as %3A and `%` itself as %25"),
            Self::User(error) | Self::Server(error) => error.hint(),
            Self::Port => Some("leave it out for 995 (`pop3s`) or 110 (`pop3`)"),
            Self::Path => Some("a maildrop has no folders: end the URL behind the host and the port"),
        }
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the URL ")?;
        match self {
            Self::Scheme => f.write_str("is of no known scheme"),
            Self::Password => f.write_str("must not hold a password: other users can see it, and shells record it"),
            Self::Auth => f.write_str("must not name a mechanism"),
            Self::UserMissing => f.write_str("names no user"),
            Self::Encoding => f.write_str("has a user name that is not percent-encoded"),
            Self::User(error) | Self::Server(error) => write!(f, "is unusable: {error}"),
            Self::Port => f.write_str("needs a port between 1 and 65535"),
            Self::Path => f.write_str("goes on behind the host"),
        }
    }
}

impl std::error::Error for UrlError {}

/// Reads `pop3s://user@host[:port]` (TLS from the start) or `pop3://user@host[:port]` (STARTTLS, mandatory).
pub fn parse_url(url: &str) -> Result<OneShot, UrlError> {
    let (scheme, rest) = url.split_once("://").ok_or(UrlError::Scheme)?;
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "pop3s" => Tls::Implicit,
        "pop3" => Tls::StartTls,
        _ => return Err(UrlError::Scheme),
    };
    // The last `@`: an address as a user name is common, and a host cannot hold one.
    let (user, place) = rest.rsplit_once('@').ok_or(UrlError::UserMissing)?;
    if user.to_ascii_lowercase().contains(";auth=") {
        return Err(UrlError::Auth);
    }
    if user.contains(':') {
        return Err(UrlError::Password);
    }
    if user.is_empty() {
        return Err(UrlError::UserMissing);
    }
    if user.contains(['/', '?', '#']) {
        return Err(UrlError::Encoding);
    }
    let user = names::user(&decoded(user).ok_or(UrlError::Encoding)?).map_err(UrlError::User)?;
    let place = place.strip_suffix('/').unwrap_or(place);
    if place.contains(['/', '?', '#']) {
        return Err(UrlError::Path);
    }
    let (host, port) = host_and_port(place);
    let port = match port {
        None => tls.default_port(),
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => {
            text.parse().ok().filter(|port| *port != 0).ok_or(UrlError::Port)?
        }
        Some(_) => return Err(UrlError::Port),
    };
    if host.contains(':') && !host.starts_with('[') {
        let hint = "write an IPv6 address in brackets, `[2001:db8::1]`";
        return Err(UrlError::Server(ValueError::new("not a host name").with_hint(hint)));
    }
    let server = names::server(host).map_err(UrlError::Server)?;
    Ok(OneShot { user, server, port, tls })
}

/// Splits at the colon in front of the port, which is none inside the brackets of an IPv6 address.
fn host_and_port(place: &str) -> (&str, Option<&str>) {
    match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (place, None),
    }
}

/// Percent-decodes (RFC 3986 §2.1); `None` for a broken escape or a result that is no UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            octets.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            octets.push(byte);
        }
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_user_host_port_and_protection() {
        for (url, user, server, port, tls) in [
            ("pop3s://alice@pop.example.com", "alice", "pop.example.com", 995, Tls::Implicit),
            ("pop3://alice@pop.example.com", "alice", "pop.example.com", 110, Tls::StartTls),
            ("POP3S://alice@pop.example.com:1995/", "alice", "pop.example.com", 1995, Tls::Implicit),
            ("pop3s://alice%40example.com@h", "alice@example.com", "h", 995, Tls::Implicit),
            ("pop3s://alice@example.com@h", "alice@example.com", "h", 995, Tls::Implicit),
            ("pop3s://a%2fb%3Ac%25%C3%A9@h", "a/b:c%é", "h", 995, Tls::Implicit),
            ("pop3s://a%3BAUTH=x@h", "a;AUTH=x", "h", 995, Tls::Implicit),
            ("pop3s://alice@[2001:db8::1]", "alice", "2001:db8::1", 995, Tls::Implicit),
            ("pop3://alice@[::1]:1110", "alice", "::1", 1110, Tls::StartTls),
            ("pop3://alice@127.0.0.1:65535", "alice", "127.0.0.1", 65535, Tls::StartTls),
        ] {
            let expected = OneShot { user: user.to_owned(), server: server.to_owned(), port, tls };
            assert_eq!(parse_url(url), Ok(expected), "{url}");
        }
    }

    #[test]
    fn other_urls_are_refused() {
        type Expected = fn(&UrlError) -> bool;
        let cases: &[(&str, Expected)] = &[
            ("", |e| *e == UrlError::Scheme),
            ("alice@h", |e| *e == UrlError::Scheme),
            ("imaps://alice@h", |e| *e == UrlError::Scheme),
            ("pop://alice@h", |e| *e == UrlError::Scheme),
            ("pop3s://h", |e| *e == UrlError::UserMissing),
            ("pop3s://@h", |e| *e == UrlError::UserMissing),
            ("pop3s://alice:@h", |e| *e == UrlError::Password),
            ("pop3s://alice;AUTH=+APOP@h", |e| *e == UrlError::Auth),
            ("pop3s://alice;auth=*@h", |e| *e == UrlError::Auth),
            ("pop3s://a/b@h", |e| *e == UrlError::Encoding),
            ("pop3s://a%4@h", |e| *e == UrlError::Encoding),
            ("pop3s://a%zz@h", |e| *e == UrlError::Encoding),
            ("pop3s://a%ff@h", |e| *e == UrlError::Encoding),
            ("pop3s://a%0D%0ADELE@h", |e| matches!(e, UrlError::User(_))),
            ("pop3s://alice@", |e| matches!(e, UrlError::Server(_))),
            ("pop3s://alice@:995", |e| matches!(e, UrlError::Server(_))),
            ("pop3s://alice@h h", |e| matches!(e, UrlError::Server(_))),
            ("pop3s://alice@2001:db8::1", |e| matches!(e, UrlError::Server(_))),
            ("pop3s://alice@1::2:3", |e| matches!(e, UrlError::Server(_))),
            ("pop3s://alice@[::1", |e| matches!(e, UrlError::Server(_))),
            ("pop3s://alice@h:", |e| *e == UrlError::Port),
            ("pop3s://alice@h:0", |e| *e == UrlError::Port),
            ("pop3s://alice@h:65536", |e| *e == UrlError::Port),
            ("pop3s://alice@h:-1", |e| *e == UrlError::Port),
            ("pop3s://alice@h:+1", |e| *e == UrlError::Port),
            ("pop3s://alice@h/INBOX", |e| *e == UrlError::Path),
            ("pop3s://alice@h?x=1", |e| *e == UrlError::Path),
            ("pop3s://alice@h#x", |e| *e == UrlError::Path),
        ];
        for (url, expected) in cases {
            let error = parse_url(url).unwrap_err();
            assert!(expected(&error), "{url}: {error:?}");
        }
    }

    /// I9: a password in a URL is refused, with a hint, and not repeated.
    #[test]
    fn a_password_in_a_url_is_never_repeated() {
        for url in ["pop3s://a:canary@h", "pop3://a:ca/canary@h:1", "pop3s://a:canary", "imap://a:canary@h", "canary"] {
            let error = parse_url(url).unwrap_err();
            assert!(!format!("{error} {error:?} {:?}", error.hint()).contains("canary"), "{url}");
        }
        assert_eq!(parse_url("pop3s://a:p@ss@h"), Err(UrlError::Password));
        assert!(UrlError::Password.hint().unwrap().contains("leave the password out"));
    }
}
