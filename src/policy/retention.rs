//! When a delivered message may leave the server.
//!
//! Two kinds of rules, told apart by their names: it is deleted once no `keep…` rule keeps it, or as soon as a
//! `delete_…` rule wants it.

use std::cmp::Reverse;
use std::fmt;
use std::time::Duration;

use crate::model::{ListingId, MessageNumber, Octets};

/// The rules of an account. Without any of them everything stays for ever.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Retention {
    /// `keep`: it stays at least so long.
    pub keep: Keep,
    /// `keep_newest`: it stays while it is one of so many newest ones.
    pub newest: Option<u64>,
    /// `keep_bytes`: it stays while it and all newer ones are together no larger.
    pub newest_octets: Option<Octets>,
    /// `delete_larger_than`: it goes if it is larger, whatever keeps it.
    pub larger_than: Option<Octets>,
}

/// How long a delivered message stays on the server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Keep {
    /// It is never deleted.
    #[default]
    Forever,
    /// This rule keeps nothing.
    None,
    /// It stays for this many times 24 hours after its delivery.
    Days(u32),
}

/// A delivered message of a complete listing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct OnServer {
    /// Its number.
    pub number: MessageNumber,
    /// Where it stands as to whether it stays: its number, or of several under one unique-id the highest of theirs, since
    /// which of them it is may be a guess.
    pub place: MessageNumber,
    /// The listing in which it first appeared.
    pub first_listed: ListingId,
    /// Its size.
    pub octets: Octets,
    /// Its credited age.
    pub age: Duration,
}

/// What the rules say of a delivered message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stay {
    /// It is never deleted.
    Forever,
    /// It is one of the newest ones.
    AmongNewest,
    /// It stays for so long, and not because it is new.
    For(Duration),
    /// It goes: kept long enough.
    Over,
    /// It goes: kept long enough, and no longer one of the newest ones.
    Displaced,
    /// It goes: too large.
    TooLarge,
    /// It goes: the user removed it from the Maildir. No rule of [`Retention`] says so.
    RemovedLocally,
}

impl Stay {
    /// Whether it may be deleted now.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Over | Self::Displaced | Self::TooLarge | Self::RemovedLocally)
    }

    /// How much longer it stays; `None` where no time says it.
    #[must_use]
    pub fn left(self) -> Option<Duration> {
        match self {
            Self::Forever | Self::AmongNewest => None,
            Self::For(left) => Some(left),
            Self::Over | Self::Displaced | Self::TooLarge | Self::RemovedLocally => Some(Duration::ZERO),
        }
    }
}

impl Retention {
    /// What becomes of each of the delivered messages of a listing, all of them given.
    #[must_use]
    pub fn stays(&self, delivered: &[OnServer]) -> Vec<Stay> {
        let newest = self.newest_of(delivered);
        delivered.iter().zip(newest).map(|(message, is_newest)| self.stay(message, is_newest)).collect()
    }

    fn stay(&self, message: &OnServer, is_newest: bool) -> Stay {
        match self.keep.due_in(message.age) {
            _ if self.is_too_large(message.octets) => Stay::TooLarge,
            None => Stay::Forever,
            _ if is_newest => Stay::AmongNewest,
            Some(Duration::ZERO) if self.keeps_newest() => Stay::Displaced,
            Some(Duration::ZERO) => Stay::Over,
            Some(left) => Stay::For(left),
        }
    }

    /// Which ones `keep_newest` and `keep_bytes` keep.
    ///
    /// The newest are the last ones of the listing, for servers number mail as it arrives. Where that contradicts the order
    /// in which messages first appeared, those that are the newest by either order stay: a server that counts backwards,
    /// or shows old mail late, must not cost new mail its place.
    fn newest_of(&self, delivered: &[OnServer]) -> Vec<bool> {
        if !self.keeps_newest() {
            return vec![false; delivered.len()];
        }
        let by_listing = self.newest_by(delivered, |_| ListingId(0));
        let by_appearance = self.newest_by(delivered, |message| message.first_listed);
        by_listing.into_iter().zip(by_appearance).map(|(listing, appearance)| listing || appearance).collect()
    }

    fn newest_by(&self, delivered: &[OnServer], first: fn(&OnServer) -> ListingId) -> Vec<bool> {
        // What goes in any case takes no place.
        let mut newest_first: Vec<&OnServer> =
            delivered.iter().filter(|message| !self.is_too_large(message.octets)).collect();
        newest_first.sort_by_key(|message| Reverse((first(message), message.number)));
        let add = |sum: &mut u64, message: &&OnServer| {
            *sum = sum.saturating_add(message.octets.0);
            Some(*sum)
        };
        let sums: Vec<u64> = std::iter::once(0).chain(newest_first.iter().scan(0, add)).collect();
        let is_newest = |message: &OnServer| {
            let newer =
                newest_first.partition_point(|newer| (first(newer), newer.number) > (first(message), message.place));
            let octets = sums.get(newer).copied().unwrap_or(0).saturating_add(message.octets.0);
            self.newest.is_some_and(|most| (newer as u64) < most)
                || self.newest_octets.is_some_and(|most| octets <= most.0)
        };
        delivered.iter().map(is_newest).collect()
    }

    fn is_too_large(&self, octets: Octets) -> bool {
        self.larger_than.is_some_and(|most| octets > most)
    }

    fn keeps_newest(&self) -> bool {
        self.newest.is_some() || self.newest_octets.is_some()
    }

    /// Whether a message may stay longer than so many days, its last one included.
    #[must_use]
    pub fn outlasts(&self, days: u64) -> bool {
        self.keeps_newest()
            || match self.keep {
                Keep::Forever => true,
                Keep::None => false,
                Keep::Days(kept) => u64::from(kept) >= days,
            }
    }

    /// Whether nothing is ever deleted.
    #[must_use]
    pub fn is_forever(&self) -> bool {
        self.keep == Keep::Forever && self.larger_than.is_none()
    }
}

impl Keep {
    /// How much longer a message of this credited age stays: nothing once it may be deleted, and `None` for ever.
    #[must_use]
    pub fn due_in(self, age: Duration) -> Option<Duration> {
        match self {
            Self::Forever => None,
            Self::None => Some(Duration::ZERO),
            Self::Days(days) => Some(Duration::from_secs(u64::from(days) * 24 * 3600).saturating_sub(age)),
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forever => f.write_str("forever"),
            Self::None => f.write_str("none"),
            Self::Days(1) => f.write_str("1 day"),
            Self::Days(days) => write!(f, "{days} days"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn days_count_whole_days_of_credited_age() {
        let almost = Duration::from_secs(14 * 24 * 3600 - 1);
        assert_eq!(Keep::Days(14).due_in(almost), Some(Duration::from_secs(1)));
        assert_eq!(Keep::Days(14).due_in(almost + Duration::from_secs(1)), Some(Duration::ZERO));
        assert_eq!(Keep::Days(14).due_in(Duration::MAX), Some(Duration::ZERO));
        assert_eq!(Keep::None.due_in(Duration::ZERO), Some(Duration::ZERO));
        assert_eq!(Keep::Forever.due_in(Duration::MAX), None);
    }

    /// Messages in the order of their listing, first seen in that order too, each given as its octets and age in days.
    fn listed(messages: &[(u64, u32)]) -> Vec<OnServer> {
        let message = |(number, (octets, days)): (u32, &(u64, u32))| OnServer {
            number: MessageNumber(number),
            place: MessageNumber(number),
            first_listed: ListingId(number.into()),
            octets: Octets(*octets),
            age: DAY * *days,
        };
        (1..).zip(messages).map(message).collect()
    }

    fn rules(keep: Keep, newest: Option<u64>, octets: Option<u64>, larger_than: Option<u64>) -> Retention {
        let (newest_octets, larger_than) = (octets.map(Octets), larger_than.map(Octets));
        Retention { keep, newest, newest_octets, larger_than }
    }

    /// `k`ept for ever, `n`ewest, a number of days, `o`ver, `d`isplaced, `l`arge.
    fn shown(stays: &[Stay]) -> String {
        let one = |stay: &Stay| match stay {
            Stay::Forever => "k".to_owned(),
            Stay::AmongNewest => "n".to_owned(),
            Stay::For(left) => (left.as_secs() / DAY.as_secs()).to_string(),
            Stay::Over => "o".to_owned(),
            Stay::Displaced => "d".to_owned(),
            Stay::TooLarge => "l".to_owned(),
            Stay::RemovedLocally => "r".to_owned(),
        };
        stays.iter().map(one).collect()
    }

    #[test]
    fn each_rule_that_keeps_keeps_and_each_that_deletes_deletes() {
        use Keep::{Days, Forever, None as Nothing};
        // The oldest first; in days 9, 5, 1 and 0.
        let mail = [(10, 9), (30, 5), (20, 1), (10, 0)];
        for (retention, expected) in [
            (rules(Forever, None, None, None), "kkkk"),
            (rules(Nothing, None, None, None), "oooo"),
            (rules(Days(5), None, None, None), "oo45"),
            (rules(Days(6), None, None, None), "o156"),
            (rules(Nothing, Some(2), None, None), "ddnn"),
            (rules(Nothing, Some(4), None, None), "nnnn"),
            (rules(Nothing, Some(u64::MAX), None, None), "nnnn"),
            (rules(Nothing, Some(0), None, None), "dddd"),
            // A minimum age holds back what would be displaced.
            (rules(Days(6), Some(1), None, None), "d15n"),
            (rules(Days(6), Some(3), None, None), "dnnn"),
            // By octets: exactly as many, one less, none; and one large one ends it.
            (rules(Nothing, None, Some(30), None), "ddnn"),
            (rules(Nothing, None, Some(29), None), "dddn"),
            (rules(Nothing, None, Some(59), None), "ddnn"),
            (rules(Nothing, None, Some(60), None), "dnnn"),
            (rules(Nothing, None, Some(0), None), "dddd"),
            // Either keeps it.
            (rules(Nothing, Some(3), Some(30), None), "dnnn"),
            (rules(Nothing, Some(1), Some(30), None), "ddnn"),
            // What is too large goes, whatever keeps it; as large is not too large.
            (rules(Forever, None, None, Some(20)), "klkk"),
            (rules(Forever, None, None, Some(30)), "kkkk"),
            (rules(Nothing, Some(2), None, Some(20)), "dlnn"),
            // What goes in any case takes no place among the newest.
            (rules(Nothing, Some(2), None, Some(19)), "nlln"),
            (rules(Nothing, None, Some(20), Some(19)), "nlln"),
            (rules(Forever, None, None, Some(0)), "llll"),
        ] {
            assert_eq!(shown(&retention.stays(&listed(&mail))), expected, "{retention:?}");
        }
    }

    /// RFC 2449 §6.7: a server guarantees so many days from the arrival, and `keep` counts from the delivery, which is later.
    #[test]
    fn what_is_to_stay_longer_than_the_server_guarantees_is_known() {
        use Keep::{Days, Forever, None as Nothing};
        for (retention, days, outlasts) in [
            (rules(Forever, None, None, None), 0, true),
            (rules(Forever, None, None, None), u64::MAX, true),
            (rules(Forever, None, None, Some(20)), 30, true),
            (rules(Nothing, None, None, None), 0, false),
            (rules(Nothing, None, None, Some(20)), 0, false),
            (rules(Nothing, Some(5), None, None), 30, true),
            (rules(Nothing, None, Some(5), None), 30, true),
            (rules(Days(14), None, None, None), 0, true),
            (rules(Days(14), None, None, None), 13, true),
            (rules(Days(14), None, None, None), 14, true),
            (rules(Days(14), None, None, None), 15, false),
            (rules(Days(u32::MAX), None, None, None), u64::MAX, false),
        ] {
            assert_eq!(retention.outlasts(days), outlasts, "{retention:?} {days}");
        }
    }

    #[test]
    fn a_message_without_a_size_takes_no_room() {
        let mail = listed(&[(1, 0), (0, 0), (0, 0)]);
        assert_eq!(shown(&rules(Keep::None, None, Some(0), None).stays(&mail)), "dnn");
        let endless = listed(&[(0, 0), (u64::MAX, 0), (u64::MAX, 0)]);
        assert_eq!(shown(&rules(Keep::None, None, Some(u64::MAX), None).stays(&endless)), "nnn");
    }

    /// What of several under one unique-id is which is a guess: they stay or go together.
    #[test]
    fn copies_of_one_unique_id_stay_or_go_together() {
        let mut mail = listed(&[(10, 0), (10, 0), (10, 0), (10, 0)]);
        (mail[1].place, mail[1].first_listed) = (mail[2].place, mail[2].first_listed);
        assert_eq!(shown(&rules(Keep::None, Some(1), None, None).stays(&mail)), "dddn");
        assert_eq!(shown(&rules(Keep::None, Some(2), None, None).stays(&mail)), "dnnn");
        assert_eq!(shown(&rules(Keep::None, None, Some(19), None).stays(&mail)), "dddn");
        assert_eq!(shown(&rules(Keep::None, None, Some(20), None).stays(&mail)), "dnnn");
        // They take no place from one that lies between them.
        let mut mail = listed(&[(10, 0), (10, 0), (10, 0)]);
        mail[0].place = mail[2].place;
        assert_eq!(shown(&rules(Keep::None, Some(2), None, None).stays(&mail)), "nnn");
    }

    #[test]
    fn what_is_newest_by_either_order_stays() {
        // A server that counts backwards: what it lists last appeared first.
        let mut mail = listed(&[(1, 0), (1, 0), (1, 0), (1, 0), (1, 0)]);
        for (message, first_listed) in mail.iter_mut().zip((1..=5).rev()) {
            message.first_listed = ListingId(first_listed);
        }
        assert_eq!(shown(&rules(Keep::None, Some(2), None, None).stays(&mail)), "nndnn");
        // All of them first seen together: the listing alone counts.
        for message in &mut mail {
            message.first_listed = ListingId(1);
        }
        assert_eq!(shown(&rules(Keep::None, Some(2), None, None).stays(&mail)), "dddnn");
    }

    proptest! {
        #[test]
        fn the_newest_always_stay_and_nothing_else_is_kept_by_them(
            mail in proptest::collection::vec((0_u64..50, 0_u32..5, 1_i64..4), 0..12),
            most in 0_u64..8,
            most_octets in 0_u64..200,
        ) {
            let mut messages = listed(&mail.iter().map(|(octets, days, _)| (*octets, *days)).collect::<Vec<_>>());
            let by_messages = rules(Keep::None, Some(most), None, None);
            let by_octets = rules(Keep::None, None, Some(most_octets), None);
            for (at, message) in messages.iter().enumerate() {
                let newer = &messages[at + 1..];
                let stays = (newer.len() as u64) < most;
                prop_assert_eq!(by_messages.stays(&messages)[at].is_over(), !stays);
                let together = newer.iter().map(|newer| newer.octets.0).sum::<u64>() + message.octets.0;
                prop_assert_eq!(by_octets.stays(&messages)[at].is_over(), together > most_octets);
            }
            // Another order of appearance keeps more, and never less.
            let before: Vec<bool> = by_messages.stays(&messages).iter().map(|stay| stay.is_over()).collect();
            for (message, (_, _, first_listed)) in messages.iter_mut().zip(&mail) {
                message.first_listed = ListingId(*first_listed);
            }
            let after = by_messages.stays(&messages);
            prop_assert!(after.iter().zip(&before).all(|(after, before)| !after.is_over() || *before));
        }
    }
}
