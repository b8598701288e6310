//! The user's rules: when a delivered message may leave the server, and what a run takes from it. Pure; the only place
//! that decides it.

mod intake;
mod removal;
mod retention;

use std::time::Duration;

use crate::model::{Timestamp, limits};

pub use intake::{Budget, Intake, Order, Oversize};
pub use removal::{absent_for, is_removed, may_delete_removed};
pub use retention::{Keep, OnServer, Retention, Stay};

/// Seconds that the time since the last run adds to the age of mail.
///
/// `latest` is the latest time of any run. A clock that goes back and returns is credited only for what lies beyond that;
/// never a negative time, and at most [`limits::AGE_PER_GAP`]: a leap of the clock keeps mail longer, and cannot age it
/// by years.
#[must_use]
pub fn credited_seconds(last_run: Timestamp, latest: Timestamp, now: Timestamp) -> i64 {
    let most = i64::try_from(limits::AGE_PER_GAP.as_secs()).unwrap_or(i64::MAX);
    let since = if now > latest { latest } else { last_run };
    now.0.saturating_sub(since.0).clamp(0, most)
}

/// The age between two readings of the credited clock.
#[must_use]
pub fn age(delivered_clock: i64, clock: i64) -> Duration {
    Duration::from_secs(u64::try_from(clock.saturating_sub(delivered_clock)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;

    #[test]
    fn a_leap_of_the_clock_cannot_age_mail_by_years() {
        let credited = |last, latest, now| credited_seconds(Timestamp(last), Timestamp(latest), Timestamp(now));
        assert_eq!(credited(100, 100, 160), 60);
        assert_eq!(credited(0, 0, 50 * 365 * DAY), 45 * DAY);
        assert_eq!(credited(50 * 365 * DAY, 50 * 365 * DAY, 0), 0);
        assert_eq!(credited(i64::MAX, i64::MAX, i64::MIN), 0);
        assert_eq!(age(20, 10), Duration::ZERO);
    }

    #[test]
    fn a_clock_that_goes_back_and_returns_ages_mail_by_the_time_that_passed() {
        let (start, hour) = (20_000 * DAY, 3600);
        let credited = |last, latest, now| credited_seconds(Timestamp(last), Timestamp(latest), Timestamp(now));
        assert_eq!(credited(start, start, 0), 0);
        assert_eq!(credited(0, start, hour), hour);
        assert_eq!(credited(hour, start, start + 2 * hour), 2 * hour);
        // After a visit to the future time goes on at the old place.
        assert_eq!(credited(start + 9999 * DAY, start + 9999 * DAY, start), 0);
        assert_eq!(credited(start, start + 9999 * DAY, start + hour), hour);
    }
}
