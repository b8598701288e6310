//! How long delivered mail stays on the server: the words of it.

use super::error::ValueError;
use crate::policy::Keep;

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
}
