//! Why a mail server did not take a message.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::host::{ConnectError, Stop};
use crate::model::shown_path;

/// Why a mail server did not take a message, and which one.
#[derive(Debug)]
pub struct MtaError {
    /// The server, as the configuration names it.
    pub server: String,
    /// What happened.
    pub failure: MtaFailure,
}

impl fmt::Display for MtaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.server, self.failure)
    }
}

impl Error for MtaError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.failure.source()
    }
}

/// What happened between this program and a mail server. All text of the server in it is escaped and cut (I9).
#[derive(Debug, thiserror::Error)]
pub enum MtaFailure {
    /// No TCP connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No connection to a socket of this machine.
    #[error("no connection to the socket {}", shown_path(path))]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The connection ended.
    #[error("connection closed at {stage}")]
    Closed {
        /// What was being sent, or waited for.
        stage: Stage,
        /// How it ended.
        #[source]
        source: io::Error,
    },
    /// The server did not answer, or did not take what was sent, in time.
    #[error("no answer within {bound:?} at {stage}")]
    Silence {
        /// What was being sent, or waited for.
        stage: Stage,
        /// The bound that passed.
        bound: Duration,
    },
    /// The time for the whole run is over.
    #[error("the time for this run is over, at {stage}")]
    Deadline {
        /// What was being sent, or waited for.
        stage: Stage,
    },
    /// The user asked to stop.
    #[error("interrupted at {stage}")]
    Interrupted {
        /// What was being sent, or waited for.
        stage: Stage,
    },
    /// The server sent what the protocol does not allow there.
    #[error("protocol error at {stage}: {what}")]
    Protocol {
        /// What was being sent, or waited for.
        stage: Stage,
        /// What is wrong.
        what: String,
    },
    /// The server answered with a code of 400 or more.
    #[error("refused at {stage}: {code} {text}")]
    Refused {
        /// What it answered.
        stage: Stage,
        /// Its code.
        code: u16,
        /// What it said.
        text: String,
    },
    /// Sender or recipient is not ASCII, and the server does not take such (RFC 6531).
    #[error("the server takes no address that is not ASCII (SMTPUTF8)")]
    NoUtf8Addresses,
    /// Sender or recipient cannot stand in an envelope.
    #[error("`{address}` cannot be sent as an address")]
    Address {
        /// The address, escaped and cut.
        address: String,
    },
    /// Nothing more is offered to this server in this run.
    #[error("not offered to it any more in this run: {reason}")]
    GivenUp {
        /// What happened before.
        reason: String,
    },
}

impl MtaFailure {
    /// What a failed read or write means.
    pub(super) fn of_io(error: io::Error, stage: Stage) -> Self {
        match Stop::of(&error) {
            Some(Stop::Interrupted) => Self::Interrupted { stage },
            Some(Stop::Deadline) => Self::Deadline { stage },
            Some(Stop::Silence(bound)) => Self::Silence { stage, bound },
            None => Self::Closed { stage, source: error },
        }
    }

    /// Whether a server ends a connection like that which was idle for long, or served enough.
    pub(super) fn is_farewell(&self) -> bool {
        matches!(
            self,
            Self::Closed { .. } | Self::Refused { code: 421, .. } | Self::Refused { stage: Stage::Reset, .. }
        )
    }

    /// Whether it is not about one message: then the server takes no other one now either.
    #[must_use]
    pub fn is_of_whole_target(&self) -> bool {
        match self {
            Self::Connect(_)
            | Self::Socket { .. }
            | Self::Deadline { .. }
            | Self::Interrupted { .. }
            | Self::NoUtf8Addresses
            | Self::Address { .. }
            | Self::GivenUp { .. } => true,
            Self::Closed { stage, .. } | Self::Silence { stage, .. } | Self::Protocol { stage, .. } => {
                stage.is_before_any_message()
            }
            Self::Refused { stage, code, .. } => match stage {
                Stage::Content | Stage::End => wants_login(*code),
                // It closes, does not know the command, or takes it to be out of order.
                Stage::Mail | Stage::Rcpt | Stage::Data => wants_login(*code) || matches!(code, 421 | 500 | 502 | 503),
                _ => true,
            },
        }
    }
}

/// Whether an answer wants a login or TLS first (RFC 4954 §6, RFC 3207 §4).
fn wants_login(code: u16) -> bool {
    matches!(code, 530 | 534 | 535 | 538)
}

/// A step of a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// The server's first line.
    Greeting,
    /// LHLO, EHLO or HELO.
    Hello(&'static str),
    /// RSET, between two messages.
    Reset,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// The message itself, up to the dot that ends it.
    Content,
    /// The dot that ends the message, and the answer to it.
    End,
    /// QUIT.
    Quit,
}

impl Stage {
    fn is_before_any_message(self) -> bool {
        matches!(self, Self::Greeting | Self::Hello(_))
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "the greeting",
            Self::Hello(verb) => verb,
            Self::Reset => "RSET",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Content => "the message",
            Self::End => "the end of the message",
            Self::Quit => "QUIT",
        })
    }
}
