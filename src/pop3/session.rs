//! The session: opened, authenticated, used, ended. Each state is a type, so that no call comes in the wrong one.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use native_tls::TlsConnector;

use super::certificate::Certificate;
use super::command::Command;
use super::error::{SessionError, Unsettled};
use super::link::Link;
use super::notes::Notes;
use super::reply::{Capabilities, DropListing, Refusal};
use super::tls;
use super::transfer::Unfinished;
use crate::host::{Guard, Host, Timing, Wire};
use crate::model::{MessageNumber, Receipt, limits};

/// How a connection is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TlsMode {
    /// TLS from the first octet (RFC 8314 §3.3), by custom on port 995.
    Implicit,
    /// Clear text until STLS (RFC 2595 §4), which is mandatory then, by custom on port 110.
    StartTls,
    /// Clear text.
    None,
}

/// A server and how to reach it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// The host name or address, as the user wrote it: the certificate must prove it.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: TlsMode,
    /// A PEM file of CA certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether a password may go in clear text to a host other than this machine.
    pub allow_cleartext: bool,
}

/// The state before the login.
#[derive(Debug)]
pub struct Authorization {
    pub(super) may_send_password: bool,
    is_loopback: bool,
}

/// What protects a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Protection {
    /// TLS. The certificate is verified; `None` where it is not understood.
    Tls(Option<Certificate>),
    /// Nothing, and nothing is needed: the other end is on this machine.
    Loopback,
    /// Nothing: everyone on the way can read it.
    ClearText,
}

/// How a session logged in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mechanism {
    /// SASL PLAIN (RFC 4616).
    Plain,
    /// USER and PASS (RFC 1939 §7).
    UserAndPass,
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "AUTH PLAIN",
            Self::UserAndPass => "USER and PASS",
        })
    }
}

/// The state after the login.
#[derive(Debug)]
pub struct Transaction {
    /// Tells this session's sightings from those of any other.
    pub(super) tag: u64,
    mechanism: Mechanism,
    /// Whether UIDL was answered, with a listing or with `-ERR` (I1).
    pub(super) listed: bool,
    /// Messages that were RETRed and are neither delivered nor held (I4).
    pub(super) unsettled: BTreeSet<MessageNumber>,
    /// The body that a sink refused to take further.
    pub(super) unfinished: Option<Unfinished>,
}

/// A POP3 session in the state `S`: [`Authorization`] or [`Transaction`].
///
/// Dropping it closes the connection and sends no QUIT, so that the server deletes nothing (RFC 1939 §6).
pub struct Session<'h, S> {
    pub(super) link: Link<'h>,
    pub(super) capabilities: Capabilities,
    pub(super) state: S,
}

impl<S: fmt::Debug> fmt::Debug for Session<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("state", &self.state).finish_non_exhaustive()
    }
}

/// What became of the deletions at the end of a session.
#[derive(Debug)]
pub enum Update {
    /// `+OK` to QUIT. It proves no deletion: only a later complete listing does.
    Committed,
    /// `-ERR` to QUIT: none, some or all of the marked messages are deleted (RFC 1939 §6).
    Rejected(String),
    /// No answer came.
    Unknown(SessionError),
}

/// Connects, puts TLS on the connection, and reads greeting and capabilities. `notes` are taken of all that follows.
///
/// With [`TlsMode::StartTls`] the session comes back only protected: a server without STLS is an error, and it has
/// been sent nothing but CAPA and STLS.
pub fn open<'h>(
    host: &'h dyn Host,
    endpoint: &Endpoint,
    timing: Timing,
    mut notes: Notes,
) -> Result<Session<'h, Authorization>, SessionError> {
    notes.begin(endpoint);
    let connector = match endpoint.tls {
        TlsMode::None => None,
        _ => Some(notes.checked(tls::connector(host, endpoint.ca_file.as_deref()).map_err(SessionError::from))?),
    };
    open_with(host, endpoint, timing, connector.as_ref(), notes)
}

/// The certificate that a server shows, trusted or not: what is wrong with one for which [`open`] failed.
///
/// Nothing but this leaves the connection, and no credentials can go over it: there is no session to give them to.
#[must_use]
pub fn shown_certificate(
    host: &dyn Host,
    endpoint: &Endpoint,
    timing: Timing,
    mut notes: Notes,
) -> Option<Certificate> {
    notes.begin(endpoint);
    notes.event("only to look at the certificate, which is not verified");
    let connector = tls::connector_that_trusts_all().ok()?;
    let session = open_with(host, endpoint, timing, Some(&connector), notes).ok()?;
    session.link.tls().and_then(tls::certificate)
}

fn open_with<'h>(
    host: &'h dyn Host,
    endpoint: &Endpoint,
    timing: Timing,
    connector: Option<&TlsConnector>,
    notes: Notes,
) -> Result<Session<'h, Authorization>, SessionError> {
    let wire = notes.checked(connect(host, endpoint, timing))?;
    notes.event(&wire.peer().map_or("connected".to_owned(), |peer| format!("connected to {peer}")));
    let is_loopback = wire.is_loopback();
    let may_send_password = endpoint.tls != TlsMode::None || endpoint.allow_cleartext || is_loopback;
    let guard = Guard::new(host, wire, timing).map_err(|error| SessionError::of_io(error, "the connection"));
    let guard = notes.checked(guard)?;
    let link = match connector {
        Some(connector) if endpoint.tls == TlsMode::Implicit => Link::secured(connector, &endpoint.host, guard, notes)?,
        _ => Link::new(guard, notes),
    };
    let (capabilities, state) = (Capabilities::default(), Authorization { may_send_password, is_loopback });
    let mut session = Session { link, capabilities, state };
    session.greeting()?;
    session.ask_capabilities()?;
    match connector {
        Some(connector) if endpoint.tls == TlsMode::StartTls => session.start_tls(connector, &endpoint.host),
        _ => Ok(session),
    }
}

fn connect(host: &dyn Host, endpoint: &Endpoint, timing: Timing) -> Result<Box<dyn Wire>, SessionError> {
    let left = timing.run_deadline.saturating_sub(host.elapsed());
    if left.is_zero() {
        return Err(SessionError::Deadline { during: "the connection".to_owned() });
    }
    let connected = host.connect(&endpoint.host, endpoint.port, limits::CONNECT.min(left));
    connected.map_err(|error| if host.interrupted() { SessionError::Interrupted } else { error.into() })
}

impl<'h> Session<'h, Authorization> {
    /// What protects the connection.
    #[must_use]
    pub fn protection(&self) -> Protection {
        match self.link.tls() {
            Some(stream) => Protection::Tls(tls::certificate(stream)),
            None if self.state.is_loopback => Protection::Loopback,
            None => Protection::ClearText,
        }
    }

    fn greeting(&mut self) -> Result<(), SessionError> {
        let refused =
            |Refusal { code, text }| SessionError::Refused { command: "the connection".to_owned(), code, text };
        self.link.verdict()?.map_err(refused)?;
        self.link.end_reply();
        Ok(())
    }

    fn start_tls(mut self, connector: &TlsConnector, host: &str) -> Result<Self, SessionError> {
        if self.capabilities.known && !self.capabilities.stls {
            return Err(SessionError::NoStls);
        }
        let refused = |Refusal { text, .. }| SessionError::StlsRefused { text };
        self.link.ask(&Command::Stls)?.map_err(refused)?;
        let link = self.link.into_secured(connector, host)?;
        let mut session = Session { link, capabilities: Capabilities::default(), state: self.state };
        session.ask_capabilities()?;
        Ok(session)
    }

    /// The same connection after a login, its capabilities asked anew (RFC 2449 §5).
    pub(super) fn into_transaction(self, mechanism: Mechanism) -> Result<Session<'h, Transaction>, SessionError> {
        static NEXT_TAG: AtomicU64 = AtomicU64::new(0);
        let tag = NEXT_TAG.fetch_add(1, Ordering::Relaxed);
        let state = Transaction { tag, mechanism, listed: false, unsettled: BTreeSet::new(), unfinished: None };
        let mut session = Session { link: self.link, capabilities: self.capabilities, state };
        session.ask_capabilities()?;
        Ok(session)
    }
}

impl<S> Session<'_, S> {
    /// What the server announces in this state.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Asks for the capabilities; `-ERR` leaves them as they are, for a server need not know CAPA.
    fn ask_capabilities(&mut self) -> Result<(), SessionError> {
        if self.link.ask(&Command::Capa)?.is_err() {
            return Ok(());
        }
        let mut capabilities = Capabilities { known: true, ..Capabilities::default() };
        self.link.list(limits::CAPA_LINES, |line| {
            capabilities.add_line(line);
            Ok(())
        })?;
        capabilities.implementation = capabilities.implementation.map(|text| self.link.notes.withheld(text));
        tracing::debug!(
            sasl = capabilities.sasl.as_ref().map(|words| self.link.notes.shown(words.join(" ").as_bytes())),
            stls = capabilities.stls,
            user = capabilities.user,
            uidl = capabilities.uidl,
            top = capabilities.top,
            pipelining = capabilities.pipelining,
            implementation = capabilities.implementation,
            "capabilities"
        );
        self.capabilities = capabilities;
        Ok(())
    }
}

impl Session<'_, Transaction> {
    /// How the session logged in.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        self.state.mechanism
    }

    /// How many messages the maildrop holds, and their size together.
    pub fn stat(&mut self) -> Result<DropListing, SessionError> {
        let text = self.link.demand(&Command::Stat)?;
        self.read_stat(&text)
    }

    /// Reads the text after `+OK` to STAT, and ends the reply.
    pub(super) fn read_stat(&mut self, text: &[u8]) -> Result<DropListing, SessionError> {
        let drop_listing = DropListing::parse(text).ok_or_else(|| self.link.protocol("no two numbers"))?;
        self.link.end_reply();
        Ok(drop_listing)
    }

    /// Does nothing, and keeps the server from ending an idle session.
    pub fn noop(&mut self) -> Result<(), SessionError> {
        self.link.demand(&Command::Noop)?;
        self.link.end_reply();
        Ok(())
    }

    /// The RETRed message is safe: the receipt tells that the index has it as delivered or held (I4).
    pub fn settle(&mut self, number: MessageNumber, _receipt: &Receipt) {
        self.state.unsettled.remove(&number);
    }

    /// Ends the session with QUIT, which makes the server delete what was marked.
    ///
    /// Refused while a RETRed message is not settled (I4), since servers may delete or hide what was RETRed; the
    /// connection is closed without QUIT then. A session that failed sends no QUIT either: [`Update::Unknown`].
    pub fn quit(mut self) -> Result<Update, Unsettled> {
        if !self.state.unsettled.is_empty() {
            return Err(Unsettled { messages: self.state.unsettled.into_iter().collect() });
        }
        let update = match self.link.ask(&Command::Quit) {
            Ok(Ok(_)) => Update::Committed,
            Ok(Err(refusal)) => Update::Rejected(refusal.text),
            Err(error) => return Ok(Update::Unknown(error)),
        };
        self.link.close();
        Ok(update)
    }
}
