//! When a message that the user removed from the Maildir may leave the server.
//!
//! What is not there may have been moved, may be on its way, or may lie on a disk that is not mounted. So it must be absent
//! for long, by a clock that no leap can fool, and not with many others.

use std::time::Duration;

use crate::model::limits;

/// For how long a message has been absent that is absent now, `gap` after the Maildir was last looked at.
///
/// A gap counts for less than what is asked for, so that a clock that leaps once never suffices.
#[must_use]
pub fn absent_for(before: Option<Duration>, gap: Duration) -> Duration {
    before.map_or(Duration::ZERO, |before| before.saturating_add(gap.min(limits::ABSENCE_PER_GAP)))
}

/// Whether a message that has been absent for so long was removed.
#[must_use]
pub fn is_removed(absent_for: Duration) -> bool {
    absent_for >= limits::ABSENT
}

/// Whether so many removed messages, of the delivered ones of a listing, may be deleted.
#[must_use]
pub fn may_delete_removed(removed: usize, delivered: usize, is_confirmed: bool) -> bool {
    is_confirmed || (removed <= limits::REMOVALS && removed <= delivered / limits::REMOVALS_ONE_IN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// The absence after looking with these gaps, in hours; `None` is a look that finds the message.
    fn after(looks: &[Option<u32>]) -> Option<Duration> {
        looks.iter().fold(None, |before, gap| gap.map(|hours| absent_for(before, HOUR * hours)))
    }

    #[test]
    fn a_day_of_absence_is_a_removal_and_a_leap_of_the_clock_is_not() {
        let day: Vec<Option<u32>> = std::iter::once(Some(9)).chain(std::iter::repeat_n(Some(1), 24)).collect();
        for (looks, expected) in [
            (&[Some(1000)][..], false),
            (&[Some(0), Some(24)], false),
            (&[Some(0), Some(1000)], false),
            (&[Some(0), Some(1000), Some(0), Some(0), Some(1)], false),
            (&[Some(0), Some(24), Some(24)], true),
            (&[Some(0), Some(12), Some(12)], true),
            (&[Some(0), Some(11), Some(12)], false),
            (&[Some(0), Some(8), Some(8), Some(8)], true),
            (&[Some(0), Some(24), None, Some(24)], false),
            (&[Some(0), Some(24), Some(24), None, Some(24), Some(24)], false),
            (&[Some(0), Some(24), None, Some(0), Some(24), Some(24)], true),
            (&day[..24], false),
            (&day, true),
        ] {
            assert_eq!(after(looks).is_some_and(is_removed), expected, "{looks:?}");
        }
        assert_eq!(after(&[Some(0), None]), None);
        assert!(is_removed(absent_for(Some(Duration::MAX), Duration::MAX)));
    }

    #[test]
    fn many_removals_want_a_confirmation() {
        for (removed, delivered, expected) in [
            (0, 0, true),
            (0, 5, true),
            (1, 9, false),
            (1, 10, true),
            (2, 19, false),
            (2, 20, true),
            (50, 499, false),
            (50, 500, true),
            (51, 510, false),
            (51, 1_000_000, false),
            (usize::MAX, usize::MAX, false),
        ] {
            assert_eq!(may_delete_removed(removed, delivered, false), expected, "{removed} of {delivered}");
            assert!(may_delete_removed(removed, delivered, true));
        }
    }
}
