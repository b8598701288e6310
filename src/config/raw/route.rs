//! The rules of an account as they are written: tables in a list.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Entry, Mismatch, RawTarget, Section, switch, text, texts};
use crate::config::error::{ConfigError, ValueError};
use crate::config::keys;

/// One rule.
pub(in crate::config) struct RawRoute {
    pub(in crate::config) recipient: Option<Entry<Vec<String>>>,
    pub(in crate::config) headers: Vec<RawHeader>,
    pub(in crate::config) list_id: Option<Entry<Vec<String>>>,
    pub(in crate::config) larger_than: Option<Entry<String>>,
    pub(in crate::config) smaller_than: Option<Entry<String>>,
    pub(in crate::config) deliver: Option<Vec<Entry<RawTarget>>>,
    pub(in crate::config) skip: Option<Entry<bool>>,
}

/// A field that a rule looks at.
pub(in crate::config) struct RawHeader {
    pub(in crate::config) name: Entry<String>,
    pub(in crate::config) test: RawTest,
}

/// What one of the fields must have: a part, or all of it.
pub(in crate::config) enum RawTest {
    Contains(Entry<String>),
    Matches(Entry<String>),
}

fn routes(value: Spanned<DeValue<'_>>) -> Result<Vec<Spanned<DeTable<'_>>>, Mismatch> {
    let mismatch = |offset| Mismatch {
        wanted: "a list of tables",
        hint: Some("write each rule as a table of its own, `[[account.NAME.route]]`"),
        offset,
    };
    let offset = value.span().start;
    match value.into_inner() {
        DeValue::Array(items) => items.into_iter().map(|item| table(item, mismatch)).collect(),
        _ => Err(mismatch(offset)),
    }
}

fn headers(value: Spanned<DeValue<'_>>) -> Result<Vec<Spanned<DeTable<'_>>>, Mismatch> {
    let mismatch = |offset| Mismatch {
        wanted: "a table or a list of tables",
        hint: Some("write for example `header = { name = \"Subject\", contains = \"invoice\" }`"),
        offset,
    };
    let span = value.span();
    match value.into_inner() {
        DeValue::Array(items) => items.into_iter().map(|item| table(item, mismatch)).collect(),
        value => Ok(vec![table(Spanned::new(span, value), mismatch)?]),
    }
}

fn table(value: Spanned<DeValue<'_>>, mismatch: impl Fn(usize) -> Mismatch) -> Result<Spanned<DeTable<'_>>, Mismatch> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Table(table) => Ok(Spanned::new(span, table)),
        _ => Err(mismatch(span.start)),
    }
}

impl<'a> Section<'a> {
    /// The rules in `route`.
    pub(super) fn routes(&mut self) -> Result<Vec<Entry<RawRoute>>, ConfigError> {
        let Some(Entry { value, key, .. }) = self.take("route", routes)? else {
            return Ok(Vec::new());
        };
        let path: Vec<String> = self.path.iter().cloned().chain(["route".to_owned()]).collect();
        let route = |table: Spanned<DeTable<'a>>| {
            let offset = table.span().start;
            let section = Section::new(self.source, &keys::ROUTE, path.clone(), offset, table.into_inner());
            Ok(Entry { value: section.route()?, key: key.clone(), offset })
        };
        value.into_iter().map(route).collect()
    }

    fn route(mut self) -> Result<RawRoute, ConfigError> {
        self.refuse_unknown(|_| None)?;
        Ok(RawRoute {
            recipient: self.take("recipient", texts)?,
            headers: self.headers()?,
            list_id: self.take("list_id", texts)?,
            larger_than: self.take("larger_than", text)?,
            smaller_than: self.take("smaller_than", text)?,
            deliver: self.targets()?,
            skip: self.take("skip", switch)?,
        })
    }

    fn headers(&mut self) -> Result<Vec<RawHeader>, ConfigError> {
        let Some(Entry { value, .. }) = self.take("header", headers)? else {
            return Ok(Vec::new());
        };
        let path: Vec<String> = self.path.iter().cloned().chain(["header".to_owned()]).collect();
        let header = |table: Spanned<DeTable<'a>>| {
            let offset = table.span().start;
            Section::new(self.source, &keys::HEADER, path.clone(), offset, table.into_inner()).header()
        };
        value.into_iter().map(header).collect()
    }

    /// A name, and exactly one text to compare with.
    fn header(mut self) -> Result<RawHeader, ConfigError> {
        self.refuse_unknown(|_| None)?;
        let name = self.take_required("name", "Subject")?;
        let test = match (self.take("contains", text)?, self.take("matches", text)?) {
            (Some(text), None) => RawTest::Contains(text),
            (None, Some(text)) => RawTest::Matches(text),
            _ => {
                let problem = ValueError::new(format!("{} must have exactly one text to look for", self.shown_path()));
                let problem = problem.with_hint("write one of `contains`, `matches`");
                return Err(self.source.error(self.offset, self.shown_path(), problem));
            }
        };
        Ok(RawHeader { name, test })
    }
}
