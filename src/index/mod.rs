//! The seen-index and journal of one account.
