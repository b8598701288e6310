//! Text for people: one line an account when all is well, and for each error what is safe now and what to do next.
//!
//! ```text
//! work  7 delivered (1.2 MiB), 3 deleted, 405 already seen   0.8s
//!
//! error: work: connection closed during RETR 409
//!   caused by: end of stream
//!   state: 3 of 7 delivered and recorded; nothing deleted on the server
//! hint: run `fetchonce work` again; delivered messages are not fetched twice
//! ```
//!
//! The words carry everything; colour repeats it. Nothing that a terminal would obey gets through (I9).

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use super::{Event, Exit, Problem, Summary};
pub use crate::model::{printable, shown_path};

/// Most refused messages that are named; the others are counted.
const NAMED_REFUSALS: usize = 3;

/// Whether colour repeats what the words say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Palette {
    /// Words alone.
    Plain,
    /// ANSI colours.
    Colour,
}

impl Palette {
    fn label(self, word: &str, code: &str) -> String {
        self.word(&format!("{word}:"), code)
    }

    pub(super) fn word(self, word: &str, code: &str) -> String {
        match self {
            Self::Plain => word.to_owned(),
            Self::Colour => format!("\x1b[{code}m{word}\x1b[0m"),
        }
    }
}

/// How hints call the program and the account, so that a command in them can be pasted.
#[derive(Clone, Copy, Debug)]
pub struct Naming<'a> {
    /// The program with the options that lead it to the same accounts.
    pub program: &'a str,
    /// The account.
    pub account: &'a str,
}

impl Naming<'_> {
    /// A hint whose commands say `fetchonce` and `ACCOUNT`.
    #[must_use]
    pub fn filled_in(self, hint: &str) -> String {
        hint.replace("`fetchonce ", &format!("`{} ", self.program)).replace("ACCOUNT", self.account)
    }
}

/// Something to tell: what happened, why, what is safe now, and what to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Whether the exit code is 0 all the same.
    pub is_warning: bool,
    /// What happened.
    pub what: String,
    /// What caused it, the nearest first.
    pub causes: Vec<String>,
    /// What is safe now.
    pub state: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
}

impl Told {
    /// An error with its causes, each once: some errors repeat what caused them in their own text.
    #[must_use]
    pub fn error(error: &dyn Error, hint: impl Into<String>) -> Self {
        let what = error.to_string();
        let mut causes: Vec<String> = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            // SQLite says the same with its number before it.
            let is_known = |known: &String| known.contains(&text) || text.ends_with(known.as_str());
            if !what.contains(&text) && !causes.iter().any(is_known) {
                causes.push(text);
            }
            next = cause.source();
        }
        Self { is_warning: false, what, causes, state: None, hint: Some(hint.into()) }
    }

    /// A warning.
    #[must_use]
    pub fn warning(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { is_warning: true, what: what.into(), causes: Vec::new(), state: None, hint: Some(hint.into()) }
    }

    /// The text, each line ended.
    #[must_use]
    pub fn text(&self, palette: Palette, account: Option<&str>) -> String {
        let label = if self.is_warning { palette.label("warning", "1;33") } else { palette.label("error", "1;31") };
        let about = account.map(|account| format!("{account}: ")).unwrap_or_default();
        let mut text = format!("{label} {about}{}\n", printable(&self.what));
        for cause in &self.causes {
            let _ = writeln!(text, "  caused by: {}", printable(cause));
        }
        if let Some(state) = &self.state {
            let _ = writeln!(text, "  state: {}", printable(state));
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "{} {}", palette.label("hint", "1;36"), printable(hint));
        }
        text
    }
}

/// `work  7 delivered (1.2 MiB), 3 deleted, 405 already seen   0.8s`, the name padded to `width`.
#[must_use]
pub fn summary_line(name: &str, width: usize, summary: &Summary, elapsed: Duration) -> String {
    format!("{name:width$}  {}   {}\n", done(summary), seconds(elapsed))
}

fn done(summary: &Summary) -> String {
    let Summary { listed, planned, delivered, deleted, recognised, held, skipped, oversize, announced, known, .. } =
        *summary;
    let aside = listed.saturating_sub(known).saturating_sub(planned);
    let left = aside.saturating_sub(skipped).saturating_sub(oversize);
    if planned + delivered + deleted + recognised + held + announced == 0 {
        if listed == 0 {
            return "up to date (nothing on the server)".to_owned();
        }
        let what = if left == 0 { "up to date" } else { "nothing to fetch now" };
        let others = [(skipped, "skipped"), (oversize, "too large"), (left, "left aside")];
        return format!("{what} ({})", with_counts(format!("{known} seen"), &others));
    }
    let delivered = match delivered {
        0 => "nothing delivered".to_owned(),
        _ => format!("{delivered} delivered ({})", summary.octets),
    };
    let counts = [
        (announced, "announced by header"),
        (held, "held"),
        (deleted, "deleted"),
        (recognised, "fetched and recognised"),
        (known, "already seen"),
        (skipped, "skipped"),
        (oversize, "too large"),
        (left, "left for later"),
    ];
    with_counts(delivered, &counts)
}

/// `first, 3 deleted, 405 already seen`: what is counted and not nothing.
fn with_counts(first: String, counts: &[(u64, &str)]) -> String {
    counts.iter().filter(|(count, _)| *count > 0).fold(first, |text, (count, what)| format!("{text}, {count} {what}"))
}

fn seconds(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        0..60 => format!("{:.1}s", elapsed.as_secs_f64()),
        whole => format!("{}m {:02}s", whole / 60, whole % 60),
    }
}

/// What is safe after a run that failed: what a mail tool owes its user.
#[must_use]
pub fn state(summary: &Summary) -> String {
    let delivered = match (summary.delivered, summary.planned) {
        (0, 0) => "nothing fetched".to_owned(),
        (delivered, planned) if delivered <= planned => format!("{delivered} of {planned} delivered and recorded"),
        (delivered, _) => format!("{delivered} delivered and recorded"),
    };
    let held = if summary.held > 0 { format!(", {} held", summary.held) } else { String::new() };
    let deleted = match (summary.deleted, summary.unconfirmed) {
        (0, 0) => "nothing deleted on the server".to_owned(),
        (deleted, 0) => format!("{deleted} deleted on the server"),
        (0, unknown) => format!("whether the server deleted {unknown} delivered {} is not known", messages(unknown)),
        (deleted, unknown) => {
            format!("{deleted} deleted on the server, and whether {unknown} more delivered ones is not known")
        }
    };
    format!("{delivered}{held}; {deleted}")
}

/// The problems of a run, those of one kind together.
#[must_use]
pub fn problems(problems: &[Problem], naming: Naming<'_>) -> Vec<Told> {
    let mut told = refusals(problems, naming);
    let mut deletions_refused = (0, "");
    let mut of_targets: Vec<Problem> = Vec::new();
    for problem in problems {
        match problem {
            Problem::RetrRefused { .. } => {}
            Problem::DeleRefused { text } => deletions_refused = (deletions_refused.0 + 1, text),
            Problem::Held { .. } | Problem::Rejected { .. } => add_up(&mut of_targets, problem),
            other => told.push(single(other, naming)),
        }
    }
    if let (1.., text) = deletions_refused {
        let count = counted(deletions_refused.0);
        told.push(plain(Exit::Unavailable, format!("the server refused to delete {count}: {text}"), RETRIED));
    }
    told.extend(of_targets.iter().map(|problem| single(problem, naming)));
    told
}

/// What one target refuses, or rejects, is told once.
fn add_up(all: &mut Vec<Problem>, problem: &Problem) {
    for known in &mut *all {
        match (known, problem) {
            (Problem::Held { target, messages: all, .. }, Problem::Held { target: same, messages, .. })
            | (Problem::Rejected { target, messages: all, .. }, Problem::Rejected { target: same, messages, .. })
                if target == same =>
            {
                *all += messages;
                return;
            }
            _ => {}
        }
    }
    all.push(problem.clone());
}

const HELD: &str = "mend that target; the next run delivers what is held, and nothing held is deleted on the server";
const HELD_FOR_NOW: &str =
    "nothing to do: the next run delivers what is held, and nothing held is deleted on the server";
const RETRIED: &str = "nothing to do: the next run asks again";
const GIVEN_UP: &str = "the next run asks again; `fetchonce seen skip ACCOUNT UID` gives a message up";

fn refusals(problems: &[Problem], naming: Naming<'_>) -> Vec<Told> {
    let refused = problems.iter().filter(|problem| matches!(problem, Problem::RetrRefused { .. }));
    let total = refused.clone().count();
    let mut told: Vec<Told> = refused.take(NAMED_REFUSALS).map(|problem| single(problem, naming)).collect();
    if total > NAMED_REFUSALS {
        let what = format!("the server refused to send {} more messages", total - NAMED_REFUSALS);
        told.push(plain(Exit::Unavailable, what, &naming.filled_in(GIVEN_UP)));
    }
    told
}

/// A problem that is told by itself.
#[must_use]
pub fn single(problem: &Problem, naming: Naming<'_>) -> Told {
    plain(problem.exit(), what_happened(problem), &naming.filled_in(what_to_do(problem)))
}

fn what_happened(problem: &Problem) -> String {
    match problem {
        Problem::RetrRefused { uid, text } => format!("the server refused to send message {uid}: {text}"),
        Problem::DeleRefused { text } => format!("the server refused to delete a message: {text}"),
        Problem::Held { target, messages, cause, .. } => {
            format!("{target} refuses {}, kept safe in the held Maildir: {cause}", counted(*messages))
        }
        Problem::Damaged { path } => {
            format!("the held message {} is missing or damaged, and no longer on the server", shown_path(path))
        }
        Problem::Rejected { target, messages, cause } => {
            format!("{target} will never take {}, put into the quarantine: {cause}", counted(*messages))
        }
        Problem::Redelivered { target, messages } => {
            format!("{} may be in {target} already, and delivered again: nothing tells", counted(*messages))
        }
        Problem::InDoubt { messages, just_now: None } => {
            format!("whether the target has {} is not known, and kept in the held Maildir", counted(*messages))
        }
        Problem::InDoubt { messages, just_now: Some((target, cause)) } => {
            format!("whether {target} has {} is not known, and kept in the held Maildir: {cause}", counted(*messages))
        }
        Problem::QuitRejected { text } => format!("the server says at QUIT that it did not delete everything: {text}"),
        Problem::Vanished { messages } => {
            format!("{} vanished from the server before being delivered", counted(*messages))
        }
        Problem::FetchedAgain { messages } => {
            format!("{} fetched again: what became of an interrupted delivery is not known", counted(*messages))
        }
        Problem::Untrusted { messages } => {
            format!("what the disk holds of {} is not known: making it durable failed", counted(*messages))
        }
        Problem::TooBig { uid, free, needed } => {
            format!("message {uid} needs {needed}, and {free} are free where the mail goes")
        }
        Problem::Oversize { messages, most, no_header } => {
            let header = no_header.as_ref().map_or(String::new(), |cause| format!(", nor the header: {cause}"));
            format!("{} larger than {most} not fetched, as `max_size` says{header}", counted(*messages))
        }
        Problem::Expires { days } => expires(*days),
        Problem::UnconfirmedRemovals { messages } => {
            format!("{} removed from the Maildir; so many are not deleted on the server unasked", counted(*messages))
        }
        Problem::NotLookedThrough { cause, .. } => format!("nothing counts as removed from the Maildir: {cause}"),
        Problem::BackingOff { messages } => {
            format!("{} broke earlier sessions, and waited in this run", counted(*messages))
        }
        Problem::QuitWithheld { messages } => {
            format!("{} not safe on the disk yet, so nothing was deleted on the server", counted(*messages))
        }
        Problem::Unidentified { messages } => {
            format!("the server gives {} no unique-id that can be used, so not fetched", counted(*messages))
        }
        Problem::PartialListing => {
            "the server's lists disagree with one another: nothing was deleted, or taken for gone, in this run".into()
        }
        Problem::Contradicted => {
            "unique-ids of this server no longer prove what they name, so contents were compared".into()
        }
    }
}

fn what_to_do(problem: &Problem) -> &'static str {
    match problem {
        Problem::RetrRefused { .. } => GIVEN_UP,
        Problem::DeleRefused { .. } | Problem::QuitRejected { .. } => RETRIED,
        Problem::Held { exit: Exit::TryLater, .. } => HELD_FOR_NOW,
        Problem::Held { .. } => HELD,
        Problem::Damaged { .. } => "look for another copy of that file; nothing else is held up",
        Problem::Rejected { .. } => {
            "read such mail in the Maildir `quarantine/ACCOUNT` of the state folder; it counts as delivered"
        }
        Problem::Redelivered { .. } => {
            "nothing is lost by it; a target that knows the token drops the second copy: docs/concepts/limits.md"
        }
        Problem::InDoubt { .. } => {
            "look for it there, then run `fetchonce seen settle ACCOUNT --delivered`, or with `--again` to deliver it again"
        }
        Problem::Vanished { .. } => {
            "another program, or the server itself, deleted mail that was not fetched yet: look there for it"
        }
        Problem::FetchedAgain { .. } => "nothing is lost by it; where you see two copies, delete one",
        Problem::Untrusted { .. } => {
            "look after the disk, then run `fetchonce seen verify --repair ACCOUNT`; until then such mail is neither fetched \
             again nor deleted on the server"
        }
        Problem::TooBig { .. } => {
            "free some space; the message is still on the server, and smaller ones are fetched meanwhile"
        }
        Problem::Oversize { .. } => {
            "raise `max_size` to fetch what is larger; it stays on the server, and `fetchonce list ACCOUNT` shows it"
        }
        Problem::Expires { days: 0 } => "have backups of your copies, or ask the provider; this is told once",
        Problem::Expires { .. } => "nothing to do where your own copies are enough; this is told once",
        Problem::UnconfirmedRemovals { .. } => {
            "look whether all folders of the Maildir are there; if you removed them, run `fetchonce fetch --confirm ACCOUNT`"
        }
        Problem::NotLookedThrough { .. } => {
            "mend that folder; until then nothing is deleted because of `delete_when_removed_locally`"
        }
        Problem::BackingOff { .. } => {
            "nothing to do: each is asked for again later, by itself; `fetchonce seen skip ACCOUNT UID` gives one up"
        }
        Problem::QuitWithheld { .. } => "run `fetchonce seen verify --repair ACCOUNT`, then fetch again",
        Problem::Unidentified { .. } => {
            "ask the provider, or fetch such mail by other means; it stays on the server, and nothing is deleted meanwhile"
        }
        Problem::PartialListing => "nothing to do unless it stays so; some servers answer so while mail arrives",
        Problem::Contradicted => {
            "nothing to do: this follows a change of server or user, and new unique-ids for old mail"
        }
    }
}

fn expires(days: u64) -> String {
    match days {
        0 => {
            "the server may delete each message as soon as it was fetched (EXPIRE 0), and `keep` asks for longer".into()
        }
        _ => format!("the server may delete mail that is {} old (EXPIRE), and `keep` asks for longer", of_days(days)),
    }
}

fn plain(exit: Exit, what: String, hint: &str) -> Told {
    Told { is_warning: exit == Exit::Fine, what, causes: Vec::new(), state: None, hint: Some(hint.to_owned()) }
}

/// `1 day`, `2 days`.
#[must_use]
pub fn of_days(days: u64) -> String {
    format!("{days} {}", if days == 1 { "day" } else { "days" })
}

/// `1 message`, `2 messages`.
#[must_use]
pub fn counted(count: usize) -> String {
    format!("{count} {}", messages(count as u64))
}

fn messages(count: u64) -> &'static str {
    if count == 1 { "message" } else { "messages" }
}

/// One step of a run, for those who want to watch.
#[must_use]
pub fn step(event: &Event<'_>) -> Option<String> {
    Some(match event {
        Event::Recovered { delivered: 0 } => {
            "settled an interrupted run: nothing of it is known to be delivered".into()
        }
        Event::Recovered { delivered } => format!("settled an interrupted run: {} delivered", counted(*delivered)),
        Event::Listed { messages, complete: true } => format!("{} listed", counted(*messages)),
        Event::Listed { messages, complete: false } => format!("{} listed, incompletely", counted(*messages)),
        Event::LeftOut { uid, why } => format!("skipped {uid}: {why}"),
        Event::Planned { plan, .. } => {
            format!("{} to fetch, {} to delete", counted(plan.to_fetch()), plan.deletions.len())
        }
        Event::Delivered { uid, octets } => format!("delivered {uid} ({octets})"),
        Event::Announced { uid } => format!("announced {uid} by its header"),
        Event::Recognised { uid } => format!("recognised {uid}: delivered before"),
        Event::Deleted { messages } => format!("{} deleted on the server", counted(*messages)),
        Event::Received(_) | Event::Arrived | Event::Problem(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Octets, Uid};

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Chained {
        text: &'static str,
        #[source]
        source: Option<Box<Chained>>,
    }

    fn chain(texts: &[&'static str]) -> Chained {
        let mut rest = texts.iter().rev();
        let mut error = Chained { text: rest.next().unwrap(), source: None };
        for text in rest {
            error = Chained { text, source: Some(Box::new(error)) };
        }
        error
    }

    #[test]
    fn an_error_names_each_cause_once_and_what_is_safe() {
        let error = chain(&["cannot write a", "cannot write", "disk full", "disk full"]);
        let state = Some("nothing fetched; nothing deleted".into());
        let told = Told { state, ..Told::error(&error, "free some space") };
        assert_eq!(
            told.text(Palette::Plain, Some("work")),
            "error: work: cannot write a\n  caused by: disk full\n  state: nothing fetched; nothing deleted\n\
             hint: free some space\n"
        );
    }

    /// I9.
    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        let told = Told::warning("a\x1b[2Jb\u{202e}\nc\\x1b", "h\r");
        assert_eq!(told.text(Palette::Plain, None), "warning: a\\u{1b}[2Jb\\u{202e}\\nc\\x1b\nhint: h\\r\n");
    }

    #[test]
    fn a_summary_is_one_line() {
        let line = |summary: Summary| summary_line("work", 6, &summary, Duration::from_millis(840));
        let busy = Summary {
            listed: 412,
            planned: 7,
            delivered: 7,
            octets: Octets(1_258_291),
            deleted: 3,
            known: 405,
            ..Summary::default()
        };
        assert_eq!(line(busy), "work    7 delivered (1.2 MiB), 3 deleted, 405 already seen   0.8s\n");
        let idle = Summary { listed: 128, known: 128, ..Summary::default() };
        assert_eq!(line(idle), "work    up to date (128 seen)   0.8s\n");
        let limited = Summary { listed: 9, planned: 2, delivered: 2, known: 3, ..Summary::default() };
        assert_eq!(line(limited), "work    2 delivered (0 B), 3 already seen, 4 left for later   0.8s\n");
    }

    #[test]
    fn the_state_never_calls_an_unanswered_deletion_undone() {
        let of = |delivered, planned, deleted, unconfirmed| {
            state(&Summary { planned, delivered, deleted, unconfirmed, ..Summary::default() })
        };
        assert_eq!(of(3, 7, 0, 0), "3 of 7 delivered and recorded; nothing deleted on the server");
        assert_eq!(of(0, 0, 0, 0), "nothing fetched; nothing deleted on the server");
        assert_eq!(of(9, 7, 2, 0), "9 delivered and recorded; 2 deleted on the server");
        assert!(of(7, 7, 0, 1).ends_with("whether the server deleted 1 delivered message is not known"));
    }

    #[test]
    fn many_problems_of_a_kind_are_few_lines() {
        let refused = |n: u8| Problem::RetrRefused { uid: Uid::new(&[b'a', n]).unwrap(), text: "no".into() };
        let mut all: Vec<Problem> = (b'0'..=b'9').map(refused).collect();
        all.extend([Problem::PartialListing, Problem::DeleRefused { text: "x".into() }]);
        all.extend([Problem::DeleRefused { text: "y".into() }]);
        let told = problems(&all, Naming { program: "fetchonce --state-dir s", account: "work" });
        let hint = "the next run asks again; `fetchonce --state-dir s seen skip work UID` gives a message up";
        assert_eq!(told[0].hint.as_deref(), Some(hint));
        let warnings: Vec<bool> = told.iter().map(|told| told.is_warning).collect();
        assert_eq!(warnings, [false, false, false, false, true, false]);
        assert_eq!(told[3].what, "the server refused to send 7 more messages");
        assert_eq!(told[5].what, "the server refused to delete 2 messages: y");
    }
}
