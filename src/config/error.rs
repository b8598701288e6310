//! Errors of the configuration. None quotes a value of the file: any of them may be a password in the wrong place (I9).

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::model::{escaped, limits, shown_path};

/// One value that cannot be used: what is wrong and what would be right, without the value itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ValueError {
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
}

impl ValueError {
    /// An error without a hint.
    pub(super) fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// The same error with a hint.
    pub(super) fn with_hint(self, hint: impl Into<Cow<'static, str>>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same error, naming the key it is about.
    pub(super) fn prefixed(self, key: &str) -> Self {
        Self { message: format!("{key}: {}", self.message).into(), ..self }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ValueError {}

/// What kind of trouble a configuration is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfigErrorKind {
    /// There is no such file.
    NotFound,
    /// The file exists and cannot be read, is larger than [`super::FILE_OCTETS`] or is not UTF-8.
    Unreadable,
    /// The file holds a password and others than its owner may read it.
    Exposed,
    /// The file is no TOML.
    Syntax,
    /// The file is TOML and does not say what it must: an unknown or missing key, a wrong type, a bad value.
    Invalid,
}

/// The first error of a configuration file, with the place where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError(Box<Detail>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Detail {
    kind: ConfigErrorKind,
    file: PathBuf,
    position: Option<Position>,
    key: Option<String>,
    problem: ValueError,
}

/// A place in a text; both count from 1, columns in characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Position {
    line: usize,
    column: usize,
}

impl ConfigError {
    /// An error of the file as a whole.
    pub(super) fn of_file(kind: ConfigErrorKind, file: &Path, problem: ValueError) -> Self {
        Self(Box::new(Detail { kind, file: file.to_owned(), position: None, key: None, problem }))
    }

    /// An error at an octet `offset` of `text`.
    pub(super) fn at(kind: ConfigErrorKind, file: &Path, text: &str, offset: usize, problem: ValueError) -> Self {
        let position = Some(position(text, offset));
        Self(Box::new(Detail { kind, file: file.to_owned(), position, key: None, problem }))
    }

    /// The same error, naming the dotted key it is about.
    pub(super) fn with_key(mut self, key: String) -> Self {
        self.0.key = Some(key);
        self
    }

    /// What kind of trouble it is.
    #[must_use]
    pub fn kind(&self) -> ConfigErrorKind {
        self.0.kind
    }

    /// The configuration file, as it was named.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.0.file
    }

    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.0.position.map(|position| position.line)
    }

    /// The column in characters, from 1.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.0.position.map(|position| position.column)
    }

    /// The dotted key, such as `account.work.prot`.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.problem.hint()
    }
}

impl fmt::Display for ConfigError {
    /// `config.toml:7: unknown key`, without the hint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shown_path(&self.0.file))?;
        if let Some(line) = self.line() {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.0.problem)
    }
}

impl std::error::Error for ConfigError {}

/// The keys of a path into the file, joined as TOML writes them.
pub(super) fn dotted(keys: &[&str]) -> String {
    let is_bare = |key: &str| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    let shown = keys.iter().map(|key| {
        let text = escaped(key.as_bytes(), limits::SHOWN_CHARS);
        if is_bare(key) { text } else { format!("\"{text}\"") }
    });
    shown.collect::<Vec<_>>().join(".")
}

/// The candidate that `word` was probably meant to be.
pub(super) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let word: String = word.chars().take(limits::SHOWN_CHARS).flat_map(char::to_lowercase).collect();
    let scored = candidates.iter().map(|&known| (strsim::normalized_damerau_levenshtein(&word, known), known));
    scored.filter(|(score, _)| *score > 0.5).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

fn position(text: &str, offset: usize) -> Position {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.get(line_start..).map_or(0, |line| line.chars().count()) + 1;
    Position { line, column }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        for (offset, line, column) in [(0, 1, 1), (3, 1, 3), (4, 2, 1), (5, 2, 2), (99, 2, 2)] {
            assert_eq!(position("aé\nx", offset), Position { line, column }, "{offset}");
        }
    }

    #[test]
    fn keys_are_joined_as_toml_writes_them() {
        assert_eq!(dotted(&["account", "work", "port"]), "account.work.port");
        assert_eq!(dotted(&["account", "a.b", "\u{202e}"]), "account.\"a.b\".\"\\u{202e}\"");
    }

    #[test]
    fn the_nearest_word_is_near() {
        let known = ["port", "server", "password"];
        for (word, expected) in
            [("prot", Some("port")), ("PORT", Some("port")), ("pasword", Some("password")), ("colour", None)]
        {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
    }
}
