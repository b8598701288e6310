//! The target against a scripted server.
