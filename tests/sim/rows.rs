//! The rows of an index image, read apart from the program.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::OnceLock;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::part::{Part, hash};

/// Images that a thread keeps: some hundred megabytes.
const MOST_KNOWN: usize = 4000;

thread_local! {
    /// Most commits of a simulation were made before, octet for octet.
    static KNOWN: RefCell<HashMap<u64, Part<Image>>> = RefCell::default();
}

/// An index image; two are equal when a later run could not tell them apart.
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
    rows: OnceLock<Rows>,
}

impl Image {
    pub(crate) fn of(bytes: Vec<u8>) -> Part<Self> {
        let key = hash(&bytes);
        let image = || Part::new(Self { bytes, rows: OnceLock::new() });
        KNOWN.with_borrow_mut(|known| {
            if known.len() == MOST_KNOWN {
                known.clear();
            }
            known.entry(key).or_insert_with(image).clone()
        })
    }

    pub(crate) fn rows(&self) -> &Rows {
        self.rows.get_or_init(|| Rows::of(&self.bytes))
    }
}

impl PartialEq for Image {
    fn eq(&self, other: &Self) -> bool {
        self.rows() == other.rows()
    }
}

impl Eq for Image {}

impl Hash for Image {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rows().hash(state);
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows().fmt(f)
    }
}

/// The message rows of an image, in full, as text.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Rows {
    /// One line a message, every column.
    pub(crate) messages: Vec<String>,
    /// What else decides about later runs: the account and the targets, without the wall clock.
    account: Vec<String>,
}

impl Rows {
    fn of(image: &[u8]) -> Self {
        let mut db = Connection::open_in_memory().expect("a database in memory opens");
        db.deserialize_read_exact("main", image, image.len(), true).expect("the image is a database");
        let messages = lines(&db, "SELECT * FROM message ORDER BY id");
        let mut account =
            lines(&db, "SELECT index_id, name, server, port, user, epoch, clock, clock_at, quit FROM account");
        account.extend(lines(&db, "SELECT * FROM target ORDER BY id"));
        account.extend(lines(&db, "SELECT * FROM delivery ORDER BY parcel, target"));
        Self { messages, account }
    }

    pub(crate) fn has_intent(&self) -> bool {
        self.messages.iter().any(|row| row.contains("intent"))
    }
}

fn lines(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(sql).expect("the query fits the schema");
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let cells = (0..columns).map(|at| cell(row.get_ref(at).expect("the column exists")));
        Ok(cells.collect::<Vec<_>>().join(" "))
    });
    rows.expect("the query runs").map(|line| line.expect("the row is read")).collect()
}

fn cell(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "-".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => text.escape_ascii().to_string(),
    }
}
