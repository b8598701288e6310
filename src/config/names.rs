//! Names of accounts, servers and users: what may stand in a file name, a TLS name and a command line of the protocol.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use super::error::ValueError;

/// Longest account name, in characters.
const ACCOUNT_CHARS: usize = 64;
/// Longest host name, in characters (RFC 1035 §2.3.4, without the final dot).
const SERVER_CHARS: usize = 253;

/// The name of an account. It names files, so it is 1 to 64 of `A-Z a-z 0-9 . _ - @ +`, and begins with neither `.`
/// (hidden files, `..`) nor `-` (options).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AccountName(String);

impl AccountName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountName {
    type Err = ValueError;

    /// Refuses what could not safely name a file.
    fn from_str(name: &str) -> Result<Self, ValueError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-@+".contains(&b);
        let fits = (1..=ACCOUNT_CHARS).contains(&name.len());
        if fits && name.bytes().all(allowed) && !name.starts_with(['.', '-']) {
            return Ok(Self(name.to_owned()));
        }
        Err(ValueError::new("an account name that cannot name a file").with_hint(
            "use 1 to 64 of the letters a to z, digits, `.`, `_`, `-`, `@` and `+`, beginning with neither `.` nor `-`",
        ))
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks a host name or address; an IPv6 address loses its brackets.
pub(super) fn server(text: &str) -> Result<String, ValueError> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if bare.parse::<Ipv6Addr>().is_ok() {
        return Ok(bare.to_owned());
    }
    if text.is_empty() {
        return Err(ValueError::new("the server has no name"));
    }
    let wrong = ValueError::new("not a host name");
    if text.contains("://") {
        return Err(wrong.with_hint("write the host alone, without `pop3s://`"));
    }
    if text.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())) {
        return Err(wrong.with_hint("write the port as a key of its own, `port = 995`"));
    }
    if !text.is_ascii() {
        return Err(wrong.with_hint("write an international name in its ASCII form, `xn--…`"));
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    if text.len() > SERVER_CHARS || !text.bytes().all(allowed) || text.starts_with(['-', '.']) || text.contains("..") {
        return Err(wrong.with_hint("write for example `pop.example.com`"));
    }
    Ok(text.to_owned())
}

/// Checks a login name: anything printable, since a line end would begin a second command.
pub(super) fn user(text: &str) -> Result<String, ValueError> {
    if text.is_empty() {
        return Err(ValueError::new("the user has no name"));
    }
    if text.chars().any(char::is_control) {
        return Err(ValueError::new("a user name must not contain line ends or other control characters"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_names_can_name_files() {
        let longest = "a".repeat(64);
        for name in ["work", "a.b_c-d", "alice+lists@example.com", "7", longest.as_str()] {
            assert_eq!(name.parse::<AccountName>().unwrap().as_str(), name);
        }
        let too_long = "a".repeat(65);
        for name in ["", ".", "..", ".git", "-q", "a/b", "a b", "é", "a\0", "a\n", "a\\b", too_long.as_str()] {
            assert!(name.parse::<AccountName>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn servers_are_host_names_or_addresses() {
        for (text, expected) in [
            ("pop.example.com", "pop.example.com"),
            ("pop.example.com.", "pop.example.com."),
            ("localhost", "localhost"),
            ("my_host", "my_host"),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
        ] {
            assert_eq!(server(text).unwrap(), expected);
        }
        let too_long = "a".repeat(254);
        for text in ["", "a b", "a\0", "a\r\nQUIT", "a:995", "pop3s://a", "bücher.example", "-a", ".a", "a..b", "[a]"]
            .into_iter()
            .chain([too_long.as_str()])
        {
            assert!(server(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_port_behind_the_host_has_its_own_hint() {
        assert!(server("pop.example.com:995").unwrap_err().hint().unwrap().contains("port = 995"));
    }

    #[test]
    fn users_cannot_smuggle_commands() {
        for text in ["alice", "alice@example.com", "Alice Müller", "DOMAIN\\alice"] {
            assert_eq!(user(text).unwrap(), text);
        }
        for text in ["", "a\rb", "a\nDELE 1", "a\0b", "a\tb", "\u{9b}"] {
            assert!(user(text).is_err(), "{text:?}");
        }
    }
}
