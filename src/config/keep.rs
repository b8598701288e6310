//! How long delivered mail stays on the server: the words of it.

use std::fmt;
use std::str::FromStr;

use super::error::ValueError;

/// How long delivered mail stays on the server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Keep {
    /// Nothing is ever deleted.
    #[default]
    Forever,
    /// Mail is deleted once it is delivered and recorded.
    None,
    /// Mail is deleted this many times 24 hours after its delivery; at least 1.
    Days(u32),
}

impl FromStr for Keep {
    type Err = ValueError;

    /// Reads `forever`, `none` or `N days`; anything else is an error.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "forever" => return Ok(Self::Forever),
            "none" => return Ok(Self::None),
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
            Ok(days) => Ok(Self::Days(days)),
            Err(_) => Err(example()),
        }
    }
}

impl fmt::Display for Keep {
    /// The words that [`Keep::from_str`] reads.
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

    #[test]
    fn what_is_shown_is_read_again() {
        let days = [1, 2, 14, u32::MAX].map(Keep::Days);
        for keep in [Keep::Forever, Keep::None].into_iter().chain(days) {
            assert_eq!(keep.to_string().parse(), Ok(keep));
        }
        assert_eq!("1 days".parse(), Ok(Keep::Days(1)));
        assert_eq!("14  day".parse(), Ok(Keep::Days(14)));
    }

    #[test]
    fn other_words_are_refused_with_an_example() {
        for text in
            ["", "Forever", "14", "14days", "-1 days", "+1 days", " days", "1.5 days", "2 weeks", "4294967296 days"]
        {
            let error = text.parse::<Keep>().unwrap_err();
            assert!(error.hint().unwrap().contains("14 days"), "{text}: {error}");
        }
        assert!("0 days".parse::<Keep>().unwrap_err().hint().unwrap().contains("none"));
    }
}
