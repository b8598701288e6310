//! The session against a scripted server, and TLS against a real one.

mod bounds;
mod login;
mod mailbox;
mod notes;
mod script;
mod tls;
