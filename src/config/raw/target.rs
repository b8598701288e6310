//! The targets of an account as they are written: each a text or a table, alone or in a list.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Entry, Mismatch, Section, switch, text, words};
use crate::config::error::{ConfigError, ValueError};
use crate::config::keys::{self, OPTIONS};

/// One target.
pub(in crate::config) enum RawTarget {
    Text(String),
    Table(Entry<RawPlace>, Box<RawOptions>),
}

/// The one key of a target's table that says of which kind it is.
pub(in crate::config) enum RawPlace {
    Maildir(String),
    Mbox(String),
    Eml(String),
    Stdout(bool),
    Pipe(Vec<String>),
    Lmtp(String),
    Smtp(String),
}

/// The other keys of a target's table: only those that its kind has.
pub(in crate::config) struct RawOptions {
    pub(in crate::config) mtime: Option<Entry<String>>,
    pub(in crate::config) mode: Option<Entry<String>>,
    pub(in crate::config) group: Option<Entry<String>>,
    pub(in crate::config) dialect: Option<Entry<String>>,
    pub(in crate::config) locking: Option<Entry<String>>,
    pub(in crate::config) timeout: Option<Entry<String>>,
    pub(in crate::config) in_doubt: Option<Entry<String>>,
    pub(in crate::config) recipient: Option<Entry<String>>,
    pub(in crate::config) sender: Option<Entry<String>>,
}

impl RawPlace {
    fn kind(&self) -> &'static str {
        match self {
            Self::Maildir(_) => "maildir",
            Self::Mbox(_) => "mbox",
            Self::Eml(_) => "eml",
            Self::Stdout(_) => "stdout",
            Self::Pipe(_) => "pipe",
            Self::Lmtp(_) => "lmtp",
            Self::Smtp(_) => "smtp",
        }
    }
}

/// A target that was read as far as the parser's tree goes.
enum Value<'a> {
    Text(String),
    Table(DeTable<'a>),
}

fn targets(value: Spanned<DeValue<'_>>) -> Result<Vec<Spanned<Value<'_>>>, Mismatch> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Array(items) => items.into_iter().map(target).collect(),
        value => Ok(vec![target(Spanned::new(span, value))?]),
    }
}

fn target(value: Spanned<DeValue<'_>>) -> Result<Spanned<Value<'_>>, Mismatch> {
    let span = value.span();
    let read = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Table(table) => Value::Table(table),
        _ => {
            return Err(Mismatch {
                wanted: "text, a table or a list of these",
                hint: Some("write for example `\"maildir:~/Mail\"` or `{ mbox = \"~/mail\" }`"),
                offset: span.start,
            });
        }
    };
    Ok(Spanned::new(span, read))
}

impl<'a> Section<'a> {
    /// The targets in `deliver`, at least one; `None` without that key.
    pub(super) fn targets(&mut self) -> Result<Option<Vec<Entry<RawTarget>>>, ConfigError> {
        let Some(Entry { value, key, offset }) = self.take("deliver", targets)? else {
            return Ok(None);
        };
        if value.is_empty() {
            let problem = ValueError::new(format!("{key} names no target"));
            let problem = problem.with_hint("write for example `deliver = [\"maildir:~/Mail\"]`");
            return Err(self.source.error(offset, key, problem));
        }
        let is_one = value.len() == 1;
        let path: Vec<String> = self.path.iter().cloned().chain(["deliver".to_owned()]).collect();
        let target = |target: Spanned<Value<'a>>| {
            // One that stands alone is placed by its key, like every other value.
            let offset = if is_one { offset } else { target.span().start };
            let value = match target.into_inner() {
                Value::Text(text) => RawTarget::Text(text),
                Value::Table(table) => {
                    Section::new(self.source, &keys::DELIVER, path.clone(), offset, table).target(&key)?
                }
            };
            Ok(Entry { value, key: key.clone(), offset })
        };
        value.into_iter().map(target).collect::<Result<_, _>>().map(Some)
    }

    /// Exactly one kind, and options of that kind alone.
    fn target(mut self, whole: &str) -> Result<RawTarget, ConfigError> {
        self.refuse_unknown(|_| None)?;
        let places = [
            self.take("maildir", text)?.map(|entry| entry.map(RawPlace::Maildir)),
            self.take("mbox", text)?.map(|entry| entry.map(RawPlace::Mbox)),
            self.take("eml", text)?.map(|entry| entry.map(RawPlace::Eml)),
            self.take("stdout", switch)?.map(|entry| entry.map(RawPlace::Stdout)),
            self.take("pipe", words)?.map(|entry| entry.map(RawPlace::Pipe)),
            self.take("lmtp", text)?.map(|entry| entry.map(RawPlace::Lmtp)),
            self.take("smtp", text)?.map(|entry| entry.map(RawPlace::Smtp)),
        ];
        let mut places = places.into_iter().flatten();
        let (Some(place), None) = (places.next(), places.next()) else {
            let problem = ValueError::new(format!("{whole} must name exactly one kind of target"));
            let kinds = OPTIONS.map(|(kind, _)| kind).join("`, `");
            let problem = problem.with_hint(format!("write one of `{kinds}`, and a list for several targets"));
            return Err(self.source.error(self.offset, whole.to_owned(), problem));
        };
        self.refuse_options_of_others(place.value.kind())?;
        Ok(RawTarget::Table(
            place,
            Box::new(RawOptions {
                mtime: self.take("mtime", text)?,
                mode: self.take("mode", text)?,
                group: self.take("group", text)?,
                dialect: self.take("dialect", text)?,
                locking: self.take("locking", text)?,
                timeout: self.take("timeout", text)?,
                in_doubt: self.take("in_doubt", text)?,
                recipient: self.take("recipient", text)?,
                sender: self.take("sender", text)?,
            }),
        ))
    }

    fn refuse_options_of_others(&self, kind: &str) -> Result<(), ConfigError> {
        let options = OPTIONS.iter().find(|(known, _)| *known == kind).map_or(&[][..], |(_, options)| options);
        let Some(item) = self.items.iter().find(|item| !options.contains(&item.key.as_str())) else {
            return Ok(());
        };
        let problem = ValueError::new(format!("`{}` is no option of `{kind}`", item.key));
        let problem = problem.with_hint(format!("its options: `{}`", options.join("`, `")));
        Err(self.source.error(item.offset, self.dotted(&item.key), problem))
    }
}
