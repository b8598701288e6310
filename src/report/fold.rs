//! Lines that a terminal is too narrow for, folded at their spaces.
//!
//! ```text
//! error: work: this account is new, but `old` has
//!        fetched the same mailbox
//! hint: if it was renamed, run
//!       `fetchonce account rename old work`
//! ```
//!
//! A word is never broken, and what stands between backticks is one word: a command that is copied stays whole. A word
//! that is wider than the terminal is left to the terminal.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Words at the start of a line that the text stands behind.
const LABELS: [&str; 8] = ["error: ", "warning: ", "hint: ", "caused by: ", "state: ", "alarm: ", "Usage: ", "tip: "];

/// Folds each line of `text` that is wider than `columns`; what follows is indented below the line's own text.
#[must_use]
pub fn folded(text: &str, columns: usize) -> String {
    let mut folded = String::with_capacity(text.len() + text.len() / 8);
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        if width(line) <= columns {
            folded.push_str(line);
        } else {
            fold(line, columns, &mut folded);
        }
        folded.push_str(end);
    }
    folded
}

/// How many columns a text takes. Colour takes none.
#[must_use]
pub fn width(text: &str) -> usize {
    visible(text).width()
}

/// The text without its colours: what stands between ESC and `m`.
fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\x1b') {
        visible.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    visible + rest
}

/// A word with the spaces before it.
struct Word<'a> {
    gap: usize,
    text: &'a str,
    width: usize,
}

fn fold(line: &str, columns: usize, folded: &mut String) {
    let hang = hang(&visible(line), columns);
    let words = words(line);
    let mut column = 0;
    for (at, word) in words.iter().enumerate() {
        let is_first = at == 0;
        let fits = |width: usize| column + word.gap + width <= columns;
        // A column of a table rather moves to the next line as a whole.
        let group = if word.gap > 1 { group_width(&words[at..]) } else { word.width };
        let moves = !fits(group) && hang + group <= columns && column > columns / 2;
        if is_first || (fits(word.width) && !moves) {
            folded.extend(std::iter::repeat_n(' ', word.gap));
            column += word.gap + word.width;
        } else {
            folded.push('\n');
            folded.extend(std::iter::repeat_n(' ', hang));
            column = hang + word.width;
        }
        folded.push_str(word.text);
    }
}

/// The width of the words up to the next gap of more than one space.
fn group_width(words: &[Word<'_>]) -> usize {
    let rest = words.iter().skip(1).take_while(|word| word.gap == 1);
    rest.fold(words.first().map_or(0, |word| word.width), |width, word| width + 1 + word.width)
}

/// How far the continuation of a line is indented: below the text behind its label or its first column, where there is
/// room for that.
fn hang(line: &str, columns: usize) -> usize {
    let text = line.trim_start_matches(' ');
    let indent = line.len() - text.len();
    let behind_label = LABELS.iter().find(|label| text.starts_with(**label)).map(|label| label.len());
    let behind_gap = || {
        let (before, after) = text.split_once("  ")?;
        Some(before.width() + 2 + after.len() - after.trim_start_matches(' ').len())
    };
    let hang = indent + behind_label.or_else(behind_gap).unwrap_or(if indent == 0 { 2 } else { 0 });
    if hang <= columns / 2 { hang } else { (indent + 2).min(columns / 4) }
}

/// The words of a line. Spaces between two backticks belong to the word.
fn words(line: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let (mut gap, mut start, mut is_quoted) = (0, None, false);
    for (at, c) in line.char_indices() {
        if c == ' ' && !is_quoted {
            words.extend(start.take().map(|start| word(std::mem::take(&mut gap), &line[start..at])));
            gap += 1;
        } else {
            start.get_or_insert(at);
            is_quoted = if is_quoted { c != '`' } else { c == '`' && line[at + 1..].contains('`') };
        }
    }
    words.extend(start.map(|start| word(gap, &line[start..])));
    words
}

fn word(gap: usize, text: &str) -> Word<'_> {
    Word { gap, text, width: width(text) }
}

/// The beginning of a text that takes at most so many columns; an ellipsis stands for the rest.
#[must_use]
pub fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut room = columns.saturating_sub(1);
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if width > room {
            break;
        }
        room -= width;
        cut.push(c);
    }
    if columns > 0 {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_left_as_it_is() {
        for text in ["", "\n", "one\n\ntwo   three \n", "no end", "`a b`"] {
            assert_eq!(folded(text, 13), text);
        }
        assert_eq!(folded("\x1b[1;31merror:\x1b[0m 12345\n", 12), "\x1b[1;31merror:\x1b[0m 12345\n");
    }

    #[test]
    fn the_rest_stands_below_the_text_of_its_line() {
        for (line, expected) in [
            ("error: work: one two three four", "error: work: one\n       two three\n       four"),
            ("\x1b[1;36mhint:\x1b[0m one two three four", "\x1b[1;36mhint:\x1b[0m one two\n      three four"),
            ("work  one two three four five", "work  one two\n      three four\n      five"),
            ("    one two three four", "    one two\n    three four"),
            ("one two three four five", "one two three\n  four five"),
            ("  caused by: one two three", "  caused by: one\n    two three"),
        ] {
            assert_eq!(folded(line, 16), expected, "{line}");
        }
    }

    #[test]
    fn words_and_commands_are_never_broken() {
        assert_eq!(folded("hint: run `a b c d e f g` now", 20), "hint: run\n      `a b c d e f g`\n      now");
        assert_eq!(folded("hint: one `two three", 14), "hint: one `two\n      three");
        assert_eq!(
            folded("the Maildir /a/very/long/path/to/it has gone", 16),
            "the Maildir\n  /a/very/long/path/to/it\n  has gone"
        );
    }

    #[test]
    fn a_column_of_a_table_moves_as_a_whole() {
        assert_eq!(
            folded("work  new  fetch  uid-0001  never seen before", 40),
            "work  new  fetch  uid-0001\n      never seen before"
        );
        assert_eq!(folded("work  one two three four   0.8s", 30), "work  one two three four\n      0.8s");
    }

    #[test]
    fn wide_letters_count_two() {
        assert_eq!(folded("信 信 信 信", 6), "信 信\n  信\n  信");
        assert_eq!(
            (width("信\x1b[1mx\x1b[0m"), cut("信信信", 4), cut("信信信", 6)),
            (3, "信…".into(), "信信信".into())
        );
    }

    #[test]
    fn any_width_will_do() {
        let text = "\x1b[1;31merror:\x1b[0m work: cannot\n      x  `a b` 信\x1b\n   \n";
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for columns in 0..90 {
            assert_eq!(words(&folded(text, columns)), words(text), "{columns}");
            assert!(width(&cut(text, columns)) <= columns);
        }
    }
}
