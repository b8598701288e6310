//! Events in, text out.

pub mod calendar;
pub mod decided;
mod event;
mod exit;
pub mod finding;
pub mod fold;
pub mod gauge;
pub mod human;
pub mod json;
pub mod progress;
pub mod status;
mod summary;

pub use event::{Event, Observer, Problem};
pub use exit::Exit;
pub use summary::Summary;

/// An error with everything that caused it, on one line.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
