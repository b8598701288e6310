//! Events in, text out.

mod event;

pub use event::{Event, Observer, Problem};
