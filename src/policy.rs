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
        match self {
            Self::Forever => false,
            Self::None => true,
            Self::Days(days) => age >= Duration::from_secs(u64::from(days) * 24 * 3600),
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

/// Seconds that the time between two runs adds to the age of mail.
///
/// Never negative and at most [`limits::AGE_PER_GAP`]: a leap of the clock keeps mail longer, it cannot age it by years.
#[must_use]
pub fn credited_seconds(last_run: Timestamp, now: Timestamp) -> i64 {
    let most = i64::try_from(limits::AGE_PER_GAP.as_secs()).unwrap_or(i64::MAX);
    now.0.saturating_sub(last_run.0).clamp(0, most)
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
        assert!(!Keep::Days(14).is_due(almost));
        assert!(Keep::Days(14).is_due(almost + Duration::from_secs(1)));
        assert!(Keep::None.is_due(Duration::ZERO));
        assert!(!Keep::Forever.is_due(Duration::MAX));
    }

    #[test]
    fn a_leap_of_the_clock_cannot_age_mail_by_years() {
        assert_eq!(credited_seconds(Timestamp(100), Timestamp(160)), 60);
        assert_eq!(credited_seconds(Timestamp(0), Timestamp(50 * 365 * DAY)), 45 * DAY);
        assert_eq!(credited_seconds(Timestamp(50 * 365 * DAY), Timestamp(0)), 0);
        assert_eq!(credited_seconds(Timestamp(i64::MAX), Timestamp(i64::MIN)), 0);
        assert_eq!(age(20, 10), Duration::ZERO);
    }
}
