//! Retention: pure.
