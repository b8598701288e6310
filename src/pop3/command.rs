//! The commands of the client as octets (RFC 1939, RFC 2449 §4, RFC 2595 §4, RFC 5034). Pure.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::model::{MessageNumber, escaped, limits};

/// Longest command with its CRLF, in octets (RFC 2449 §4).
pub const COMMAND_OCTETS: usize = 255;
/// Longest SASL response line with its CRLF, in octets: a response is no command, and RFC 5034 sets no limit.
pub const RESPONSE_OCTETS: usize = 64 * 1024;

/// One line that the client sends.
///
/// [`fmt::Debug`] and [`Command::shown`] never show a secret (I9).
pub enum Command {
    /// `CAPA` (RFC 2449 §5).
    Capa,
    /// `STLS` (RFC 2595 §4).
    Stls,
    /// `USER name` (RFC 1939 §7).
    User(String),
    /// `PASS string` (RFC 1939 §7); the string may hold spaces.
    Pass(SecretString),
    /// `AUTH PLAIN`, with the base64 initial response or without (RFC 5034 §4).
    AuthPlain(Option<SecretString>),
    /// The base64 answer to a SASL challenge (RFC 5034 §4).
    Response(SecretString),
    /// `STAT`.
    Stat,
    /// `UIDL` of the whole maildrop.
    Uidl,
    /// `LIST` of the whole maildrop.
    List,
    /// `TOP number lines`: the header block and so many lines of the body.
    Top {
        /// The message.
        number: MessageNumber,
        /// Lines of the body.
        lines: u32,
    },
    /// `RETR number`.
    Retr(MessageNumber),
    /// `DELE number`.
    Dele(MessageNumber),
    /// `NOOP`.
    Noop,
    /// `QUIT`.
    Quit,
}

/// Why a command cannot be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CommandError {
    /// An argument holds CR, LF or NUL: it would end the command early.
    #[error("the argument of {command} holds a line end or a NUL")]
    ForbiddenOctet {
        /// The keyword.
        command: &'static str,
    },
    /// The line is longer than the protocol allows.
    #[error("{command} would be longer than {limit} octets")]
    TooLong {
        /// The keyword.
        command: &'static str,
        /// The most octets, CRLF counted.
        limit: usize,
    },
}

impl Command {
    /// The line with its CRLF; wiped from memory when dropped.
    ///
    /// Fails on an argument with CR, LF or NUL, and on a line over [`COMMAND_OCTETS`] (a SASL response:
    /// [`RESPONSE_OCTETS`]).
    pub fn encode(&self) -> Result<Zeroizing<Vec<u8>>, CommandError> {
        let command = self.keyword();
        let number;
        let argument: &str = match self {
            Self::User(name) => name,
            Self::Pass(secret) | Self::Response(secret) | Self::AuthPlain(Some(secret)) => secret.expose_secret(),
            Self::Top { number: message, lines } => {
                number = format!("{message} {lines}");
                &number
            }
            Self::Retr(message) | Self::Dele(message) => {
                number = message.to_string();
                &number
            }
            _ => "",
        };
        if argument.bytes().any(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
            return Err(CommandError::ForbiddenOctet { command });
        }
        let (start, limit) = match self {
            Self::Response(_) => ("", RESPONSE_OCTETS),
            _ => (command, COMMAND_OCTETS),
        };
        let space = if start.is_empty() || !self.has_argument() { "" } else { " " };
        let octets = start.len() + space.len() + argument.len() + 2;
        if octets > limit {
            return Err(CommandError::TooLong { command, limit });
        }
        // Of the exact size: growing would leave a copy of a secret behind.
        let mut line = Zeroizing::new(Vec::with_capacity(octets));
        for part in [start, space, argument, "\r\n"] {
            line.extend_from_slice(part.as_bytes());
        }
        Ok(line)
    }

    /// The command as a person may see it: secrets starred, foreign text escaped.
    #[must_use]
    pub fn shown(&self) -> String {
        let command = self.keyword();
        match self {
            Self::User(name) => format!("{command} {}", escaped(name.as_bytes(), limits::SHOWN_CHARS)),
            Self::Pass(_) | Self::AuthPlain(Some(_)) => format!("{command} ***"),
            Self::Response(_) => "***".to_owned(),
            Self::Top { number, lines } => format!("{command} {number} {lines}"),
            Self::Retr(number) | Self::Dele(number) => format!("{command} {number}"),
            _ => command.to_owned(),
        }
    }

    fn keyword(&self) -> &'static str {
        match self {
            Self::Capa => "CAPA",
            Self::Stls => "STLS",
            Self::User(_) => "USER",
            Self::Pass(_) => "PASS",
            Self::AuthPlain(_) => "AUTH PLAIN",
            Self::Response(_) => "the SASL response",
            Self::Stat => "STAT",
            Self::Uidl => "UIDL",
            Self::List => "LIST",
            Self::Top { .. } => "TOP",
            Self::Retr(_) => "RETR",
            Self::Dele(_) => "DELE",
            Self::Noop => "NOOP",
            Self::Quit => "QUIT",
        }
    }

    fn has_argument(&self) -> bool {
        matches!(
            self,
            Self::User(_)
                | Self::Pass(_)
                | Self::AuthPlain(Some(_))
                | Self::Response(_)
                | Self::Top { .. }
                | Self::Retr(_)
                | Self::Dele(_)
        )
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(command: &Command) -> String {
        String::from_utf8(command.encode().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn commands_end_in_crlf() {
        assert_eq!(line(&Command::Capa), "CAPA\r\n");
        assert_eq!(line(&Command::User("al ice".into())), "USER al ice\r\n");
        assert_eq!(line(&Command::Pass(" p w ".to_owned().into())), "PASS  p w \r\n");
        assert_eq!(line(&Command::AuthPlain(None)), "AUTH PLAIN\r\n");
        assert_eq!(line(&Command::AuthPlain(Some("AGE=".to_owned().into()))), "AUTH PLAIN AGE=\r\n");
        assert_eq!(line(&Command::Response("AGE=".to_owned().into())), "AGE=\r\n");
        assert_eq!(line(&Command::Top { number: MessageNumber(7), lines: 0 }), "TOP 7 0\r\n");
        assert_eq!(line(&Command::Retr(MessageNumber(u32::MAX))), "RETR 4294967295\r\n");
    }

    #[test]
    fn an_argument_cannot_smuggle_a_second_command() {
        for bad in ["a\r\nDELE 1", "a\nb", "a\rb", "a\0b"] {
            assert_eq!(Command::User(bad.into()).encode(), Err(CommandError::ForbiddenOctet { command: "USER" }));
            assert!(Command::Pass(bad.to_owned().into()).encode().is_err());
        }
    }

    #[test]
    fn a_command_has_at_most_255_octets() {
        assert_eq!(line(&Command::User("u".repeat(248))).len(), COMMAND_OCTETS);
        assert!(Command::User("u".repeat(249)).encode().is_err());
        assert!(Command::AuthPlain(Some("x".repeat(242).into())).encode().is_ok());
        assert!(Command::AuthPlain(Some("x".repeat(243).into())).encode().is_err());
        assert!(Command::Response("x".repeat(4096).into()).encode().is_ok());
        assert!(Command::Response("x".repeat(RESPONSE_OCTETS).into()).encode().is_err());
    }

    #[test]
    fn i9_no_secret_is_shown() {
        for command in [
            Command::Pass("canary".to_owned().into()),
            Command::AuthPlain(Some("canary".to_owned().into())),
            Command::Response("canary".to_owned().into()),
        ] {
            assert!(!format!("{command:?}{}", command.shown()).contains("canary"));
        }
        assert_eq!(Command::Pass("x".to_owned().into()).shown(), "PASS ***");
        assert_eq!(Command::User("a\x1b[2J".into()).shown(), "USER a\\u{1b}[2J");
    }
}
