//! The file as it is written: TOML into keys of the right type, each with its place.
//!
//! This room walks the parser's tree instead of deriving the shape with serde: serde's messages quote the value that
//! does not fit, which may be a password (I9), and do not say where an unknown key stands.

mod route;
mod target;

use std::path::Path;

use secrecy::SecretString;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, ConfigErrorKind, ValueError, dotted, nearest};
use super::keys::{self, Key};
pub(super) use route::{RawHeader, RawRoute, RawTest};
pub(super) use target::{RawOptions, RawPlace, RawTarget};

/// A value with its dotted key and the offset of the octet where the key begins.
pub(super) struct Entry<T> {
    pub(super) value: T,
    pub(super) key: String,
    pub(super) offset: usize,
}

impl<T> Entry<T> {
    fn map<U>(self, make: impl FnOnce(T) -> U) -> Entry<U> {
        Entry { value: make(self.value), key: self.key, offset: self.offset }
    }
}

/// The whole file.
pub(super) struct RawFile {
    pub(super) state_dir: Option<Entry<String>>,
    pub(super) after: Option<Entry<Vec<String>>>,
    pub(super) on_error: Option<Entry<Vec<String>>>,
    /// In the order of the file.
    pub(super) accounts: Vec<RawAccount>,
}

/// One `[account.NAME]` table.
pub(super) struct RawAccount {
    pub(super) name: Entry<String>,
    pub(super) server: Entry<String>,
    pub(super) port: Option<Entry<Option<i64>>>,
    pub(super) tls: Option<Entry<String>>,
    pub(super) allow_cleartext: Option<Entry<bool>>,
    pub(super) ca_file: Option<Entry<String>>,
    pub(super) user: Entry<String>,
    pub(super) password: Option<Entry<RawPassword>>,
    /// Never empty.
    pub(super) deliver: Vec<Entry<RawTarget>>,
    /// In the order of the file.
    pub(super) routes: Vec<Entry<RawRoute>>,
    pub(super) recipient_headers: Option<Entry<Vec<String>>>,
    pub(super) trace_headers: Option<Entry<Vec<String>>>,
    pub(super) rules: RawRules,
    pub(super) timeout: Option<Entry<String>>,
    pub(super) deadline: Option<Entry<String>>,
    pub(super) after: Option<Entry<Vec<String>>>,
    pub(super) on_error: Option<Entry<Vec<String>>>,
}

/// What stays on the server, and what is fetched.
pub(super) struct RawRules {
    pub(super) keep: Option<Entry<String>>,
    pub(super) keep_newest: Option<Entry<Option<i64>>>,
    pub(super) keep_bytes: Option<Entry<String>>,
    pub(super) delete_larger_than: Option<Entry<String>>,
    pub(super) delete_when_removed_locally: Option<Entry<bool>>,
    pub(super) max_size: Option<Entry<String>>,
    pub(super) oversize: Option<Entry<String>>,
    pub(super) order: Option<Entry<String>>,
    pub(super) limit: Option<Entry<Option<i64>>>,
    pub(super) limit_bytes: Option<Entry<String>>,
    pub(super) limit_time: Option<Entry<String>>,
    pub(super) relogin: Option<Entry<Option<i64>>>,
    pub(super) until_drained: Option<Entry<bool>>,
}

/// A password, or the one key of the table that says where it is.
pub(super) enum RawPassword {
    Text(SecretString),
    Command(Vec<String>),
    File(String),
    Env(String),
    Credential(String),
}

/// The text that is read, for the places in errors.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// An error at `offset` about `key`.
    pub(super) fn error(self, offset: usize, key: String, problem: ValueError) -> ConfigError {
        ConfigError::at(ConfigErrorKind::Invalid, self.file, self.text, offset, problem).with_key(key)
    }

    /// Reads the file's shape; the first unknown key, wrong type or missing key is the error.
    pub(super) fn read(self) -> Result<RawFile, ConfigError> {
        let tree = DeTable::parse(self.text).map_err(|error| self.syntax_error(&error))?;
        let mut file = Section::new(self, &keys::FILE, Vec::new(), 0, tree.into_inner());
        file.refuse_unknown(|key| {
            let is_of_account = keys::ACCOUNT.iter().any(|known| known.name == key);
            is_of_account.then(|| "write it below the `[account.NAME]` that it belongs to".to_owned())
        })?;
        let state_dir = file.take("state_dir", text)?;
        let (after, on_error) = (file.take("after", words)?, file.take("on_error", words)?);
        let accounts = match file.take("account", table)? {
            None => Vec::new(),
            Some(entry) => Section::new(self, &[], vec!["account".to_owned()], entry.offset, entry.value).accounts()?,
        };
        Ok(RawFile { state_dir, after, on_error, accounts })
    }

    /// The parser's description is a fixed phrase of its own; its `Display` would print the line.
    fn syntax_error(self, error: &toml::de::Error) -> ConfigError {
        const HINTS: [(&str, &str); 3] = [
            ("string values must be quoted", "write text in double quotes"),
            ("duplicate key", "a key or account may stand only once"),
            ("invalid unquoted key", "quote a name with other characters, `[account.\"alice@example.com\"]`"),
        ];
        let problem = ValueError::new(error.message().to_owned());
        let hint = HINTS.iter().find(|(phrase, _)| error.message().starts_with(phrase));
        let problem = match hint {
            Some((_, hint)) => problem.with_hint(*hint),
            None => problem,
        };
        let offset = error.span().map_or(self.text.len(), |span| span.start);
        ConfigError::at(ConfigErrorKind::Syntax, self.file, self.text, offset, problem)
    }
}

/// A value that has the wrong type: the wanted one, and how to write it.
struct Mismatch {
    wanted: &'static str,
    hint: Option<&'static str>,
    offset: usize,
}

fn text(value: Spanned<DeValue<'_>>) -> Result<String, Mismatch> {
    let offset = value.span().start;
    match value.into_inner() {
        DeValue::String(text) => Ok(text.into_owned()),
        DeValue::Array(_) | DeValue::Table(_) => Err(Mismatch { wanted: "text", hint: None, offset }),
        _ => Err(Mismatch { wanted: "text", hint: Some("write it in double quotes"), offset }),
    }
}

fn switch(value: Spanned<DeValue<'_>>) -> Result<bool, Mismatch> {
    let offset = value.span().start;
    match value.into_inner() {
        DeValue::Boolean(value) => Ok(value),
        _ => Err(Mismatch { wanted: "true or false", hint: Some("write `true` or `false`, without quotes"), offset }),
    }
}

/// A whole number; `None` for one that is out of any range.
fn number(value: Spanned<DeValue<'_>>) -> Result<Option<i64>, Mismatch> {
    let offset = value.span().start;
    match value.into_inner() {
        DeValue::Integer(number) => Ok(i64::from_str_radix(number.as_str(), number.radix()).ok()),
        _ => Err(Mismatch { wanted: "a whole number", hint: Some("write digits, without quotes"), offset }),
    }
}

fn words(value: Spanned<DeValue<'_>>) -> Result<Vec<String>, Mismatch> {
    let mismatch = |offset| Mismatch {
        wanted: "a list of texts",
        hint: Some("write the program and each argument as its own text, `[\"PROGRAM\", \"ARGUMENT\"]`"),
        offset,
    };
    let offset = value.span().start;
    let DeValue::Array(items) = value.into_inner() else {
        return Err(mismatch(offset));
    };
    let word = |item: Spanned<DeValue<'_>>| text(item).map_err(|error| mismatch(error.offset));
    items.into_iter().map(word).collect()
}

/// A text, or a list of texts.
fn texts(value: Spanned<DeValue<'_>>) -> Result<Vec<String>, Mismatch> {
    let mismatch = |offset| Mismatch {
        wanted: "text or a list of texts",
        hint: Some("write each text in double quotes, `[\"one\", \"another\"]`"),
        offset,
    };
    let offset = value.span().start;
    match value.into_inner() {
        DeValue::String(text) => Ok(vec![text.into_owned()]),
        DeValue::Array(items) => {
            items.into_iter().map(|item| text(item).map_err(|error| mismatch(error.offset))).collect()
        }
        _ => Err(mismatch(offset)),
    }
}

fn table(value: Spanned<DeValue<'_>>) -> Result<DeTable<'_>, Mismatch> {
    let offset = value.span().start;
    match value.into_inner() {
        DeValue::Table(table) => Ok(table),
        _ => Err(Mismatch {
            wanted: "a table",
            hint: Some("an account is a table of its own, `[account.NAME]`"),
            offset,
        }),
    }
}

/// A text, or the table of a password's source.
enum PasswordValue<'a> {
    Text(SecretString),
    Table(DeTable<'a>),
}

fn password(value: Spanned<DeValue<'_>>) -> Result<PasswordValue<'_>, Mismatch> {
    let offset = value.span().start;
    match value.into_inner() {
        DeValue::String(text) => Ok(PasswordValue::Text(SecretString::from(text.as_ref()))),
        DeValue::Table(table) => Ok(PasswordValue::Table(table)),
        _ => Err(Mismatch {
            wanted: "text or a table",
            hint: Some("write a text in double quotes, or for example `{ command = [\"pass\", \"show\", \"mail\"] }`"),
            offset,
        }),
    }
}

/// One key of a table, with its own place and its value.
struct Item<'a> {
    key: String,
    offset: usize,
    value: Spanned<DeValue<'a>>,
}

/// A table whose keys are taken out one by one.
struct Section<'a> {
    source: Source<'a>,
    /// The keys that it may have; none where the names are the user's own.
    keys: &'static [Key],
    path: Vec<String>,
    offset: usize,
    /// In the order of the file.
    items: Vec<Item<'a>>,
}

impl<'a> Section<'a> {
    fn new(source: Source<'a>, keys: &'static [Key], path: Vec<String>, offset: usize, table: DeTable<'a>) -> Self {
        let item = |(key, value): (Spanned<_>, _)| {
            let offset = key.span().start;
            Item { key: std::borrow::Cow::into_owned(key.into_inner()), offset, value }
        };
        let mut items: Vec<_> = table.into_iter().map(item).collect();
        items.sort_by_key(|item| item.offset);
        Self { source, keys, path, offset, items }
    }

    fn dotted(&self, key: &str) -> String {
        dotted(&self.path.iter().map(String::as_str).chain([key]).collect::<Vec<_>>())
    }

    fn shown_path(&self) -> String {
        dotted(&self.path.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The first key that is not known here.
    fn unknown(&self) -> Option<&Item<'a>> {
        self.items.iter().find(|item| !self.keys.iter().any(|known| known.name == item.key))
    }

    /// An unknown key is an error; `special` may know a hint where no known key is near.
    fn refuse_unknown(&self, special: impl Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        let Some(item) = self.unknown() else {
            return Ok(());
        };
        let key = item.key.as_str();
        let known = keys::names(self.keys);
        let other_word = self.keys.iter().find(|known| known.other_words.contains(&key));
        let meant = other_word.map(|known| known.name).or_else(|| nearest(key, &known));
        let hint = meant
            .map(|meant| format!("did you mean `{meant}`?"))
            .or_else(|| special(key))
            .unwrap_or_else(|| format!("known keys: {}", known.join(", ")));
        let place = if self.path.is_empty() { String::new() } else { format!(" in {}", self.shown_path()) };
        let problem = ValueError::new(format!("unknown key `{}`{place}", dotted(&[key]))).with_hint(hint);
        Err(self.source.error(item.offset, self.dotted(key), problem))
    }

    fn take<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(Spanned<DeValue<'a>>) -> Result<T, Mismatch>,
    ) -> Result<Option<Entry<T>>, ConfigError> {
        debug_assert!(
            self.keys.iter().any(|known| known.name == key),
            "`{key}` is read and stands in no table of keys"
        );
        let Some(index) = self.items.iter().position(|item| item.key == key) else {
            return Ok(None);
        };
        let item = self.items.remove(index);
        self.entry(item, read).map(Some)
    }

    fn entry<T>(
        &self,
        item: Item<'a>,
        read: impl FnOnce(Spanned<DeValue<'a>>) -> Result<T, Mismatch>,
    ) -> Result<Entry<T>, ConfigError> {
        let key = self.dotted(&item.key);
        match read(item.value) {
            Ok(value) => Ok(Entry { value, key, offset: item.offset }),
            Err(Mismatch { wanted, hint, offset }) => {
                let problem = ValueError::new(format!("{key} must be {wanted}"));
                let problem = if let Some(hint) = hint { problem.with_hint(hint) } else { problem };
                Err(self.source.error(offset, key, problem))
            }
        }
    }

    fn take_required(&mut self, key: &str, example: &str) -> Result<Entry<String>, ConfigError> {
        self.take(key, text)?.ok_or_else(|| self.lacks(key, example))
    }

    fn lacks(&self, key: &str, example: &str) -> ConfigError {
        let problem = ValueError::new(format!("{} has no `{key}`", self.shown_path()));
        let problem = problem.with_hint(format!("write for example `{key} = \"{example}\"`"));
        self.source.error(self.offset, self.dotted(key), problem)
    }

    fn accounts(mut self) -> Result<Vec<RawAccount>, ConfigError> {
        let mut accounts = Vec::with_capacity(self.items.len());
        for item in std::mem::take(&mut self.items) {
            let name = item.key.clone();
            let entry = self.entry(item, table)?;
            let path = self.path.iter().chain([&name]).cloned().collect();
            let section = Section::new(self.source, &keys::ACCOUNT, path, entry.offset, entry.value);
            accounts.push(section.account(Entry { value: name, key: entry.key, offset: entry.offset })?);
        }
        Ok(accounts)
    }

    fn account(mut self, name: Entry<String>) -> Result<RawAccount, ConfigError> {
        self.refuse_unknown(|key| {
            let is_table = self.items.iter().any(|item| item.key == key && item.value.get_ref().is_table());
            is_table.then(|| "a name with a dot needs quotes, `[account.\"alice@example.com\"]`".to_owned())
        })?;
        Ok(RawAccount {
            server: self.take_required("server", "pop.example.com")?,
            port: self.take("port", number)?,
            tls: self.take("tls", text)?,
            allow_cleartext: self.take("allow_cleartext", switch)?,
            ca_file: self.take("ca_file", text)?,
            user: self.take_required("user", "alice@example.com")?,
            password: self.password()?,
            deliver: self.targets()?.ok_or_else(|| self.lacks("deliver", "maildir:~/Mail"))?,
            routes: self.routes()?,
            recipient_headers: self.take("recipient_headers", texts)?,
            trace_headers: self.take("trace_headers", texts)?,
            rules: self.rules()?,
            timeout: self.take("timeout", text)?,
            deadline: self.take("deadline", text)?,
            after: self.take("after", words)?,
            on_error: self.take("on_error", words)?,
            name,
        })
    }

    fn rules(&mut self) -> Result<RawRules, ConfigError> {
        Ok(RawRules {
            keep: self.take("keep", text)?,
            keep_newest: self.take("keep_newest", number)?,
            keep_bytes: self.take("keep_bytes", text)?,
            delete_larger_than: self.take("delete_larger_than", text)?,
            delete_when_removed_locally: self.take("delete_when_removed_locally", switch)?,
            max_size: self.take("max_size", text)?,
            oversize: self.take("oversize", text)?,
            order: self.take("order", text)?,
            limit: self.take("limit", number)?,
            limit_bytes: self.take("limit_bytes", text)?,
            limit_time: self.take("limit_time", text)?,
            relogin: self.take("relogin", number)?,
            until_drained: self.take("until_drained", switch)?,
        })
    }

    fn password(&mut self) -> Result<Option<Entry<RawPassword>>, ConfigError> {
        let Some(Entry { value, key, offset }) = self.take("password", password)? else {
            return Ok(None);
        };
        let table = match value {
            PasswordValue::Text(secret) => return Ok(Some(Entry { value: RawPassword::Text(secret), key, offset })),
            PasswordValue::Table(table) => table,
        };
        let path = self.path.iter().cloned().chain(["password".to_owned()]).collect();
        let value = Section::new(self.source, &keys::PASSWORD, path, offset, table).password_source(&key)?;
        Ok(Some(Entry { value, key, offset }))
    }

    /// Exactly one of the known keys. No other is named in an error: it may be a password without its quotes.
    fn password_source(mut self, whole: &str) -> Result<RawPassword, ConfigError> {
        let known = keys::names(self.keys);
        let one = || format!("write one of `{}`", known.join("`, `"));
        if let Some(item) = self.unknown() {
            let hint = nearest(&item.key, &known).map(|meant| format!("did you mean `{meant}`?"));
            let problem = ValueError::new(format!("unknown key in {whole}"));
            let problem = problem.with_hint(hint.unwrap_or_else(one));
            return Err(self.source.error(item.offset, whole.to_owned(), problem));
        }
        if self.items.len() != 1 {
            let problem = ValueError::new(format!("{whole} must have exactly one source")).with_hint(one());
            return Err(self.source.error(self.offset, whole.to_owned(), problem));
        }
        let command = self.take("command", words)?.map(|entry| RawPassword::Command(entry.value));
        let file = self.take("file", text)?.map(|entry| RawPassword::File(entry.value));
        let env = self.take("env", text)?.map(|entry| RawPassword::Env(entry.value));
        let credential = self.take("credential", text)?.map(|entry| RawPassword::Credential(entry.value));
        command.or(file).or(env).or(credential).ok_or_else(|| {
            let problem = ValueError::new(format!("{whole} must have exactly one source")).with_hint(one());
            self.source.error(self.offset, whole.to_owned(), problem)
        })
    }
}
