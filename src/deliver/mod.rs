//! Targets that messages are delivered to.
