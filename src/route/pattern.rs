//! What rules compare texts with.

use std::fmt;

/// A text in which `*` stands for any characters, also none. The case of letters counts nowhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    written: String,
    /// What stands between the stars, in small letters; never empty.
    parts: Vec<String>,
}

impl Pattern {
    /// A text that must be matched as a whole.
    #[must_use]
    pub fn whole(text: &str) -> Self {
        let parts = text.to_lowercase().split('*').map(str::to_owned).collect();
        Self { written: text.to_owned(), parts }
    }

    /// A text that must occur somewhere; a `*` in it stands for itself.
    #[must_use]
    pub fn containing(text: &str) -> Self {
        Self { written: text.to_owned(), parts: vec![String::new(), text.to_lowercase(), String::new()] }
    }

    /// Whether it matches a text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let Some((first, others)) = self.parts.split_first() else { return false };
        let Some((last, between)) = others.split_last() else { return text == *first };
        let Some(mut rest) = text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str())) else {
            return false;
        };
        // The first place of each part leaves the most for those behind it.
        for part in between {
            let Some(at) = rest.find(part.as_str()) else { return false };
            rest = &rest[at + part.len()..];
        }
        true
    }
}

impl fmt::Display for Pattern {
    /// As it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, matching, others) in [
            ("a@b.c", &["a@b.c", "A@B.C"][..], &["", "a@b.cd", "xa@b.c", "a@bxc"][..]),
            ("*@b.c", &["@b.c", "a@b.c", "a@x@B.C"], &["a@b.c.d", "a@bc", "b.c"]),
            ("a*", &["a", "Ab"], &["", "ba"]),
            ("*", &["", "a", "\u{1f600}"], &[]),
            ("**", &["", "a"], &[]),
            ("", &[""], &["a"]),
            ("a*a", &["aa", "axa", "aaa"], &["a", "ax", "xa"]),
            ("a*b*b*c", &["abbc", "axbxbxc", "abbbc"], &["abc", "abxc"]),
            ("*ab*ba*", &["abba", "xabxbax"], &["aba", "baab"]),
            ("\u{c4}*\u{df}", &["\u{e4}\u{df}", "\u{c4}x\u{df}"], &["ass"]),
        ] {
            let pattern = Pattern::whole(pattern);
            for text in matching {
                assert!(pattern.matches(text), "{pattern} {text}");
            }
            for text in others {
                assert!(!pattern.matches(text), "{pattern} {text}");
            }
        }
    }

    #[test]
    fn a_part_may_stand_anywhere_and_has_no_star() {
        let part = Pattern::containing("[A*b]");
        assert!(part.matches("[a*B]") && part.matches("re: [a*b] x") && !part.matches("[axb]"));
        assert!(Pattern::containing("").matches(""));
    }

    /// I8.
    #[test]
    fn i8_a_long_text_is_matched_at_once() {
        let pattern = Pattern::whole(&"*a".repeat(1000));
        assert!(!pattern.matches(&"a".repeat(999)) && pattern.matches(&"a".repeat(100_000)));
        assert!(!Pattern::whole(&"*ab".repeat(1000)).matches(&"a".repeat(100_000)));
    }
}
