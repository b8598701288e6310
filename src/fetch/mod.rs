//! The imperative shell: the only room that sees session, index and mailbox together.
