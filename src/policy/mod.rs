//! Retention: when a delivered message may leave the server. Pure; the only place that decides it.

use std::fmt;
use std::time::Duration;

use crate::model::{Timestamp, limits};

/// How long a delivered message stays on the server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Keep {
    /// It is never deleted.
    #[default]
    Forever,
    /// It is deleted as soon as it is delivered and recorded.
    None,
    /// It is deleted this many times 24 hours after its delivery.
    Days(u32),
}

impl Keep {
    /// Whether a message of this credited age may be deleted.
    #[must_use]
    pub fn is_due(self, age: Duration) -> bool {
        self.due_in(age) == Some(Duration::ZERO)
    }

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
    fn days_count_whole_days_of_credited_age() {
        let almost = Duration::from_secs(14 * 24 * 3600 - 1);
        assert_eq!(Keep::Days(14).due_in(almost), Some(Duration::from_secs(1)));
        assert_eq!(Keep::Days(14).due_in(almost + Duration::from_secs(1)), Some(Duration::ZERO));
        assert_eq!(Keep::Days(14).due_in(Duration::MAX), Some(Duration::ZERO));
        assert_eq!(Keep::None.due_in(Duration::ZERO), Some(Duration::ZERO));
        assert_eq!(Keep::Forever.due_in(Duration::MAX), None);
    }

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
