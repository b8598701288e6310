//! One bar an account, on a terminal only.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Event;
use crate::plan::Plan;

const TEMPLATE: &str = "{prefix}  [{bar:24}] {msg}, {bytes} of about {total_bytes}";

/// The bars of a run, on standard error. A clone is the same bars.
#[derive(Clone, Debug)]
pub struct Progress {
    bars: Option<MultiProgress>,
}

/// The bar of one account; it appears when something is fetched, and goes when it is dropped.
#[derive(Debug)]
pub struct Bar {
    bars: Option<MultiProgress>,
    name: String,
    shown: OnceLock<ProgressBar>,
    to_fetch: AtomicU64,
    done: AtomicU64,
}

impl Progress {
    /// Bars, or nothing at all.
    #[must_use]
    pub fn new(shown: bool) -> Self {
        Self { bars: shown.then(MultiProgress::new) }
    }

    /// Writes something between the bars.
    pub fn between(&self, write: impl FnOnce()) {
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    /// The bar of an account.
    #[must_use]
    pub fn account(&self, name: String) -> Bar {
        let bars = self.bars.clone();
        Bar { bars, name, shown: OnceLock::new(), to_fetch: AtomicU64::new(0), done: AtomicU64::new(0) }
    }
}

impl Bar {
    /// Follows a run.
    pub fn observe(&self, event: &Event<'_>) {
        match event {
            Event::Planned(plan) => self.begin(plan),
            Event::Received(octets) => {
                if let Some(bar) = self.shown.get() {
                    bar.inc(octets.0);
                }
            }
            Event::Delivered { .. } | Event::Recognised { .. } => {
                self.done.fetch_add(1, Ordering::Relaxed);
                self.tell();
            }
            Event::Recovered { .. } | Event::Listed { .. } | Event::Deleted { .. } | Event::Problem(_) => {}
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let (Some(bars), Some(bar)) = (&self.bars, self.shown.get()) {
            bar.finish_and_clear();
            bars.remove(bar);
        }
    }

    fn begin(&self, plan: &Plan) {
        let Some(bars) = &self.bars else { return };
        let fetches = || plan.fetches.iter().chain(&plan.troubled);
        if fetches().next().is_none() {
            return;
        }
        let octets = fetches().map(|fetch| fetch.listed.size.unwrap_or_default().0).fold(0, u64::saturating_add);
        self.to_fetch.store(fetches().count() as u64, Ordering::Relaxed);
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let new = || bars.add(ProgressBar::new(octets).with_style(style.progress_chars("##-")));
        self.shown.get_or_init(new).set_prefix(self.name.clone());
        self.tell();
    }

    fn tell(&self) {
        if let Some(bar) = self.shown.get() {
            let (done, all) = (self.done.load(Ordering::Relaxed), self.to_fetch.load(Ordering::Relaxed));
            bar.set_message(format!("{done} of {all} delivered"));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.finish();
    }
}
