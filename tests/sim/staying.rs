//! What stays on the server, by the words of docs/concepts/retention.md: written apart from the program's rules, over a
//! maildrop in the order in which its mail arrived.

use fetchonce::demo::{Maildrop, Message};
use fetchonce::policy::{Keep, Retention};

/// Whether the rules keep a delivered message, whatever its age, among others of which some are delivered.
pub(crate) fn is_kept(
    rules: &Retention,
    maildrop: &Maildrop,
    at: usize,
    is_delivered: impl Fn(&Message) -> bool,
) -> bool {
    let is_large = |message: &Message| rules.larger_than.is_some_and(|most| message.octets() > most.0);
    let message = &maildrop.messages[at];
    let newer = || maildrop.messages[at + 1..].iter().filter(|newer| !is_large(newer) && is_delivered(newer));
    let together = message.octets() + newer().map(Message::octets).sum::<u64>();
    let keeps = [
        rules.keep == Keep::Forever,
        rules.newest.is_some_and(|most| (newer().count() as u64) < most),
        rules.newest_octets.is_some_and(|most| together <= most.0),
    ];
    !is_large(message) && keeps.contains(&true)
}

/// What is left and should not be, once everything is delivered and older than any rule asks for.
pub(crate) fn overstaying<'a>(rules: &Retention, maildrop: &'a Maildrop) -> Vec<&'a Message> {
    let all = maildrop.messages.iter().enumerate();
    all.filter(|(at, _)| !is_kept(rules, maildrop, *at, |_| true)).map(|(_, message)| message).collect()
}
