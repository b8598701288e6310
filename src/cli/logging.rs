//! `--log-level` and `--log-to`: the events of a run on standard error or in the journal. Without them nothing is set up.

use std::fmt;
use std::io;

use tracing::field::{Field, Visit};
use tracing::span::EnteredSpan;
use tracing::{Event as Logged, Level, Subscriber};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::Layer;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::{LookupSpan, Registry};

use super::args::{LogLevel, LogTo, LoggingArgs};
use super::failure::Failure;
use crate::config::AccountName;
use crate::model::printable;
use crate::report::finding::{Finding, Verdict};
use crate::report::human::{self, Naming, Told};
use crate::report::progress::Progress;
use crate::report::{Event, Exit, Observer};

/// Sets up what the command line asks for, for the whole process.
///
/// The bars are those of the terminal, which the log must not tear.
pub(super) fn start(args: &LoggingArgs, bars: &Progress) -> Result<(), Failure> {
    let level = match (args.log_level, args.log_to) {
        (None, None) => return Ok(()),
        (None, Some(_)) => Level::INFO,
        (Some(level), _) => level.into(),
    };
    match args.log_to.unwrap_or(LogTo::Stderr) {
        LogTo::Stderr => set(level, on_stderr(bars.clone())),
        LogTo::Journald => set(level, in_journal()?),
    }
}

fn set(level: Level, layer: impl Layer<Registry> + Send + Sync) -> Result<(), Failure> {
    let subscriber = Registry::default().with(layer).with(LevelFilter::from_level(level));
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|error| Failure::new(Exit::Internal, error, "please report it"))?;
    tracing::debug!(version = env!("CARGO_PKG_VERSION"), "fetchonce begins");
    Ok(())
}

fn on_stderr(bars: Progress) -> impl Layer<Registry> + Send + Sync {
    let writer = move || BetweenBars(bars.clone());
    tracing_subscriber::fmt::layer().event_format(Line).fmt_fields(Fields).with_writer(writer)
}

fn in_journal() -> Result<impl Layer<Registry> + Send + Sync, Failure> {
    let journal = tracing_journald::layer().map_err(|error| {
        let error = anyhow::Error::new(error).context("there is no journal to log to");
        Failure::new(Exit::Config, error, "without systemd's journal log to standard error: `--log-to stderr`")
    })?;
    let priorities = PriorityMappings {
        info: Priority::Informational,
        debug: Priority::Debug,
        trace: Priority::Debug,
        ..PriorityMappings::new()
    };
    Ok(journal.with_field_prefix(None).with_priority_mappings(priorities).with_syslog_identifier("fetchonce".into()))
}

/// One event on one line: time, level, account, message, fields.
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Logged<'_>) -> fmt::Result {
        write!(writer, "{:.3} {:5} ", jiff::Timestamp::now(), event.metadata().level())?;
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                write!(writer, "{fields} ")?;
            }
        }
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// The message, and `name=value` for each other field.
struct Fields;

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut written = Written { writer, between: "", result: Ok(()) };
        fields.record(&mut written);
        written.result
    }
}

struct Written<'w> {
    writer: Writer<'w>,
    between: &'static str,
    result: fmt::Result,
}

impl Visit for Written<'_> {
    /// Text is escaped where it enters: escaped once more, it would not be what errors and hints show.
    fn record_str(&mut self, field: &Field, text: &str) {
        self.record_debug(field, &format_args!("\"{}\"", text.replace('"', "\\\"")));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let between = std::mem::replace(&mut self.between, " ");
        let result = match field.name() {
            "message" => write!(self.writer, "{between}{value:?}"),
            name => write!(self.writer, "{between}{name}={value:?}"),
        };
        self.result = self.result.and(result);
    }
}

/// Standard error between the bars, with nothing that a terminal obeys but the end of each line (I9).
struct BetweenBars(Progress);

impl io::Write for BetweenBars {
    /// Takes a whole line. With nobody left to tell, the run goes on.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let line = harmless(octets);
        self.0.between(|| drop(io::stderr().lock().write_all(line.as_bytes())));
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A whole line, with what a terminal would obey escaped: a last barrier behind what each event does itself.
fn harmless(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    format!("{}\n", printable(text.strip_suffix('\n').unwrap_or(&text)))
}

/// What this thread logs until the guard is dropped is about this account.
pub(super) fn account(name: &AccountName) -> EnteredSpan {
    // At the level that is never filtered out.
    tracing::error_span!("account", account = %name).entered()
}

/// An account's run ended.
pub(super) fn ended(exit: Exit) {
    tracing::info!(exit_code = exit.code(), "the run ended");
}

/// What the user is told.
pub(super) fn told(told: &Told) {
    let shown = |text: &str| printable(text);
    let causes = (!told.causes.is_empty()).then(|| shown(&told.causes.join(": ")));
    let (state, hint) = (told.state.as_deref().map(shown), told.hint.as_deref().map(shown));
    let what = shown(&told.what);
    if told.is_warning {
        tracing::warn!(causes, state, hint, "{what}");
    } else {
        tracing::error!(causes, state, hint, "{what}");
    }
}

/// What a check found.
pub(super) fn found(finding: &Finding) {
    let Finding { area, verdict, what, causes, hint, .. } = finding;
    let (area, what, hint) = (area.name(), printable(what), hint.as_deref().map(printable));
    let causes = (!causes.is_empty()).then(|| printable(&causes.join(": ")));
    match verdict {
        Verdict::Ok => tracing::info!(area, "{what}"),
        Verdict::Skipped => tracing::info!(area, skipped = true, "{what}"),
        Verdict::Warning => tracing::warn!(area, causes, hint, "{what}"),
        Verdict::Failed => tracing::error!(area, causes, hint, "{what}"),
    }
}

/// Logs the events of all accounts.
pub(super) struct Log;

impl Observer for Log {
    fn observe(&self, account: &str, event: &Event<'_>) {
        match event {
            Event::Recovered { delivered } => tracing::info!(delivered, "an interrupted run is settled"),
            Event::Listed { messages, complete } => tracing::info!(messages, complete, "listed"),
            Event::LeftOut { uid, why } => tracing::info!(%uid, %why, "skipped by a route"),
            Event::Planned { plan, .. } => {
                let (fetches, deletions) = (plan.to_fetch(), plan.deletions.len());
                tracing::info!(fetches, deletions, "planned");
                for decided in &plan.decided {
                    let (uid, size) = (decided.listed.uid.to_string(), decided.listed.size.map(|size| size.0));
                    tracing::trace!(uid, size, reason = ?decided.reason, "decided");
                }
            }
            Event::Received(_) | Event::Arrived => {}
            Event::Delivered { uid, octets } => tracing::info!(uid = uid.to_string(), octets = octets.0, "delivered"),
            Event::Announced { uid } => tracing::info!(uid = uid.to_string(), "announced by its header"),
            Event::Recognised { uid } => tracing::info!(uid = uid.to_string(), "recognised: delivered before"),
            Event::Deleted { messages } => tracing::info!(messages, "deleted on the server"),
            Event::Problem(problem) => told(&human::single(problem, Naming { program: "fetchonce", account })),
        }
    }
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I9.
    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(harmless("a\x1b[2J\u{202e}b\rc\nd\n".as_bytes()), "a\\u{1b}[2J\\u{202e}b\\rc\\nd\n");
        assert_eq!(harmless(b"no line end"), "no line end\n");
    }
}
