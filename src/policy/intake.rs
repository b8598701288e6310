//! What a run takes from the server, in which order, and how much of it.

use std::time::Duration;

use crate::model::Octets;

/// The rules of an account. Without any of them a run takes everything, the oldest first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Intake {
    /// What comes first.
    pub order: Order,
    /// `max_size`: a larger message stays on the server unfetched.
    pub max_size: Option<Octets>,
    /// `oversize`: what is told of such a message.
    pub oversize: Oversize,
    /// `limit`: most messages of a run.
    pub messages: Option<u64>,
    /// `limit_bytes`: once a run has fetched so much, it begins no further message.
    pub octets: Option<Octets>,
    /// `limit_time`: once a run has taken so long, it begins no further message.
    pub time: Option<Duration>,
    /// `relogin`: after so many new messages, or so many deletions, a session ends and another one goes on.
    pub relogin: Option<u64>,
    /// `until_drained`: sessions follow one another until one lists nothing new.
    pub until_drained: bool,
}

/// What becomes of a message that is larger than what is to be fetched. It stays on the server in any case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Oversize {
    /// A report when it is listed first.
    #[default]
    Skip,
    /// Its header alone is delivered, once.
    Headers,
}

/// What a run fetches first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Order {
    /// The server's order.
    #[default]
    Oldest,
    /// The server's order backwards.
    Newest,
    /// By size; those of unknown size come last.
    Smallest,
}

impl Order {
    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oldest => "oldest",
            Self::Newest => "newest",
            Self::Smallest => "smallest",
        }
    }
}

/// What a run may still fetch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Budget {
    messages: Option<u64>,
    octets: Option<Octets>,
}

impl Budget {
    /// What a whole run may fetch.
    #[must_use]
    pub fn of(intake: &Intake) -> Self {
        Self { messages: intake.messages, octets: intake.octets }
    }

    /// Whether no further message is to be begun. One that is begun comes whole: a message larger than the limit would
    /// never come otherwise.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.messages == Some(0) || self.octets == Some(Octets(0))
    }

    /// A message of this size came.
    pub fn spend(&mut self, octets: Octets) {
        self.messages = self.messages.map(|left| left.saturating_sub(1));
        self.octets = self.octets.map(|left| Octets(left.0.saturating_sub(octets.0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many messages of these sizes come within the limits.
    fn within(messages: Option<u64>, octets: Option<u64>, sizes: &[u64]) -> usize {
        let mut budget = Budget::of(&Intake { messages, octets: octets.map(Octets), ..Intake::default() });
        let mut come = 0;
        while let Some(size) = sizes.get(come).filter(|_| !budget.is_spent()) {
            budget.spend(Octets(*size));
            come += 1;
        }
        come
    }

    #[test]
    fn limits_count_what_came_and_let_a_message_come_whole() {
        let sizes = [10, 10, 10, 10];
        for (messages, octets, expected) in [
            (None, None, 4),
            (Some(0), None, 0),
            (Some(3), None, 3),
            (Some(9), None, 4),
            (None, Some(0), 0),
            (None, Some(1), 1),
            (None, Some(10), 1),
            (None, Some(11), 2),
            (None, Some(40), 4),
            (Some(2), Some(35), 2),
            (Some(4), Some(15), 2),
        ] {
            assert_eq!(within(messages, octets, &sizes), expected, "{messages:?} {octets:?}");
        }
        assert_eq!(within(None, Some(5), &[u64::MAX, u64::MAX]), 1);
        // Sizes that the server does not tell use nothing up.
        assert_eq!(within(None, Some(5), &[0, 0, 0]), 3);
    }
}
