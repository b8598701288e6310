//! One bar an account, on a terminal only. The bars draw themselves ten times a second; events only count.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};
use rustix::termios::tcgetwinsize;

use super::gauge::{FEWEST_COLUMNS, Gauge};
use super::{Event, Problem};
use crate::plan::Plan;

/// How often the bars are drawn at most.
const PICTURES_PER_SECOND: u8 = 10;

/// The bars of a run, on standard error. A clone is the same bars.
#[derive(Clone, Debug)]
pub struct Progress {
    bars: Option<MultiProgress>,
}

/// The bar of one account; it appears when something is fetched, and goes when it is dropped.
#[derive(Debug)]
pub struct Bar {
    bars: Option<MultiProgress>,
    shown: OnceLock<ProgressBar>,
    count: Arc<Count>,
}

/// What the events say so far, for whoever draws it.
struct Count {
    name: String,
    /// Time as it is told; it may stand still.
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
    so_far: Mutex<SoFar>,
}

#[derive(Clone, Copy, Default)]
struct SoFar {
    gauge: Gauge,
    /// On the clock.
    began: Duration,
}

impl Progress {
    /// Bars, or nothing at all.
    #[must_use]
    pub fn new(shown: bool) -> Self {
        let target = || ProgressDrawTarget::term_like_with_hz(Box::new(Painter::default()), PICTURES_PER_SECOND);
        Self { bars: shown.then(|| MultiProgress::with_draw_target(target())) }
    }

    /// Writes something between the bars.
    pub fn between(&self, write: impl FnOnce()) {
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    /// The bar of an account. `clock` tells the time from any start on.
    #[must_use]
    pub fn account(&self, name: String, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Bar {
        let count = Arc::new(Count { name, clock: Box::new(clock), so_far: Mutex::default() });
        Bar { bars: self.bars.clone(), shown: OnceLock::new(), count }
    }
}

impl Bar {
    /// Follows a run.
    pub fn observe(&self, event: &Event<'_>) {
        match event {
            Event::Planned { plan, .. } => self.begin(plan),
            Event::Received(octets) => self.count.add(|gauge| gauge.octets = gauge.octets.saturating_add(octets.0)),
            Event::Arrived | Event::Problem(Problem::RetrRefused { .. } | Problem::TooBig { .. }) => {
                self.count.add(|gauge| gauge.messages += 1);
            }
            Event::Recovered { .. }
            | Event::Listed { .. }
            | Event::LeftOut { .. }
            | Event::Delivered { .. }
            | Event::Announced { .. }
            | Event::Recognised { .. }
            | Event::Deleted { .. }
            | Event::Problem(_) => {}
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
        let within_limit = plan.fetches.iter().filter(|fetch| !fetch.beyond_limit);
        let sizes: Vec<Option<u64>> =
            within_limit.chain(&plan.troubled).map(|fetch| Some(fetch.listed.size?.0)).collect();
        if sizes.is_empty() || columns() < FEWEST_COLUMNS {
            return;
        }
        // A size of 0 is none: some servers do not know it.
        let add = |sum: u64, size: &Option<u64>| Some(sum.saturating_add(size.filter(|size| *size > 0)?));
        // Another session of the run goes on from what has come.
        let SoFar { gauge: Gauge { messages, octets, .. }, began } = *self.count.so_far();
        let began = if messages == 0 { (self.count.clock)() } else { began };
        let of_octets = sizes.iter().try_fold(octets, add);
        let of_messages = messages + sizes.len() as u64;
        let gauge = Gauge { messages, of_messages, octets, of_octets, ..Gauge::default() };
        *self.count.so_far() = SoFar { gauge, began };
        self.shown.get_or_init(|| {
            let count = Arc::clone(&self.count);
            let line = move |_: &ProgressState, line: &mut dyn fmt::Write| {
                let _ = line.write_str(&count.line());
            };
            let style = ProgressStyle::with_template("{line}").unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = bars.add(ProgressBar::no_length().with_style(style.with_key("line", line)));
            bar.enable_steady_tick(Duration::from_secs(1) / PICTURES_PER_SECOND.into());
            bar
        });
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Count {
    fn so_far(&self) -> MutexGuard<'_, SoFar> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, add: impl FnOnce(&mut Gauge)) {
        add(&mut self.so_far().gauge);
    }

    fn line(&self) -> String {
        let SoFar { gauge, began } = *self.so_far();
        let elapsed = (self.clock)().saturating_sub(began);
        Gauge { elapsed, ..gauge }.line(&self.name, columns())
    }
}

impl fmt::Debug for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Count({:?})", self.so_far().gauge)
    }
}

/// The width of the terminal; 0 when it does not say.
fn columns() -> usize {
    tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col.into())
}

/// Draws on standard error, each picture of all bars at once.
///
/// It leaves the cursor at the start of the last bar. What the user types meanwhile (`^C`) is shown there, and the next
/// picture covers it; behind a full line it would move the cursor to the next one, and the bar would never be found again.
#[derive(Debug, Default)]
struct Painter {
    picture: Mutex<String>,
}

impl Painter {
    fn picture(&self) -> MutexGuard<'_, String> {
        self.picture.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn paint(&self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.picture().write_fmt(text).map_err(io::Error::other)
    }

    fn cursor(&self, count: usize, direction: char) -> io::Result<()> {
        if count == 0 { Ok(()) } else { self.paint(format_args!("\x1b[{count}{direction}")) }
    }
}

impl TermLike for Painter {
    fn width(&self) -> u16 {
        // A terminal may forget its size while there are bars.
        tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col).max(1)
    }

    fn height(&self) -> u16 {
        tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_row).max(1)
    }

    fn move_cursor_up(&self, count: usize) -> io::Result<()> {
        self.cursor(count, 'A')
    }

    fn move_cursor_down(&self, count: usize) -> io::Result<()> {
        self.cursor(count, 'B')
    }

    fn move_cursor_right(&self, count: usize) -> io::Result<()> {
        self.cursor(count, 'C')
    }

    fn move_cursor_left(&self, count: usize) -> io::Result<()> {
        self.cursor(count, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.paint(format_args!("{text}\n"))
    }

    /// What fills a line up with blanks ends it instead: a full line would be wrapped by a terminal that is made narrower.
    fn write_str(&self, text: &str) -> io::Result<()> {
        if text.trim_start_matches(' ').is_empty() { self.write_line("") } else { self.paint(format_args!("{text}")) }
    }

    fn clear_line(&self) -> io::Result<()> {
        self.paint(format_args!("\r\x1b[2K"))
    }

    fn flush(&self) -> io::Result<()> {
        let picture = std::mem::take(&mut *self.picture());
        let picture = picture.strip_suffix('\n').unwrap_or(&picture);
        if picture.is_empty() { Ok(()) } else { io::stderr().lock().write_all(format!("{picture}\r").as_bytes()) }
    }
}
