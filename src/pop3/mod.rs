//! A blocking POP3 client.

/// Placeholder of the proof that a deletion needs.
pub struct Matched;
