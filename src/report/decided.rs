//! One line a message: what is known of it, what becomes of it, and why.

use super::calendar::day;
use super::human::counted;
use crate::model::{Octets, RowState, Timestamp};
use crate::plan::{Decided, Plan, Reason};

/// What becomes of a listed message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// It is retrieved.
    Fetch,
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
            Reason::Due => Self::Delete,
            Reason::AlreadyDelivered
            | Reason::DueButPartial
            | Reason::Held
            | Reason::Untrusted
            | Reason::Skipped
            | Reason::BackingOff
            | Reason::OverLimit => Self::Leave,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Delete => "delete",
            Self::Leave => "leave",
        }
    }
}

/// The lines of all messages of a plan. `deletes_at_once` is `keep = "none"`.
#[must_use]
pub fn lines(account: &str, plan: &Plan, deletes_at_once: bool, now: Timestamp) -> String {
    plan.decided.iter().map(|decided| line(account, decided, deletes_at_once, now)).collect()
}

/// `12 messages (3.4 MiB) on the server: 2 to fetch, 1 to delete`.
#[must_use]
pub fn summary(plan: &Plan) -> String {
    let of = |action| plan.decided.iter().filter(|decided| Action::of(decided.reason) == action).count();
    let octets =
        plan.decided.iter().map(|decided| decided.listed.size.unwrap_or_default().0).fold(0, u64::saturating_add);
    format!(
        "{} ({}) on the server: {} to fetch, {} to delete",
        counted(plan.decided.len()),
        Octets(octets),
        of(Action::Fetch),
        of(Action::Delete)
    )
}

fn line(account: &str, decided: &Decided, deletes_at_once: bool, now: Timestamp) -> String {
    let action = Action::of(decided.reason);
    let size = decided.listed.size.map_or("?".to_owned(), |size| size.to_string());
    let state = state_name(decided.state, decided.reason);
    let (action_word, uid) = (action.word(), &decided.listed.uid);
    let then = if action == Action::Fetch && deletes_at_once { "; deleted once delivered" } else { "" };
    format!("{account}  {state:9}  {action_word:6}  {size:>10}  {uid}  {}{then}\n", why(decided, now))
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

fn why(decided: &Decided, now: Timestamp) -> String {
    let why = match decided.reason {
        Reason::Unknown => "never seen before",
        Reason::NotYetDelivered => "listed before, not delivered yet",
        Reason::Unproven => "its content tells whether it was delivered before",
        Reason::AlreadyDelivered => match decided.due_in {
            Some(due_in) => return format!("due {}", day(now.after(due_in))),
            None => "kept for ever",
        },
        Reason::Due => "kept long enough",
        Reason::DueButPartial => "due, but the listing is incomplete",
        Reason::Held => "waits for the Maildir to take it",
        Reason::Untrusted => "what the disk holds of it is not known",
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
    use crate::model::{Listed, MessageNumber, Uid};

    fn decided(uid: &[u8], size: Option<u64>, reason: Reason, state: Option<RowState>) -> Decided {
        let listed = Listed { number: MessageNumber(1), uid: Uid::new(uid).unwrap(), size: size.map(Octets) };
        Decided { listed, reason, state, delivered_at: None, due_in: None }
    }

    #[test]
    fn a_plan_is_one_line_a_message() {
        let kept = decided(b"b\x1b", None, Reason::AlreadyDelivered, Some(RowState::Delivered));
        let later = Decided { due_in: Some(Duration::from_secs(3 * 86_400)), ..kept.clone() };
        let fresh = decided(b"a", Some(2048), Reason::Unknown, None);
        let plan = Plan { decided: vec![fresh, kept, later], ..Plan::default() };
        let noon = Timestamp(20_000 * 86_400 + 12 * 3600);
        let due = day(noon.after(Duration::from_secs(3 * 86_400)));
        assert_eq!(
            lines("work", &plan, true, noon),
            format!(
                "work  new        fetch      2.0 KiB  a  never seen before; deleted once delivered\n\
                 work  delivered  leave            ?  b\\u{{1b}}  kept for ever\n\
                 work  delivered  leave            ?  b\\u{{1b}}  due {due}\n"
            )
        );
        assert_eq!(summary(&plan), "3 messages (2.0 KiB) on the server: 1 to fetch, 0 to delete");
    }
}
