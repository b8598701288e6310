//! Times as people read them, in the time zone of the machine.

use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::model::Timestamp;

/// `2026-12-06`; a time that no calendar holds is `?`.
#[must_use]
pub fn day(time: Timestamp) -> String {
    zoned(time).map_or_else(|| "?".to_owned(), |zoned| zoned.date().to_string())
}

/// `2026-12-06 14:02`; a time that no calendar holds is `?`.
#[must_use]
pub fn minute(time: Timestamp) -> String {
    zoned(time).map_or_else(|| "?".to_owned(), |zoned| zoned.strftime("%Y-%m-%d %H:%M").to_string())
}

fn zoned(time: Timestamp) -> Option<Zoned> {
    jiff::Timestamp::from_second(time.0).ok().map(|time| time.to_zoned(TimeZone::system()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_beyond_the_calendar_are_not_shown() {
        assert_eq!((day(Timestamp(i64::MAX)), minute(Timestamp(i64::MIN))), ("?".to_owned(), "?".to_owned()));
        assert_eq!(minute(Timestamp(0)).len(), "1970-01-01 00:00".len());
    }
}
