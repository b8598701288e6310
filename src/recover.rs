//! What a crash left of a delivery, and what to do about it: the recovery rules as pure tables.
//!
//! The order of a Maildir delivery is: sync the file, sync `tmp/`, commit INTENT, rename, sync `new/` and `cur/`, commit
//! DELIVERED. So a row that is still INTENT was durable in `tmp/` when it was committed, and whatever is missing now was
//! renamed or taken away since. An exhaustive model of one message under kills and power cuts at every step, with a mail
//! reader moving and deleting files meanwhile, shows no loss and no duplicate for this table.

use std::time::Duration;

use crate::model::{DeliveryId, Timestamp, limits};

/// What lies under the names of an INTENT row, by inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// In `tmp/`.
    pub tmp: Option<u64>,
    /// In `new/`, `cur/` or a sibling folder, whatever a reader appended to the name.
    pub placed: Option<u64>,
}

/// What to do with an INTENT row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resolution {
    /// Renamed but not recorded: sync `new/` and `cur/` again (the rename may be in memory only), then DELIVERED.
    SyncThenDelivered,
    /// Not renamed: rename, sync, DELIVERED.
    RenameThenDelivered,
    /// Both names of one file, on a file system without atomic rename: unlink `tmp/`'s, sync, DELIVERED.
    UnlinkThenDelivered,
    /// A reader moved or deleted it after the rename: DELIVERED.
    TakenAway,
    /// Nowhere, and so old that a cleaner of `tmp/` may have taken it: fetch again, and say so.
    FetchAgain,
    /// Two different files under the two names: nothing is safe to assume.
    Conflict,
}

/// The recovery table. A negative age (the clock went back) counts as old.
#[must_use]
pub fn resolve(found: Found, intent_at: Timestamp, now: Timestamp) -> Resolution {
    match (found.tmp, found.placed) {
        (None, Some(_)) => Resolution::SyncThenDelivered,
        (Some(_), None) => Resolution::RenameThenDelivered,
        (Some(tmp), Some(placed)) if tmp == placed => Resolution::UnlinkThenDelivered,
        (Some(_), Some(_)) => Resolution::Conflict,
        (None, None) => match u64::try_from(now.0.saturating_sub(intent_at.0)) {
            Ok(age) if Duration::from_secs(age) < limits::INTENT_TRUSTED => Resolution::TakenAway,
            _ => Resolution::FetchAgain,
        },
    }
}

/// What lies in a file where octets were to be appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FoundRange {
    /// Whether the file is the one of the INTENT, and no other put in its place.
    pub is_same_file: bool,
    /// Whether what lies before is as it was.
    pub is_intact_before: bool,
    /// What lies from there on.
    pub tail: Tail,
}

/// What lies from the place on where octets were to be appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tail {
    /// Nothing: the file ends there.
    Nothing,
    /// All of them, and maybe more.
    Whole,
    /// A part of them, or what a power cut made of it, and nothing else.
    Begun,
    /// Something else.
    Other,
}

/// What to do about octets that were to be appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RangeResolution {
    /// Appended and not recorded: sync (they may be in memory only), then DELIVERED.
    SyncThenDelivered,
    /// Not begun: append again.
    NotDelivered,
    /// Begun: cut the file there, sync, append again.
    CutThenNotDelivered,
    /// Other programs wrote there since: look for the message from there on. Without it, append again and say so.
    SearchAfter,
    /// Other programs rewrote the file: look for the message in all of it. Without it, append again and say so.
    SearchAll,
}

/// The recovery table of an append.
#[must_use]
pub fn resolve_range(found: FoundRange) -> RangeResolution {
    match (found.is_intact_before, found.tail, found.is_same_file) {
        (false, _, _) => RangeResolution::SearchAll,
        (true, Tail::Whole, _) => RangeResolution::SyncThenDelivered,
        (true, Tail::Begun, _) => RangeResolution::CutThenNotDelivered,
        (true, Tail::Nothing, true) => RangeResolution::NotDelivered,
        // A reader may have put a file without the message in the place of the one that had it.
        (true, Tail::Nothing, false) | (true, Tail::Other, _) => RangeResolution::SearchAfter,
    }
}

/// The target to probe: the one recorded with the INTENT, whatever the configuration names now.
#[must_use]
pub fn target_to_probe<T>(recorded: T, _configured: T) -> T {
    recorded
}

/// The files in `tmp/` that may be removed: this index's own, and named by no INTENT (I10).
#[must_use]
pub fn stale<'a>(names: &'a [String], own_mark: &str, intents: &[DeliveryId]) -> Vec<&'a str> {
    let promised = |name: &str| intents.iter().any(|intent| intent.0 == unique_part(name));
    names.iter().map(String::as_str).filter(|name| name.contains(own_mark) && !promised(name)).collect()
}

/// A file name up to the first `,` or `:`: readers append `,U=…` and `:2,S`.
#[must_use]
pub fn unique_part(name: &str) -> &str {
    name.split([',', ':']).next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;

    #[test]
    fn the_table_is_whole() {
        let found = |tmp, placed| Found { tmp, placed };
        let young = |found| resolve(found, Timestamp(1000), Timestamp(1000 + DAY - 1));
        assert_eq!(young(found(None, Some(1))), Resolution::SyncThenDelivered);
        assert_eq!(young(found(Some(1), None)), Resolution::RenameThenDelivered);
        assert_eq!(young(found(Some(1), Some(1))), Resolution::UnlinkThenDelivered);
        assert_eq!(young(found(Some(1), Some(2))), Resolution::Conflict);
        assert_eq!(young(found(None, None)), Resolution::TakenAway);
    }

    #[test]
    fn an_old_or_future_intent_without_a_file_is_fetched_again() {
        let nowhere = Found::default();
        assert_eq!(resolve(nowhere, Timestamp(0), Timestamp(DAY)), Resolution::FetchAgain);
        assert_eq!(resolve(nowhere, Timestamp(10), Timestamp(9)), Resolution::FetchAgain);
        assert_eq!(resolve(nowhere, Timestamp(0), Timestamp(DAY - 1)), Resolution::TakenAway);
        // A file that is there decides whatever its age.
        let placed = Found { tmp: None, placed: Some(1) };
        assert_eq!(resolve(placed, Timestamp(10), Timestamp(9)), Resolution::SyncThenDelivered);
    }

    #[test]
    fn the_table_of_an_append_is_whole() {
        use RangeResolution::{CutThenNotDelivered, NotDelivered, SearchAfter, SearchAll, SyncThenDelivered};
        for (is_intact_before, tail, same, another) in [
            (true, Tail::Whole, SyncThenDelivered, SyncThenDelivered),
            (true, Tail::Begun, CutThenNotDelivered, CutThenNotDelivered),
            (true, Tail::Nothing, NotDelivered, SearchAfter),
            (true, Tail::Other, SearchAfter, SearchAfter),
            (false, Tail::Whole, SearchAll, SearchAll),
            (false, Tail::Begun, SearchAll, SearchAll),
            (false, Tail::Nothing, SearchAll, SearchAll),
            (false, Tail::Other, SearchAll, SearchAll),
        ] {
            let resolve = |is_same_file| resolve_range(FoundRange { is_same_file, is_intact_before, tail });
            assert_eq!((resolve(true), resolve(false)), (same, another), "{is_intact_before} {tail:?}");
        }
    }

    #[test]
    fn only_own_files_without_an_intent_are_stale() {
        let names = ["1.own_a.h", "1.own_b.h,S=3", "1.other_c.h", "2.own_d.h"].map(String::from);
        let intents = [DeliveryId("1.own_b.h".into())];
        assert_eq!(stale(&names, "own_", &intents), ["1.own_a.h", "2.own_d.h"]);
    }
}
