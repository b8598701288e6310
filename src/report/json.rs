//! JSON for scripts: one object a line, from the same events as the text for people.
//!
//! The types of the other rooms are not serialised themselves: what scripts rely on is written down here alone, and
//! docs/reference/json.md describes every field of it. Fields are added and never change their meaning.

use serde::Serialize;

use super::decided::{Action, Context, state_name};
use super::finding::Finding;
use super::human::{self, Naming, Told, printable};
use super::{Event, Exit, Problem, Summary};
use crate::plan::{Decided, Plan, Reason};
use crate::route::{Foreseen, SeenField};

/// Larger integers lose digits in readers that know floating-point numbers alone; no mail is so large.
const LARGEST_INTEGER: u64 = (1 << 53) - 1;

/// One line of output.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(missing_docs, reason = "docs/reference/json.md describes every field, and a test compares the two")]
pub enum Record<'a> {
    Recovered { account: &'a str, delivered: usize },
    Listed { account: &'a str, messages: usize, complete: bool },
    Planned { account: &'a str, to_fetch: usize, to_delete: usize },
    Message(Message<'a>),
    SkippedByRoute { account: &'a str, uid: String, why: String },
    Delivered { account: &'a str, uid: String, octets: u64 },
    Announced { account: &'a str, uid: String },
    Recognised { account: &'a str, uid: String },
    Deleted { account: &'a str, messages: usize },
    Problem(ProblemRecord<'a>),
    Error(ToldRecord<'a>),
    Warning(ToldRecord<'a>),
    Summary(SummaryRecord<'a>),
    Status(StatusRecord<'a>),
    Check(CheckRecord<'a>),
    End { exit_code: u8 },
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/reference/json.md describes every field, and a test compares the two")]
pub struct Message<'a> {
    pub account: &'a str,
    pub number: u32,
    pub uid: String,
    pub size: Option<u64>,
    pub state: &'static str,
    pub action: &'static str,
    pub reason: &'static str,
    pub delivered_at: Option<i64>,
    pub due_at: Option<i64>,
    pub route: Option<RouteRecord>,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/reference/json.md describes every field, and a test compares the two")]
pub struct RouteRecord {
    pub headers: Option<Vec<HeaderRecord>>,
    pub rules: Option<Vec<usize>>,
    pub why: Option<String>,
    pub targets: Option<Vec<String>>,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/reference/json.md describes every field, and a test compares the two")]
pub struct HeaderRecord {
    pub name: String,
    pub value: String,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/reference/json.md describes every field, and a test compares the two")]
pub struct ProblemRecord<'a> {
    pub account: &'a str,
    pub problem: &'static str,
    pub exit_code: u8,
    pub what: String,
    pub hint: Option<String>,
    pub uid: Option<String>,
    pub messages: Option<usize>,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/reference/json.md describes every field, and a test compares the two")]
pub struct ToldRecord<'a> {
    pub account: Option<&'a str>,
    pub exit_code: u8,
    pub what: String,
    pub caused_by: Vec<String>,
    pub state: Option<String>,
    pub hint: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/reference/json.md describes every field, and a test compares the two")]
pub struct SummaryRecord<'a> {
    pub account: &'a str,
    pub exit_code: u8,
    pub dry_run: bool,
    pub milliseconds: u64,
    pub listed: u64,
    pub planned: u64,
    pub delivered: u64,
    pub octets: u64,
    pub recognised: u64,
    pub held: u64,
    pub deleted: u64,
    pub deletions_unconfirmed: u64,
    pub skipped: u64,
    pub seen: u64,
    pub oversize: u64,
    pub announced: u64,
}

#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "docs/reference/json.md describes every field, and a test compares the two")]
pub struct StatusRecord<'a> {
    pub account: &'a str,
    pub configured: bool,
    pub running: bool,
    pub last_run: Option<RunRecord>,
    pub first_run_at: Option<i64>,
    pub last_success_at: Option<i64>,
    pub runs: Vec<RunRecord>,
    pub delivered: u64,
    pub on_server: u64,
    pub waiting: u64,
    pub troubled: u64,
    pub held: u64,
    pub untrusted: u64,
    /// Deliveries of which only the other side knows.
    pub in_doubt: u64,
    pub deletions_to_confirm: u64,
    pub due_now: u64,
    pub due: Vec<DueRecord>,
    pub alarms: Vec<AlarmRecord>,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/reference/json.md describes every field, and a test compares the two")]
pub struct RunRecord {
    pub started_at: i64,
    pub ended_at: Option<i64>,
    pub exit_code: Option<u8>,
    pub listed: u64,
    pub delivered: u64,
    pub octets: u64,
    pub deleted: u64,
    pub error: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/reference/json.md describes every field, and a test compares the two")]
pub struct DueRecord {
    pub day: String,
    pub messages: u64,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/reference/json.md describes every field, and a test compares the two")]
pub struct AlarmRecord {
    pub alarm: &'static str,
    pub what: String,
    pub hint: String,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/reference/json.md describes every field, and a test compares the two")]
pub struct CheckRecord<'a> {
    pub account: Option<&'a str>,
    pub area: &'static str,
    pub verdict: &'static str,
    pub what: String,
    pub caused_by: Vec<String>,
    pub hint: Option<String>,
    pub exit_code: u8,
}

impl<'a> Record<'a> {
    /// What an event says; `None` for the octets of a message on their way.
    #[must_use]
    pub fn of_event(naming: Naming<'a>, event: &Event<'a>) -> Option<Self> {
        let account = naming.account;
        Some(match *event {
            Event::Recovered { delivered } => Self::Recovered { account, delivered },
            Event::Listed { messages, complete } => Self::Listed { account, messages, complete },
            Event::Planned { plan, .. } => Self::planned(account, plan),
            Event::LeftOut { uid, why } => Self::SkippedByRoute { account, uid: uid.to_string(), why: why.to_string() },
            Event::Received(_) | Event::Arrived => return None,
            Event::Delivered { uid, octets } => Self::Delivered { account, uid: uid.to_string(), octets: octets.0 },
            Event::Announced { uid } => Self::Announced { account, uid: uid.to_string() },
            Event::Recognised { uid } => Self::Recognised { account, uid: uid.to_string() },
            Event::Deleted { messages } => Self::Deleted { account, messages },
            Event::Problem(problem) => Self::Problem(ProblemRecord::new(naming, problem)),
        })
    }

    fn planned(account: &'a str, plan: &Plan) -> Self {
        Self::Planned { account, to_fetch: plan.to_fetch(), to_delete: plan.deletions.len() }
    }

    /// An error or a warning, with the exit code that it makes.
    #[must_use]
    pub fn of_told(account: Option<&'a str>, exit: Exit, told: &Told) -> Self {
        let record = ToldRecord {
            account,
            exit_code: exit.code(),
            what: printable(&told.what),
            caused_by: told.causes.iter().map(|cause| printable(cause)).collect(),
            state: told.state.as_deref().map(printable),
            hint: told.hint.as_deref().map(printable),
        };
        if told.is_warning { Self::Warning(record) } else { Self::Error(record) }
    }
}

impl<'a> Message<'a> {
    /// What would be done with a listed message.
    #[must_use]
    pub fn new(account: &'a str, decided: &'a Decided, context: &Context<'_>) -> Self {
        let Decided { listed, reason, state, delivered_at, due_in, goes_once_delivered } = decided;
        Self {
            account,
            number: listed.number.0,
            uid: listed.uid.to_string(),
            size: listed.size.map(|size| size.0).filter(|size| *size <= LARGEST_INTEGER),
            state: state_name(*state, *reason),
            action: action_name(*reason, *goes_once_delivered),
            reason: reason_name(*reason),
            delivered_at: delivered_at.map(|at| at.0),
            due_at: due_in.map(|due_in| context.now.after(due_in).0),
            route: context.of(decided).map(|foreseen| RouteRecord::new(foreseen, context)),
        }
    }
}

impl RouteRecord {
    fn new(foreseen: &Foreseen, context: &Context<'_>) -> Self {
        let Foreseen { fields, decision } = foreseen;
        let header = |SeenField { name, value }: &SeenField| HeaderRecord { name: name.clone(), value: value.clone() };
        Self {
            headers: fields.as_ref().map(|fields| fields.iter().map(header).collect()),
            rules: decision.as_ref().map(|decision| decision.why.rules.clone()),
            why: decision.as_ref().map(|decision| decision.why.to_string()),
            targets: decision.as_ref().map(|decision| context.targets(decision)),
        }
    }
}

fn action_name(reason: Reason, goes_once_delivered: bool) -> &'static str {
    match Action::of(reason) {
        Action::Fetch if goes_once_delivered => "fetch_delete",
        Action::Fetch => "fetch",
        Action::FetchHeader => "fetch_header",
        Action::Delete => "delete",
        Action::Leave => "leave",
    }
}

fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::Unknown => "unknown",
        Reason::NotYetDelivered => "not_yet_delivered",
        Reason::Unproven => "unproven",
        Reason::AlreadyDelivered => "already_delivered",
        Reason::AmongNewest => "among_newest",
        Reason::Due => "due",
        Reason::Displaced => "displaced",
        Reason::TooLarge => "too_large",
        Reason::RemovedLocally => "removed_locally",
        Reason::DueButPartial => "due_but_partial",
        Reason::Held => "held",
        Reason::Untrusted => "untrusted",
        Reason::Oversize => "oversize",
        Reason::OversizeHeader => "oversize_header",
        Reason::Skipped => "skipped",
        Reason::LeftOut => "skipped_by_route",
        Reason::BackingOff => "backing_off",
        Reason::Troubled => "troubled",
        Reason::OverLimit => "over_limit",
    }
}

impl<'a> ProblemRecord<'a> {
    fn new(naming: Naming<'a>, problem: &'a Problem) -> Self {
        let told = human::single(problem, naming);
        let (name, uid, messages) = match problem {
            Problem::RetrRefused { uid, .. } => ("retr_refused", Some(uid), None),
            Problem::DeleRefused { .. } => ("dele_refused", None, None),
            Problem::QuitRejected { .. } => ("quit_rejected", None, None),
            Problem::Vanished { messages } => ("vanished", None, Some(*messages)),
            Problem::FetchedAgain { messages } => ("fetched_again", None, Some(*messages)),
            Problem::Held { messages, .. } => ("held", None, Some(*messages)),
            Problem::Damaged { .. } => ("damaged", None, Some(1)),
            Problem::Rejected { messages, .. } => ("rejected", None, Some(*messages)),
            Problem::Redelivered { messages, .. } => ("redelivered", None, Some(*messages)),
            Problem::InDoubt { messages, .. } => ("in_doubt", None, Some(*messages)),
            Problem::Untrusted { messages } => ("untrusted", None, Some(*messages)),
            Problem::TooBig { uid, .. } => ("too_big", Some(uid), None),
            Problem::Oversize { messages, .. } => ("oversize", None, Some(*messages)),
            Problem::Expires { .. } => ("expires", None, None),
            Problem::UnconfirmedRemovals { messages } => ("unconfirmed_removals", None, Some(*messages)),
            Problem::NotLookedThrough { .. } => ("not_looked_through", None, None),
            Problem::BackingOff { messages } => ("backing_off", None, Some(*messages)),
            Problem::QuitWithheld { messages } => ("quit_withheld", None, Some(*messages)),
            Problem::Unidentified { messages } => ("unidentified", None, Some(*messages)),
            Problem::PartialListing => ("partial_listing", None, None),
            Problem::Contradicted => ("contradicted", None, None),
        };
        Self {
            account: naming.account,
            problem: name,
            exit_code: problem.exit().code(),
            what: printable(&told.what),
            hint: told.hint.as_deref().map(printable),
            uid: uid.map(ToString::to_string),
            messages,
        }
    }
}

impl<'a> CheckRecord<'a> {
    /// What a check found.
    #[must_use]
    pub fn new(account: Option<&'a str>, finding: &Finding) -> Self {
        let Finding { area, verdict, what, causes, hint, exit } = finding;
        Self {
            account,
            area: area.name(),
            verdict: verdict.name(),
            what: printable(what),
            caused_by: causes.iter().map(|cause| printable(cause)).collect(),
            hint: hint.as_deref().map(printable),
            exit_code: exit.code(),
        }
    }
}

impl<'a> SummaryRecord<'a> {
    /// What an account's run did.
    #[must_use]
    pub fn new(account: &'a str, exit: Exit, summary: &Summary, dry_run: bool, milliseconds: u64) -> Self {
        let Summary {
            listed,
            planned,
            delivered,
            octets,
            deleted,
            unconfirmed,
            recognised,
            held,
            skipped,
            oversize,
            announced,
            known,
        } = *summary;
        Self {
            account,
            exit_code: exit.code(),
            dry_run,
            milliseconds,
            listed,
            planned,
            delivered,
            octets: octets.0,
            recognised,
            held,
            deleted,
            deletions_unconfirmed: unconfirmed,
            skipped,
            seen: known,
            oversize,
            announced,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use serde_json::Value;

    use super::super::finding::{Area, Verdict};
    use super::*;
    use crate::model::{Listed, MessageNumber, Octets, RowState, Timestamp, Uid};

    fn run() -> RunRecord {
        RunRecord {
            started_at: 1,
            ended_at: Some(2),
            exit_code: Some(0),
            listed: 3,
            delivered: 2,
            octets: 99,
            deleted: 1,
            error: None,
        }
    }

    fn naming() -> Naming<'static> {
        Naming { program: "fetchonce", account: "work" }
    }

    /// One of each type.
    fn samples() -> Vec<Record<'static>> {
        let account = "work";
        let uid = || "u".to_owned();
        let told = || ToldRecord {
            account: None,
            exit_code: 75,
            what: String::new(),
            caused_by: Vec::new(),
            state: None,
            hint: None,
        };
        let status = StatusRecord {
            last_run: Some(run()),
            due: vec![DueRecord { day: String::new(), messages: 1 }],
            alarms: vec![AlarmRecord { alarm: "held", what: String::new(), hint: String::new() }],
            ..StatusRecord::default()
        };
        let message = Message {
            account,
            number: 1,
            uid: uid(),
            size: None,
            state: "new",
            action: "fetch",
            reason: "unknown",
            delivered_at: None,
            due_at: None,
            route: Some(RouteRecord {
                headers: Some(vec![HeaderRecord { name: String::new(), value: String::new() }]),
                rules: None,
                why: None,
                targets: None,
            }),
        };
        vec![
            Record::Recovered { account, delivered: 1 },
            Record::Listed { account, messages: 1, complete: true },
            Record::Planned { account, to_fetch: 1, to_delete: 1 },
            Record::Message(message),
            Record::SkippedByRoute { account, uid: uid(), why: String::new() },
            Record::Delivered { account, uid: uid(), octets: 1 },
            Record::Announced { account, uid: uid() },
            Record::Recognised { account, uid: uid() },
            Record::Deleted { account, messages: 1 },
            Record::Problem(ProblemRecord::new(naming(), &Problem::PartialListing)),
            Record::Error(told()),
            Record::Warning(told()),
            Record::Summary(SummaryRecord::new(account, Exit::Fine, &Summary::default(), false, 0)),
            Record::Status(status),
            Record::Check(CheckRecord::new(None, &Finding::ok(Area::Clock, ""))),
            Record::End { exit_code: 0 },
        ]
    }

    /// `field` and, of an object or the objects of an array in it, `field.inner` and `field[].inner`.
    fn fields(prefix: &str, value: &Value, names: &mut BTreeSet<String>) {
        for (key, value) in value.as_object().unwrap() {
            names.insert(format!("{prefix}{key}"));
            match value {
                Value::Object(_) => fields(&format!("{prefix}{key}."), value, names),
                Value::Array(items) => {
                    items.iter().filter(|item| item.is_object()).for_each(|item| {
                        fields(&format!("{prefix}{key}[]."), item, names);
                    });
                }
                _ => {}
            }
        }
    }

    #[test]
    fn every_field_is_documented_and_nothing_else_is() {
        let page = include_str!("../../docs/reference/json.md");
        let mut documented: BTreeSet<String> = BTreeSet::new();
        let mut section = None;
        for line in page.lines() {
            if let Some(title) = line.strip_prefix("## ") {
                section = title.strip_prefix('`').and_then(|title| title.strip_suffix('`'));
            } else if let (Some(section), Some(row)) = (section, line.strip_prefix("| `")) {
                documented.insert(format!("{section}: {}", row.split('`').next().unwrap()));
            }
        }
        let mut printed: BTreeSet<String> = BTreeSet::new();
        for record in samples() {
            let value = serde_json::to_value(&record).unwrap();
            let mut names = BTreeSet::new();
            fields("", &value, &mut names);
            assert!(names.remove("type"), "{value}");
            printed.extend(names.iter().map(|name| format!("{}: {name}", value["type"].as_str().unwrap())));
        }
        assert_eq!(documented, printed);
    }

    #[test]
    fn the_words_of_each_enumeration_are_documented() {
        let page = include_str!("../../docs/reference/json.md");
        let reasons = [
            Reason::Unknown,
            Reason::NotYetDelivered,
            Reason::Unproven,
            Reason::AlreadyDelivered,
            Reason::AmongNewest,
            Reason::Due,
            Reason::Displaced,
            Reason::TooLarge,
            Reason::RemovedLocally,
            Reason::DueButPartial,
            Reason::Held,
            Reason::Untrusted,
            Reason::Oversize,
            Reason::OversizeHeader,
            Reason::Skipped,
            Reason::LeftOut,
            Reason::BackingOff,
            Reason::Troubled,
            Reason::OverLimit,
        ];
        for reason in reasons {
            for word in [reason_name(reason), action_name(reason, true), action_name(reason, false)] {
                assert!(page.contains(&format!("`{word}`")), "{word}");
            }
        }
        let uid = Uid::new(b"u").unwrap();
        let text = String::new;
        for problem in [
            Problem::RetrRefused { uid: uid.clone(), text: text() },
            Problem::DeleRefused { text: text() },
            Problem::QuitRejected { text: text() },
            Problem::Vanished { messages: 1 },
            Problem::FetchedAgain { messages: 1 },
            Problem::Held { target: text(), messages: 1, cause: text(), exit: Exit::Target },
            Problem::Damaged { path: text().into() },
            Problem::Rejected { target: text(), messages: 1, cause: text() },
            Problem::Redelivered { target: text(), messages: 1 },
            Problem::InDoubt { messages: 1, just_now: None },
            Problem::Untrusted { messages: 1 },
            Problem::TooBig { uid: uid.clone(), free: Octets(1), needed: Octets(2) },
            Problem::Oversize { messages: 1, most: Octets(1), no_header: None },
            Problem::Expires { days: 1 },
            Problem::UnconfirmedRemovals { messages: 1 },
            Problem::NotLookedThrough { cause: text(), exit: Exit::Target },
            Problem::BackingOff { messages: 1 },
            Problem::QuitWithheld { messages: 1 },
            Problem::Unidentified { messages: 1 },
            Problem::PartialListing,
            Problem::Contradicted,
        ] {
            let name = ProblemRecord::new(naming(), &problem).problem;
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
        for name in Area::ALL.map(Area::name).into_iter().chain(Verdict::ALL.map(Verdict::name)) {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn a_message_tells_when_it_is_due() {
        let listed = Listed { number: MessageNumber(3), uid: Uid::new(b"u").unwrap(), size: None };
        let decided = Decided {
            listed,
            reason: Reason::AlreadyDelivered,
            state: Some(RowState::Delivered),
            delivered_at: Some(Timestamp(50)),
            due_in: Some(std::time::Duration::from_secs(100)),
            goes_once_delivered: false,
        };
        let foreseen = HashMap::new();
        let context = Context { foreseen: &foreseen, targets: &[], explains: false, now: Timestamp(60) };
        let value = serde_json::to_value(Message::new("work", &decided, &context)).unwrap();
        assert_eq!((&value["due_at"], &value["delivered_at"]), (&160.into(), &50.into()));
        assert_eq!((&value["state"], &value["action"]), (&"delivered".into(), &"leave".into()));
    }

    /// What is no UTF-8 is marked and not mangled, and what a terminal would obey is escaped (I9).
    #[test]
    fn foreign_text_is_escaped() {
        let uid = Uid::new(b"a\\\xff\xc2\x9bb").unwrap();
        let event = Event::Recognised { uid: &uid };
        let line = serde_json::to_value(Record::of_event(naming(), &event)).unwrap();
        assert_eq!(line["uid"], "a\\\\\\xff\\u{9b}b");
        let told = Told::warning("a\x1b[2J\u{202e}", "h");
        let Record::Warning(record) = Record::of_told(None, Exit::Fine, &told) else { panic!("a warning") };
        assert_eq!(record.what, "a\\u{1b}[2J\\u{202e}");
    }
}
