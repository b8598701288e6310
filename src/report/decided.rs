//! One line a message: what is known of it, what becomes of it, and why.

use std::collections::HashMap;

use super::calendar::day;
use super::human::{counted, printable};
use crate::model::{MessageNumber, Octets, RowState, Target, Timestamp};
use crate::plan::{Decided, Plan, Reason};
use crate::route::{self, Foreseen, Route};

/// What is told of a plan's messages besides the plan.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What the account's rules make of them.
    pub foreseen: &'a HashMap<MessageNumber, Foreseen>,
    /// The account's targets.
    pub targets: &'a [Target],
    /// Whether each message is followed by where it goes and why.
    pub explains: bool,
    /// The time.
    pub now: Timestamp,
}

impl Context<'_> {
    /// What the rules make of a message.
    pub(super) fn of(&self, decided: &Decided) -> Option<&Foreseen> {
        self.foreseen.get(&decided.listed.number)
    }

    /// The targets of a message, as the configuration names them, with the recipient that a route gave.
    pub(super) fn targets(&self, decision: &route::Decision) -> Vec<String> {
        let Route::Deliver(deliveries) = &decision.route else { return Vec::new() };
        let name = |delivery: &route::Delivery| {
            let target = self.targets.get(delivery.target)?;
            let for_whom = delivery.recipient.iter().map(|address| format!(" for {address}"));
            Some(printable(&[target.to_string()].into_iter().chain(for_whom).collect::<String>()))
        };
        deliveries.iter().filter_map(name).collect()
    }
}

/// What becomes of a listed message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// It is retrieved.
    Fetch,
    /// Its header alone is retrieved.
    FetchHeader,
    /// It is deleted on the server.
    Delete,
    /// It stays as it is.
    Leave,
}

impl Action {
    /// What a reason leads to.
    #[must_use]
    pub fn of(reason: Reason) -> Self {
        match reason {
            Reason::Unknown | Reason::NotYetDelivered | Reason::Unproven | Reason::Troubled => Self::Fetch,
            Reason::OversizeHeader => Self::FetchHeader,
            Reason::Due | Reason::Displaced | Reason::TooLarge | Reason::RemovedLocally => Self::Delete,
            Reason::AlreadyDelivered
            | Reason::AmongNewest
            | Reason::DueButPartial
            | Reason::Held
            | Reason::Oversize
            | Reason::Untrusted
            | Reason::Skipped
            | Reason::LeftOut
            | Reason::BackingOff
            | Reason::OverLimit => Self::Leave,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::FetchHeader => "header",
            Self::Delete => "delete",
            Self::Leave => "leave",
        }
    }
}

/// The lines of all messages of a plan.
#[must_use]
pub fn lines(account: &str, plan: &Plan, context: &Context<'_>) -> String {
    let mut lines = String::new();
    for decided in &plan.decided {
        lines.push_str(&line(account, decided, context));
        if let Some(foreseen) = context.of(decided).filter(|_| context.explains) {
            lines.push_str(&explanation(account, decided, foreseen, context));
        }
    }
    lines
}

/// What was seen of a message, what made it go where it goes, and where that is: a line for each.
fn explanation(account: &str, decided: &Decided, foreseen: &Foreseen, context: &Context<'_>) -> String {
    let mut parts = match &foreseen.fields {
        Some(fields) if fields.is_empty() => vec!["none of the header fields that matter".to_owned()],
        Some(fields) => fields.iter().map(|field| format!("{}: {}", field.name, field.value)).collect(),
        None => vec!["its header is not known before it is fetched".to_owned()],
    };
    if let Some(decision) = foreseen.decision.as_ref().filter(|_| decided.reason != Reason::LeftOut) {
        parts.push(decision.why.to_string());
        parts.extend(context.targets(decision).iter().map(|target| format!("to {target}")));
    }
    parts.iter().flat_map(|part| [account, "      ", part, "\n"]).collect()
}

/// `12 messages (3.4 MiB) on the server: 2 to fetch, 1 to delete`.
#[must_use]
pub fn summary(plan: &Plan) -> String {
    let of = |action| plan.decided.iter().filter(|decided| Action::of(decided.reason) == action).count();
    let octets =
        plan.decided.iter().map(|decided| decided.listed.size.unwrap_or_default().0).fold(0, u64::saturating_add);
    let headers = match of(Action::FetchHeader) {
        0 => String::new(),
        headers => format!(", {headers} to announce by header"),
    };
    format!(
        "{} ({}) on the server: {} to fetch{headers}, {} to delete",
        counted(plan.decided.len()),
        Octets(octets),
        of(Action::Fetch),
        of(Action::Delete)
    )
}

fn line(account: &str, decided: &Decided, context: &Context<'_>) -> String {
    let action = Action::of(decided.reason);
    let size = decided.listed.size.map_or("?".to_owned(), |size| size.to_string());
    let state = state_name(decided.state, decided.reason);
    let (action_word, uid) = (action.word(), &decided.listed.uid);
    let then = if decided.goes_once_delivered { "; deleted once delivered" } else { "" };
    format!("{account}  {state:9}  {action_word:6}  {size:>10}  {uid}  {}{then}\n", why(decided, context))
}

/// One word for what is known of a message.
pub(super) fn state_name(state: Option<RowState>, reason: Reason) -> &'static str {
    match state {
        _ if reason == Reason::Unproven => "unproven",
        None | Some(RowState::New) => "new",
        Some(RowState::Intent) => "interrupted",
        Some(RowState::Held) => "held",
        Some(RowState::Delivered) => "delivered",
        Some(RowState::Untrusted) => "untrusted",
        Some(RowState::Skipped) => "skipped",
    }
}

fn why(decided: &Decided, context: &Context<'_>) -> String {
    let rule = || context.of(decided).and_then(|foreseen| foreseen.decision.as_ref());
    let why = match decided.reason {
        Reason::LeftOut => return rule().map_or("skipped".to_owned(), |rule| format!("skipped by {}", rule.why)),
        Reason::Unknown => "never seen before",
        Reason::NotYetDelivered => "listed before, not delivered yet",
        Reason::Unproven => "its content tells whether it was delivered before",
        Reason::AlreadyDelivered => match decided.due_in {
            Some(due_in) => return format!("due {}", day(context.now.after(due_in))),
            None => "kept for ever",
        },
        Reason::AmongNewest => "among the newest that stay",
        Reason::Due => "kept long enough",
        Reason::Displaced => "older than the newest that stay",
        Reason::TooLarge => "larger than `delete_larger_than`",
        Reason::RemovedLocally => "removed from the Maildir",
        Reason::DueButPartial => "due, but the listing is incomplete",
        Reason::Held => "waits in the held Maildir",
        Reason::Untrusted => "what the disk holds of it is not known",
        Reason::Oversize => "larger than `max_size`",
        Reason::OversizeHeader => "larger than `max_size`: the header alone",
        Reason::Skipped => "given up by `seen skip`",
        Reason::BackingOff => "it broke sessions before, and waits for its next try",
        Reason::Troubled => "it broke sessions before: last, in a session of its own",
        Reason::OverLimit => "over the limit of this run",
    };
    why.to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::header::Header;
    use crate::model::{Listed, Uid};
    use crate::route::{Action, Choice, Pattern, Routes, Rule};

    fn decided(uid: &[u8], size: Option<u64>, reason: Reason, state: Option<RowState>) -> Decided {
        let listed = Listed { number: MessageNumber(1), uid: Uid::new(uid).unwrap(), size: size.map(Octets) };
        Decided { listed, reason, state, delivered_at: None, due_in: None, goes_once_delivered: false }
    }

    #[test]
    fn a_plan_is_one_line_a_message() {
        let kept = decided(b"b\x1b", None, Reason::AlreadyDelivered, Some(RowState::Delivered));
        let later = Decided { due_in: Some(Duration::from_secs(3 * 86_400)), ..kept.clone() };
        let fresh = Decided { goes_once_delivered: true, ..decided(b"a", Some(2048), Reason::Unknown, None) };
        let plan = Plan { decided: vec![fresh, kept, later], ..Plan::default() };
        let noon = Timestamp(20_000 * 86_400 + 12 * 3600);
        let due = day(noon.after(Duration::from_secs(3 * 86_400)));
        let foreseen = HashMap::new();
        let context = Context { foreseen: &foreseen, targets: &[], explains: false, now: noon };
        assert_eq!(
            lines("work", &plan, &context),
            format!(
                "work  new        fetch      2.0 KiB  a  never seen before; deleted once delivered\n\
                 work  delivered  leave            ?  b\\u{{1b}}  kept for ever\n\
                 work  delivered  leave            ?  b\\u{{1b}}  due {due}\n"
            )
        );
        assert_eq!(summary(&plan), "3 messages (2.0 KiB) on the server: 1 to fetch, 0 to delete");
    }

    #[test]
    fn an_explanation_is_what_was_seen_and_where_it_leads() {
        let message = |number, reason| Decided {
            listed: Listed { number: MessageNumber(number), uid: Uid::new(b"a").unwrap(), size: None },
            ..decided(b"a", None, reason, None)
        };
        let (fetched, left, unseen) =
            (message(1, Reason::Unknown), message(2, Reason::LeftOut), message(3, Reason::Unknown));
        let recipients = vec![Pattern::whole("*@example.com")];
        let action = Action::Deliver(vec![Choice { target: 1, wants_recipient: false }]);
        let rules = vec![
            Rule { larger_than: Some(Octets(5 << 20)), ..Rule::default() },
            Rule { recipients, action, ..Rule::default() },
        ];
        let routes = Routes::new(rules, vec![0], vec!["X-For".to_owned()]);
        let header = Header::parse(b"x-for: <a@example.com>\nSubject: s\n\n");
        let foreseen = HashMap::from([
            (MessageNumber(1), routes.foresee(&header, None)),
            (MessageNumber(2), routes.foresee(&Header::default(), Some(Octets(6 << 20)))),
            (MessageNumber(3), routes.foresee_without_header(None)),
        ]);
        let targets = [Target::maildir("/all"), Target::maildir("/a")];
        let plan = Plan { decided: vec![fetched, left, unseen], ..Plan::default() };
        let context = |explains| Context { foreseen: &foreseen, targets: &targets, explains, now: Timestamp(0) };
        assert_eq!(
            lines("work", &plan, &context(true)),
            "work  new        fetch            ?  a  never seen before\n\
             work      X-For: <a@example.com>\n\
             work      route 2: X-For: a@example.com\n\
             work      to maildir:/a\n\
             work  new        leave            ?  a  skipped by route 1: size 6.0 MiB\n\
             work      none of the header fields that matter\n\
             work  new        fetch            ?  a  never seen before\n\
             work      its header is not known before it is fetched\n"
        );
        assert_eq!(lines("work", &plan, &context(false)).lines().count(), 3);
    }
}
