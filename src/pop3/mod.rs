//! A blocking POP3 client (RFC 1939, 2449, 2595, 5034, 8314) whose types keep the order that exactly-once needs.
//!
//! ```text
//!            ┌────────────────────────────┐  authenticate   ┌────────────────────────────────────────┐  quit
//!   open ───▶│  Session<Authorization>    │────────────────▶│  Session<Transaction>                  │───────▶ Update
//!            │  capabilities              │                 │  capabilities  stat  noop  top_headers │
//!            └────────────────────────────┘                 │  listing ──▶ retr ──▶ settle           │
//!               │ TLS is up, or the user                    │    top_headers │                       │
//!               │ allowed clear text                        │            └───┴▶ Sighting ─▶ Matched ─▶ dele
//!               ▼                                           └────────────────────────────────────────┘
//!             drop: the connection closes, no QUIT            │ drop: the connection closes, no QUIT
//!                                                             ▼ so the server deletes nothing
//! ```
//!
//! - [`open`] gives a session whose TLS is verified and complete; with STLS it sends nothing but CAPA and STLS before.
//!   [`shown_certificate`] tells of a server that it refused, and gives no session.
//! - [`Session::authenticate`] consumes the session: a failed login ends the connection.
//! - [`Session::listing`] comes before any [`Session::retr`] (I1).
//! - [`Session::retr`] streams to a sink; the message is whole only when it returns `Ok`. A sink that fails leaves the
//!   session within a body: [`Session::drain_body`] is then the only call that may follow.
//! - [`Session::dele`] takes [`Matched`] proofs: a [`Receipt`](crate::model::Receipt) of the index together with a
//!   [`Sighting`] of this session that shows the same content (I3).
//! - [`Session::quit`] is refused while a RETRed message is not settled (I4).
//! - A [`SessionError`] other than a refusal ends the session: every later command fails with
//!   [`SessionError::Misuse`], and `quit` sends nothing.
//!
//! All waits are bounded by [`Timing`] and [`limits`](crate::model::limits), memory does not grow with the size of a
//! message (I8), and no secret or unescaped server text is in any error or in what [`Notes`] are taken (I9).
//!
//! ```no_run
//! # use fetchonce::{host::Host, model::Octets, pop3};
//! # fn run(host: &dyn Host, endpoint: &pop3::Endpoint, timing: pop3::Timing, credentials: &pop3::Credentials)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let notes = pop3::Notes::new(None, Some(credentials));
//! let mut session = pop3::open(host, endpoint, timing, notes)?.authenticate(credentials)?;
//! for message in session.listing()?.messages {
//!     let mut stored = Vec::new();
//!     let retrieved = session.retr(message.number, Octets(1 << 20), &mut |piece| {
//!         stored.extend_from_slice(piece);
//!         Ok(())
//!     })?;
//!     println!("{} {:?}", message.uid, retrieved.content.full);
//! }
//! // Nothing was recorded as delivered, so nothing is settled: QUIT is refused, and the connection just closes.
//! assert!(session.quit().is_err());
//! # Ok(())
//! # }
//! ```

mod auth;
mod certificate;
pub mod command;
mod error;
mod link;
mod listing;
pub mod multiline;
mod notes;
mod proof;
pub mod reply;
mod session;
mod tls;
mod transfer;

#[cfg(test)]
mod tests;

pub use crate::host::Timing;
pub use auth::Credentials;
pub use certificate::Certificate;
pub use error::{AuthFailure, Distrust, RetrError, SessionError, TlsError, Unsettled};
pub use notes::{NotedLine, Notes, Tracer};
pub use proof::{Matched, SightedContent, Sighting};
pub use reply::{Capabilities, DropListing, Expire, ResponseCode};
pub use session::{
    Authorization, Endpoint, Mechanism, Protection, Session, TlsMode, Transaction, Update, open, shown_certificate,
};
pub use transfer::{DeleOutcome, Retrieved, TopReply};
