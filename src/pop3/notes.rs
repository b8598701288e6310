//! What is noted of a connection: each line of it, with every secret left out (I9).
//!
//! A command is noted as [`Command::shown`] has it, and a line of the server is withheld where it repeats a secret. A
//! [`NotedLine`] is made here alone, so that nothing else can come to a [`Tracer`].

use std::cell::Cell;
use std::error::Error as _;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::auth::{Credentials, plain_message};
use super::command::Command;
use super::error::SessionError;
use super::reply::Status;
use super::session::{Endpoint, TlsMode};
use crate::model::{escaped, limits, printable};

/// Stands for text of the server that repeats a secret.
pub(super) const WITHHELD: &str = "(withheld: it repeats the password)";

/// Takes down the connections of one account, for a person who looks for a fault.
///
/// A session neither waits for it nor hears of its errors.
pub trait Tracer: Send + Sync {
    /// A connection begins; gives its number.
    fn begin(&self) -> u32;

    /// Takes the next line of a connection.
    fn note(&self, connection: u32, line: &NotedLine);
}

/// One line of a connection without its secrets, escaped, and cut after [`limits::NOTED_CHARS`].
#[derive(Debug)]
pub struct NotedLine {
    mark: &'static str,
    text: String,
}

impl fmt::Display for NotedLine {
    /// `C: ` before what the client says, `S: ` before what the server says, `-- ` before what happens to the connection.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.mark, self.text)
    }
}

/// Who takes notes of a connection, and what no note and no error of it may repeat.
#[derive(Default)]
pub struct Notes {
    tracer: Option<Arc<dyn Tracer>>,
    /// Its number, once it has begun.
    connection: Option<u32>,
    /// In lower case: some servers shout what they were told.
    secrets: Vec<SecretString>,
    /// Octets so far of a body that has not come to its end mark.
    body: Cell<Option<u64>>,
}

impl Notes {
    /// For a connection on which `credentials` will log in, where there are any.
    #[must_use]
    pub fn new(tracer: Option<Arc<dyn Tracer>>, credentials: Option<&Credentials>) -> Self {
        let mut notes = Self::default();
        notes.tracer = tracer;
        if let Some(credentials) = credentials {
            notes.keep_secret(credentials);
        }
        notes
    }

    /// From now on nothing repeats these credentials, though the server does.
    pub(super) fn keep_secret(&mut self, credentials: &Credentials) {
        let password = credentials.password.expose_secret();
        let encoded = SecretString::from(STANDARD_NO_PAD.encode(password));
        let message = plain_message(credentials).ok();
        let message = message.as_ref().map(|message| message.expose_secret().trim_end_matches('='));
        for secret in [Some(password), Some(encoded.expose_secret()), message].into_iter().flatten() {
            if !secret.is_empty() {
                self.secrets.push(secret.to_ascii_lowercase().into());
            }
        }
    }

    /// Whether text of the server holds a secret, in upper or lower case.
    pub(super) fn repeats_secret(&self, text: &[u8]) -> bool {
        let text = Zeroizing::new(text.to_ascii_lowercase());
        self.secrets.iter().any(|secret| memchr::memmem::find(&text, secret.expose_secret().as_bytes()).is_some())
    }

    /// Text of the server for an error.
    pub(super) fn shown(&self, text: &[u8]) -> String {
        self.cut(text, limits::SHOWN_CHARS)
    }

    /// The same for text that is escaped already.
    pub(super) fn withheld(&self, text: String) -> String {
        if self.repeats_secret(text.as_bytes()) { WITHHELD.to_owned() } else { text }
    }

    fn cut(&self, text: &[u8], limit: usize) -> String {
        if self.repeats_secret(text) { WITHHELD.to_owned() } else { escaped(text, limit) }
    }

    /// The connection begins.
    pub(super) fn begin(&mut self, endpoint: &Endpoint) {
        self.connection = Some(self.tracer.as_ref().map_or(0, |tracer| tracer.begin()));
        let tls = match endpoint.tls {
            TlsMode::Implicit => "TLS from the start",
            TlsMode::StartTls => "STARTTLS",
            TlsMode::None => "no TLS",
        };
        self.event(&format!("connecting to {} port {}, {tls}", endpoint.host, endpoint.port));
    }

    /// Something happens to the connection.
    pub(super) fn event(&self, text: &str) {
        self.body_broke_off();
        let text = self.withheld(printable(text));
        tracing::debug!("{text}");
        self.line("--", || text);
    }

    /// An error ends the connection.
    pub(super) fn error(&self, error: &SessionError) {
        match error.source() {
            Some(source) => self.event(&format!("{error}: {source}")),
            None => self.event(&error.to_string()),
        }
    }

    /// The same where it is one.
    pub(super) fn checked<T>(&self, result: Result<T, SessionError>) -> Result<T, SessionError> {
        result.inspect_err(|error| self.error(error))
    }

    /// A command is sent.
    pub(super) fn command(&self, command: &Command) {
        tracing::trace!(command = self.command_shown(command), "sent");
        self.line("C:", || self.command_shown(command));
    }

    fn command_shown(&self, command: &Command) -> String {
        match command {
            Command::User(name) if self.repeats_secret(name.as_bytes()) => format!("USER {WITHHELD}"),
            _ => command.shown(),
        }
    }

    /// The answer to what `during` names came.
    pub(super) fn answer(&self, during: &str, line: &[u8], status: &Status) {
        let shown = || match status {
            _ if !self.repeats_secret(line) => escaped(line, limits::NOTED_CHARS),
            Status::Ok(_) => format!("+OK {WITHHELD}"),
            Status::Err(_) => format!("-ERR {WITHHELD}"),
            Status::Continue => format!("+ {WITHHELD}"),
        };
        tracing::debug!(command = during, reply = shown(), "answered");
        self.line("S:", shown);
    }

    /// Another line of the server came.
    pub(super) fn reply(&self, line: &[u8]) {
        self.line("S:", || self.cut(line, limits::NOTED_CHARS));
    }

    /// So many octets of a body have come. Of its content nothing is noted.
    pub(super) fn body(&self, octets: u64, is_done: bool) {
        self.body.set((!is_done).then_some(octets));
        if is_done {
            tracing::trace!(octets, "a body came");
            self.line("S:", || format!("[a body of {octets} octets, end mark seen]"));
        }
    }

    fn body_broke_off(&self) {
        if let Some(octets) = self.body.take() {
            self.line("S:", || format!("[{octets} octets of a body, no end mark]"));
        }
    }

    fn line(&self, mark: &'static str, text: impl FnOnce() -> String) {
        if let (Some(tracer), Some(connection)) = (&self.tracer, self.connection) {
            tracer.note(connection, &NotedLine { mark, text: text() });
        }
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        if self.connection.is_some() {
            self.event("closed");
        }
    }
}
