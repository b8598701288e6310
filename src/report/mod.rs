//! Events in, text out.
