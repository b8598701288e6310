//! The session against a scripted server, and TLS against a real one.

mod bounds;
mod dialogue;
mod login;
mod mailbox;
mod notes;
mod tls;
