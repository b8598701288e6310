//! A small POP3 server with switchable faults, and the demonstration that runs against it.
//!
//! ```text
//!               ┌─────────────────────── Connection (pure) ────────────────────────┐
//! octets in ──▶ │ line ──▶ Session ──▶ reply ──▶ Faults ──▶ output, chunk by chunk │ ──▶ octets out
//!               └────────────┬─────────────────────────────────────────────────────┘
//!                            └──▶ Event log; Maildrop, at QUIT alone
//! ```
//!
//! - [`Maildrop`] is all that outlives a connection. Its clones share the messages.
//! - [`Faults`] says how one connection misbehaves; its default is a correct server. It is plain data, so that a
//!   simulation can enumerate it.
//! - [`Connection`] is the server's half of one connection, without I/O: octets in, octets out, RFC 1939 with the UIDL,
//!   TOP, CAPA (RFC 2449) and AUTH PLAIN (RFC 5034, RFC 4616) commands. Its [`Event`] log shows a checker every RETR,
//!   every DELE and the instant of each expunge.
//! - [`Listener`] serves it on a loopback port, one thread a connection; [`serve`] does so on any other stream.
//!
//! The server trusts its client no more than a real one may: lines, commands, waiting output and endless replies are
//! bounded.

pub mod demonstration;
mod faults;
mod listener;
mod maildrop;
mod output;
mod samples;
mod server;
mod session;
#[cfg(test)]
mod tests;

pub use faults::{BadMessage, CutAt, Faults, ListOnly, Login, MessageFault, Order, Quit};
pub use listener::{Listener, Logged, serve};
pub use maildrop::{Maildrop, Message};
pub use output::{CHUNK_OCTETS, ENDLESS_OCTETS};
pub use samples::samples;
pub use server::{COMMANDS, Connection, Credentials, Event, WAITING_OCTETS};
