//! fetchonce collects mail from POP3 maildrops into local mailboxes, and delivers every message exactly once.
//!
//! # The life of a message
//!
//! ```text
//!      complete listing        RETR          sync files, sync tmp/          rename, sync new/ cur/
//! (server) ──────────▶ NEW ──────────▶ (tmp/) ─────────────────────▶ INTENT ─────────────────────▶ DELIVERED
//!             (index commit)                        (index commit)              (index commit)          │  policy says delete:
//!                                                                                                       ▼  match, DELE, QUIT
//!              tombstone ◀── GONE ◀── a later complete listing lacks it ──────────────────────── DELETE_SENT
//!                                      still listed: match, DELE again, no delivery ──▶ (stays)
//! ```
//!
//! Two states lie beside this line. HELD: the bytes lie durable in the account's held Maildir, the spool, until all
//! targets have them. UNTRUSTED: a sync failed after the rename, so what the disk holds is not known.
//!
//! The line is that of a single Maildir. Everything else goes through the spool, and each delivery out of it is recorded
//! by itself ([`deliver::parcel`]):
//!
//! ```text
//!        RETR, sync                        for each target                      once all of them have it
//! NEW ──────────────▶ HELD ──▶ prepare ─▶ promise ─▶ perform ─▶ record ──▶ DELIVERED ──▶ out of the spool
//!                (index commit)      (index commit)       (index commit)   (index commit)
//! ```
//!
//! # Invariants
//!
//! Tests name the invariant they defend.
//!
//! - **I1** No RETR before a complete unique-id listing of this session, compared with STAT and LIST. A listing that
//!   stays in disagreement is *partial*: fetched by, but nothing becomes GONE, is adopted or is deleted by it.
//! - **I2** A message is DELIVERED only after every write, file sync and directory sync of its delivery succeeded, and
//!   every target has it, or the quarantine has what a target rejects.
//! - **I3** DELE only for a DELIVERED message whose content was matched in this session ([`pop3::Matched`]).
//! - **I4** No QUIT while a RETRed message of this session is neither DELIVERED nor HELD: the socket is closed instead.
//! - **I5** A row leaves the live set only after a complete listing lacks it, and stays as a tombstone.
//! - **I6** A unique-id proves identity only while nothing contradicts it; a new unique-id is suppressed only on proof.
//! - **I7** A message that was being fetched and vanished undelivered is reported, with a non-zero exit code.
//! - **I8** Every line, list, wait, retry and buffer has a named bound ([`model::limits`]).
//! - **I9** A secret reaches no log, error, argument list, child environment or index; server text reaches no file name
//!   and no terminal unescaped.
//! - **I10** After INTENT a `tmp/` file is unlinked only once a durable commit has taken its row back to NEW, and only
//!   under the account's lock and with the index's own id in its name.
//!
//! # The rooms
//!
//! Data flows one way: [`cli`] parses into validated types; [`fetch`] opens the [`index`], settles what a crash left
//! ([`recover`]), opens a [`pop3`] session and takes a [`model::Listing`]; the pure [`plan`] decides everything;
//! executing the plan streams each message into a [`deliver`] target, or into the spool and from there to the targets of
//! its [`route`], commits, and hands the receipts back for DELE.
//! Every step is a [`report`] event. The world is reached through [`host`] alone.

pub mod cli;
pub mod config;
pub mod content;
pub mod deliver;
pub mod demo;
pub mod fetch;
pub mod header;
pub mod host;
pub mod index;
pub mod model;
pub mod plan;
pub mod policy;
pub mod pop3;
pub mod process;
pub mod recover;
pub mod report;
pub mod route;
