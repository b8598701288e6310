//! What can go wrong in a session.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::command::CommandError;
use super::reply::ResponseCode;
use super::{link, tls};
use crate::host::ConnectError;
use crate::model::{MessageNumber, Octets, shown_path};

/// Why a session or one of its commands failed. All text of the server in it is escaped and cut (I9).
///
/// After [`SessionError::Refused`], [`SessionError::NoUidl`], [`SessionError::Command`] and
/// [`SessionError::DuplicateNumbers`] the session goes on; after any other it takes no further command.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// No TCP connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// TLS could not be set up or the server could not be verified.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The server announces its capabilities and STLS is not among them (RFC 2595 §4).
    #[error("the server does not offer STLS")]
    NoStls,
    /// The server answered STLS with `-ERR`.
    #[error("the server refused STLS: {text}")]
    StlsRefused {
        /// What it said.
        text: String,
    },
    /// Clear text came after the answer to STLS: someone tried to slip replies into the protected session.
    #[error("clear text followed the answer to STLS")]
    StlsInjected,
    /// The connection ended.
    #[error("connection closed during {during}")]
    Closed {
        /// The command or phase whose reply was awaited.
        during: String,
        /// How it ended.
        #[source]
        source: io::Error,
    },
    /// No octet, or no complete one-line reply, came in time.
    #[error("no answer within {bound:?} during {during}")]
    Silence {
        /// The command or phase whose reply was awaited.
        during: String,
        /// The bound that passed.
        bound: Duration,
    },
    /// The time for the whole run is over.
    #[error("the time for this run is over, during {during}")]
    Deadline {
        /// The command or phase whose reply was awaited.
        during: String,
    },
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// The server sent what the protocol does not allow there.
    #[error("protocol error during {during}: {what}")]
    Protocol {
        /// The command or phase whose reply was awaited.
        during: String,
        /// What is wrong.
        what: String,
    },
    /// A status line or a line of a list exceeds [`crate::model::limits::LINE_OCTETS`].
    #[error("a line of the reply to {during} is longer than {limit} octets")]
    LineTooLong {
        /// The command or phase.
        during: String,
        /// The most octets.
        limit: usize,
    },
    /// A list has more lines than [`crate::model::limits`] allows.
    #[error("the reply to {during} has more than {limit} lines")]
    ListTooLong {
        /// The command.
        during: String,
        /// The most lines.
        limit: usize,
    },
    /// A message's body exceeds its cap.
    #[error("the reply to {during} is larger than {cap}")]
    BodyTooLong {
        /// The command.
        during: String,
        /// The most un-stuffed octets.
        cap: Octets,
    },
    /// A list names a message number twice, in a second answer too (I1).
    #[error("the reply to UIDL names message {number} twice")]
    DuplicateNumbers {
        /// One such number.
        number: MessageNumber,
    },
    /// The server does not know UIDL.
    #[error("the server has no UIDL: {text}")]
    NoUidl {
        /// What it said.
        text: String,
    },
    /// The server answered a command with `-ERR`.
    #[error("the server refused {command}: {text}")]
    Refused {
        /// The command, without secrets.
        command: String,
        /// The extended response code.
        code: Option<ResponseCode>,
        /// What the server said.
        text: String,
    },
    /// The command could not be sent.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The caller broke an order that the session keeps: a mistake in this program.
    #[error("out of order: {0}")]
    Misuse(&'static str),
}

impl SessionError {
    /// Whether it is TLS that failed: not the connection below it, and not what was said within it.
    #[must_use]
    pub fn is_of_tls(&self) -> bool {
        match self {
            Self::Tls(_) | Self::NoStls | Self::StlsRefused { .. } | Self::StlsInjected => true,
            Self::Closed { during, .. } | Self::Silence { during, .. } | Self::Deadline { during } => {
                during == tls::HANDSHAKE
            }
            _ => false,
        }
    }

    /// Whether the server never greeted, as one does that waits for TLS on a connection without it.
    #[must_use]
    pub fn is_without_greeting(&self) -> bool {
        matches!(self, Self::Closed { during, .. } | Self::Silence { during, .. } if during == link::GREETING)
    }
}

/// Why there is no TLS session.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of CA certificates cannot be read.
    #[error("cannot read the CA certificates in {}", shown_path(path))]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file of CA certificates holds none, or is malformed.
    #[error("{} holds no usable PEM certificate", shown_path(path))]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The TLS library did not start.
    #[error("TLS cannot be set up: {reason}")]
    Setup {
        /// What the library says.
        reason: String,
    },
    /// The server's certificate is not to be trusted.
    #[error("the certificate of {host} is not valid: {distrust}")]
    Certificate {
        /// The host name that was to be proven.
        host: String,
        /// What is wrong with it.
        distrust: Distrust,
    },
    /// The other side speaks no TLS, or none that is still safe.
    #[error("the TLS handshake with {host} failed: {reason}")]
    Handshake {
        /// The host name.
        host: String,
        /// What the library says.
        reason: String,
    },
}

/// What is wrong with a certificate.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Distrust {
    /// It is its own issuer, and not among the trusted ones.
    #[error("it is signed by itself")]
    SelfSigned,
    /// No trusted certificate vouches for it.
    #[error("its issuer is not trusted here")]
    UnknownIssuer,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet")]
    NotYetValid,
    /// It does not prove the host name that was asked for.
    #[error("it is for another name")]
    WrongName,
    /// Something else, in the words of the TLS library, escaped.
    #[error("{0}")]
    Other(String),
}

/// Why a login failed.
#[derive(Debug, thiserror::Error)]
pub enum AuthFailure {
    /// The server rejects user name or password.
    #[error("the server rejects the credentials: {text}")]
    Rejected {
        /// What the server said.
        text: String,
    },
    /// The maildrop is in use, the last login too recent, or the server in passing trouble: try later.
    #[error("the maildrop is not available now: {text}")]
    Busy {
        /// The extended response code, where one told.
        code: Option<ResponseCode>,
        /// What the server said.
        text: String,
    },
    /// The server refuses for a reason other than the credentials, and a later try will not help.
    #[error("the server refuses the login: {text}")]
    Unavailable {
        /// What the server said.
        text: String,
    },
    /// No password goes over an unprotected connection; nothing was sent.
    #[error("the connection is not protected, no password was sent")]
    ClearText,
    /// The server announces neither SASL PLAIN nor USER.
    #[error("the server offers no login by password (offered: {offered})")]
    NoMechanism {
        /// The mechanisms it announces, escaped.
        offered: String,
    },
    /// User name or password cannot be sent.
    #[error(transparent)]
    Credentials(#[from] CommandError),
    /// The session failed.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Why a message was not retrieved.
#[derive(Debug, thiserror::Error)]
pub enum RetrError {
    /// The server answered `-ERR`: no RETR took place, and the session goes on.
    #[error("the server refused RETR: {text}")]
    Refused {
        /// The extended response code.
        code: Option<ResponseCode>,
        /// What the server said.
        text: String,
    },
    /// The sink refused octets. The rest of the body is unread: `drain_body` makes the session usable again.
    #[error("the message could not be stored")]
    Sink(#[source] io::Error),
    /// The session failed.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// QUIT was refused: messages were RETRed and are neither delivered nor held (I4). The connection is closed instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no QUIT: {} retrieved but not settled", messages.len())]
pub struct Unsettled {
    /// The messages, in order.
    pub messages: Vec<MessageNumber>,
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    /// I9.
    #[test]
    fn errors_about_certificates_show_any_path() {
        let path = || PathBuf::from(OsStr::from_bytes(b"/a\\\x1b\xff"));
        let unread = TlsError::CaFile { path: path(), source: io::ErrorKind::NotFound.into() };
        for error in [unread, TlsError::NoCertificate { path: path() }] {
            assert!(error.to_string().contains(r"/a\\\u{1b}\xff"), "{error}");
        }
    }
}
