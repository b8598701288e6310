//! `man`: the manual pages, made of the definitions of options, keys and exit codes, and of prose for the rest.

mod page;
mod program;
mod prose;
mod settings;

use super::args::ManPage;

/// The day of the last change to the prose. A fixed one: a page is the same whenever it is printed.
const DATE: &str = "2026-11-22";

/// The page as roff(7).
pub(super) fn page(page: ManPage) -> String {
    match page {
        ManPage::Fetchonce => program::page(),
        ManPage::FetchonceToml => settings::page(),
    }
}
