//! The words of the rules: what stays on the server, what is fetched, and how sizes, times and counts are written.

use std::time::Duration;

use jiff::SignedDuration;

use super::check::{Checker, one_of};
use super::error::{ConfigError, ValueError, nearest};
use super::raw::{RawAccount, RawRules};
use super::size::parse_size;
use super::{LONGEST_TIME, SHORTEST_TIME};
use crate::model::{Octets, Target};
use crate::policy::{Intake, Keep, Order, Oversize, Retention};

/// The rules of what stays, each as the user gave it or did not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RetentionWords {
    /// `keep`.
    pub keep: Option<Keep>,
    /// `keep_newest`.
    pub newest: Option<u64>,
    /// `keep_bytes`.
    pub newest_octets: Option<Octets>,
    /// `delete_larger_than`.
    pub larger_than: Option<Octets>,
}

impl RetentionWords {
    /// What holds by them together. Without any rule that keeps, everything stays for ever.
    ///
    /// Refused: to keep the newest, and all for ever.
    pub fn rules(self) -> Result<Retention, ValueError> {
        let Self { keep, newest, newest_octets, larger_than } = self;
        let keeps_newest = newest.is_some() || newest_octets.is_some();
        let keep = match keep {
            Some(Keep::Forever) if keeps_newest => {
                let problem = ValueError::new("what stays for ever leaves nothing to `keep_newest` or `keep_bytes`");
                return Err(problem.with_hint("leave out `keep`, or write a number of days that mail stays at least"));
            }
            None if keeps_newest => Keep::None,
            keep => keep.unwrap_or_default(),
        };
        Ok(Retention { keep, newest, newest_octets, larger_than })
    }
}

impl Checker<'_> {
    /// What a run takes from the server.
    pub(super) fn intake(&self, raw: &RawRules) -> Result<Intake, ConfigError> {
        let size = |text: &String| parse_size(text);
        let oversize = |text: &String| match (oversize(text)?, &raw.max_size) {
            (Oversize::Headers, None) => Err(ValueError::new("nothing is too large without `max_size`")
                .with_hint("write for example `max_size = \"25 MB\"` beside it")),
            (oversize, _) => Ok(oversize),
        };
        Ok(Intake {
            order: self.optional(raw.order.as_ref(), |text| order(text))?.unwrap_or_default(),
            max_size: self.optional(raw.max_size.as_ref(), size)?,
            oversize: self.optional(raw.oversize.as_ref(), oversize)?.unwrap_or_default(),
            messages: self.optional(raw.limit.as_ref(), |number| count(*number))?,
            octets: self.optional(raw.limit_bytes.as_ref(), size)?,
            time: self.optional(raw.limit_time.as_ref(), |text| parse_time(text))?,
            relogin: self.optional(raw.relogin.as_ref(), |number| count(*number))?,
            until_drained: raw.until_drained.as_ref().is_some_and(|entry| entry.value),
        })
    }

    /// Whether what is removed from the Maildir is deleted on the server. Refused for all but one that gets mail straight:
    /// elsewhere nobody can tell what was removed.
    pub(super) fn removals(&self, raw: &RawAccount, targets: &[Target]) -> Result<bool, ConfigError> {
        let Some(entry) = &raw.rules.delete_when_removed_locally else { return Ok(false) };
        let is_plain = raw.routes.is_empty() && raw.trace_headers.is_none();
        self.value(entry, |is_wanted| match targets {
            [Target::Maildir(_)] if is_plain => Ok(*is_wanted),
            _ if !is_wanted => Ok(false),
            _ => {
                let problem = ValueError::new("only of a single Maildir can be told what was removed");
                let hint = "deliver to one `maildir:FOLDER`, without `route` and `trace_headers`, or leave this out";
                Err(problem.with_hint(hint))
            }
        })
    }

    /// When delivered mail may leave the server.
    pub(super) fn retention(&self, raw: &RawRules) -> Result<Retention, ConfigError> {
        let size = |text: &String| parse_size(text);
        let words = RetentionWords {
            keep: self.optional(raw.keep.as_ref(), |text| parse_keep(text))?,
            newest: self.optional(raw.keep_newest.as_ref(), |number| count(*number))?,
            newest_octets: self.optional(raw.keep_bytes.as_ref(), size)?,
            larger_than: self.optional(raw.delete_larger_than.as_ref(), size)?,
        };
        match &raw.keep {
            Some(keep) => self.value(keep, |_| words.rules()),
            None => Ok(words.rules().unwrap_or_default()),
        }
    }
}

/// Reads `forever`, `none` or `N days`; anything else is an error.
pub fn parse_keep(text: &str) -> Result<Keep, ValueError> {
    match text {
        "forever" => return Ok(Keep::Forever),
        "none" => return Ok(Keep::None),
        _ => {}
    }
    let wrong = || ValueError::new("expected \"forever\", \"none\" or a number of days");
    let example = || wrong().with_hint("write for example `keep = \"14 days\"`");
    let (number, unit) = text.split_once(' ').ok_or_else(example)?;
    if !matches!(unit.trim_start(), "day" | "days") || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(example());
    }
    match number.parse() {
        Ok(0) => Err(wrong().with_hint("to delete once delivered, write `keep = \"none\"`")),
        Ok(days) => Ok(Keep::Days(days)),
        Err(_) => Err(example()),
    }
}

fn order(text: &str) -> Result<Order, ValueError> {
    let known = [Order::Oldest, Order::Newest, Order::Smallest];
    let found = known.into_iter().find(|order| order.as_str() == text);
    found.ok_or_else(|| {
        let problem = ValueError::new("expected \"oldest\", \"newest\" or \"smallest\"");
        match nearest(text, &known.map(Order::as_str)) {
            Some(word) => problem.with_hint(format!("did you mean \"{word}\"?")),
            None => problem,
        }
    })
}

fn oversize(text: &str) -> Result<Oversize, ValueError> {
    one_of(text, &[("skip", Oversize::Skip), ("headers", Oversize::Headers)])
}

/// A length of time in words, such as `30s` or `1h 30m`.
pub fn parse_time(text: &str) -> Result<Duration, ValueError> {
    let example = "write for example \"30s\", \"5m\" or \"1h\"";
    let signed: SignedDuration =
        text.parse().map_err(|_| ValueError::new("not a length of time").with_hint(example))?;
    Duration::try_from(signed)
        .ok()
        .filter(|time| (SHORTEST_TIME..=LONGEST_TIME).contains(time))
        .ok_or_else(|| ValueError::new("must be between one second and 24 hours").with_hint(example))
}

/// A number of messages from 1 on; `None` is one that is out of any range.
fn count(number: Option<i64>) -> Result<u64, ValueError> {
    let wrong = || ValueError::new("must be a number of messages, 1 or more");
    number.and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_again() {
        let days = [1, 2, 14, u32::MAX].map(Keep::Days);
        for keep in [Keep::Forever, Keep::None].into_iter().chain(days) {
            assert_eq!(parse_keep(&keep.to_string()), Ok(keep));
        }
        assert_eq!(parse_keep("1 days"), Ok(Keep::Days(1)));
        assert_eq!(parse_keep("14  day"), Ok(Keep::Days(14)));
    }

    #[test]
    fn other_words_are_refused_with_an_example() {
        for text in
            ["", "Forever", "14", "14days", "-1 days", "+1 days", " days", "1.5 days", "2 weeks", "4294967296 days"]
        {
            let error = parse_keep(text).unwrap_err();
            assert!(error.hint().unwrap().contains("14 days"), "{text}: {error}");
        }
        assert!(parse_keep("0 days").unwrap_err().hint().unwrap().contains("none"));
    }

    #[test]
    fn the_newest_are_kept_alone_or_for_some_days_and_not_with_all_the_others() {
        let newest = RetentionWords { newest: Some(3), ..RetentionWords::default() };
        let octets = RetentionWords { newest_octets: Some(Octets(3)), ..RetentionWords::default() };
        for words in [newest, octets] {
            let keep_of = |keep| RetentionWords { keep, ..words }.rules().map(|rules| rules.keep);
            assert_eq!(keep_of(None), Ok(Keep::None));
            assert_eq!(keep_of(Some(Keep::None)), Ok(Keep::None));
            assert_eq!(keep_of(Some(Keep::Days(3))), Ok(Keep::Days(3)));
            assert!(keep_of(Some(Keep::Forever)).unwrap_err().hint().unwrap().contains("leave out `keep`"));
        }
        let larger_than = RetentionWords { larger_than: Some(Octets(3)), ..RetentionWords::default() };
        assert_eq!(larger_than.rules().unwrap().keep, Keep::Forever);
        assert_eq!(RetentionWords::default().rules(), Ok(Retention::default()));
    }
}
