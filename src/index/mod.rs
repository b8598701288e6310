//! The seen-index and journal of one account: one SQLite file, the only place that knows which message was delivered.
//!
//! Every method that changes something is one durable, atomic commit (WAL with `synchronous = FULL`), announced to the
//! host. Host, port and user are data in it: a changed host name is the same account. It is the only user of rusqlite.

mod absences;
mod account;
mod deliveries;
mod journal;
mod left_out;
mod messages;
mod runs;
mod stubs;

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::host::Host;
use crate::model::{hex, shown_path};

pub use absences::Lying;
pub use account::{HELD, Identity, QUARANTINE, Target};
pub use deliveries::{DeliveryState, Finding, HeldParcel, Journal, PromiseRecord};
pub use journal::{IntentRecord, Journaled, Placed};
pub use left_out::LeftOut;
pub use messages::Totals;
pub use runs::Run;

/// The schema version that this program writes.
const SCHEMA_VERSION: i64 = 2;
/// SQLite before this has the WAL-reset corruption race.
const OLDEST_SQLITE: i32 = 3_051_003;
/// Longest wait for another process that reads or writes the index.
const BUSY_TIME: Duration = Duration::from_secs(10);
/// What `PRAGMA application_id` says of an index: "fonc".
const APPLICATION_ID: i64 = 0x666f_6e63;

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It was written by a newer fetchonce.
    #[error(
        "{} was written by a newer fetchonce (index version {found}, this one knows {SCHEMA_VERSION})",
        shown_path(path)
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// It is no index, or a damaged one.
    #[error("{} is not a usable index", shown_path(path))]
    Broken {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// It is a database, but not an index of fetchonce.
    #[error("{} is a database of another program", shown_path(.0))]
    Foreign(PathBuf),
    /// A read or a write failed.
    #[error("the index {} could not be read or written", shown_path(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The linked SQLite is too old to be safe.
    #[error("SQLite {0} has a known corruption race; 3.51.3 or newer is needed")]
    OldSqlite(&'static str),
}

/// An open index.
pub struct Index<'h> {
    connection: Connection,
    host: &'h dyn Host,
    path: PathBuf,
    id: String,
}

impl<'h> Index<'h> {
    /// Opens the index file of an account, or makes it. The directory must exist.
    pub fn open(host: &'h dyn Host, path: &Path, identity: &Identity) -> Result<Self, IndexError> {
        // Its owner's alone, whatever the umask; SQLite gives its other files the same mode. An error is SQLite's to tell.
        let _ = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|source| classify(path, source))?;
        Self::prepare(host, connection, path, identity)
    }

    /// Opens the index of an account that another process may be at work on, and changes nothing; `None` where nothing
    /// was ever committed.
    pub fn open_read_only(host: &'h dyn Host, path: &Path) -> Result<Option<Self>, IndexError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let connection =
            Connection::open_with_flags(read_only_uri(path), flags).map_err(|source| classify(path, source))?;
        let mut index = Self { connection, host, path: path.to_owned(), id: String::new() };
        index.read(|db| db.busy_timeout(BUSY_TIME))?;
        match index.version()? {
            0 => return Ok(None),
            SCHEMA_VERSION => {}
            _ => index.update_copy().map_err(|source| classify(path, source))?,
        }
        index.id = index.read_id()?;
        Ok(Some(index))
    }

    /// An index in memory, from an image that [`Host::committed`] gave, or new: for simulations.
    pub fn open_image(host: &'h dyn Host, image: Option<&[u8]>, identity: &Identity) -> Result<Self, IndexError> {
        let path = Path::new(":memory:");
        let open = || -> rusqlite::Result<Connection> {
            let mut connection = Connection::open_in_memory()?;
            if let Some(image) = image {
                connection.deserialize_read_exact("main", image, image.len(), false)?;
            }
            Ok(connection)
        };
        Self::prepare(host, open().map_err(|source| classify(path, source))?, path, identity)
    }

    fn prepare(
        host: &'h dyn Host,
        connection: Connection,
        path: &Path,
        identity: &Identity,
    ) -> Result<Self, IndexError> {
        if rusqlite::version_number() < OLDEST_SQLITE {
            return Err(IndexError::OldSqlite(rusqlite::version()));
        }
        let mut index = Self { connection, host, path: path.to_owned(), id: String::new() };
        index.configure().map_err(|source| classify(path, source))?;
        index.migrate(identity)?;
        index.id = index.read_id()?;
        Ok(index)
    }

    fn read_id(&self) -> Result<String, IndexError> {
        self.read(|db| db.query_row("SELECT index_id FROM account", [], |row| row.get(0)))
    }

    fn configure(&self) -> rusqlite::Result<()> {
        self.connection.busy_timeout(BUSY_TIME)?;
        self.connection.pragma_update(None, "journal_mode", "WAL")?;
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        self.connection.pragma_update(None, "foreign_keys", true)?;
        self.connection.set_prepared_statement_cache_capacity(64);
        Ok(())
    }

    fn migrate(&mut self, identity: &Identity) -> Result<(), IndexError> {
        match self.version()? {
            0 => self.create(identity),
            SCHEMA_VERSION => Ok(()),
            _ => self.update(),
        }
    }

    /// The schema version; 0 for an empty database, which a crash left before its first commit.
    fn version(&self) -> Result<i64, IndexError> {
        let (version, application): (i64, i64) = self.read(|db| {
            let number = |name: &str| db.pragma_query_value(None, name, |row| row.get(0));
            Ok((number("user_version")?, number("application_id")?))
        })?;
        match version {
            1..=SCHEMA_VERSION if application == APPLICATION_ID => Ok(version),
            0 if application == 0 && self.is_empty()? => Ok(0),
            found if application == APPLICATION_ID && found > SCHEMA_VERSION => {
                Err(IndexError::Newer { path: self.path.clone(), found })
            }
            _ => Err(IndexError::Foreign(self.path.clone())),
        }
    }

    /// Brings an index of version 1 to this version, in one commit.
    fn update(&mut self) -> Result<(), IndexError> {
        // SQLite's own procedure for a table that others refer to; within a transaction the pragma would do nothing.
        self.read(|db| db.pragma_update(None, "foreign_keys", false))?;
        self.commit("update", |db| {
            db.execute_batch(include_str!("from_version_1.sql"))?;
            db.pragma_update(None, "user_version", SCHEMA_VERSION)
        })?;
        self.read(|db| db.pragma_update(None, "foreign_keys", true))
    }

    /// Goes on with a copy in memory, of this version, of an index of version 1 that may only be read.
    fn update_copy(&mut self) -> rusqlite::Result<()> {
        let image = self.connection.serialize("main")?.to_vec();
        let mut copy = Connection::open_in_memory()?;
        copy.deserialize_read_exact("main", &image[..], image.len(), false)?;
        copy.execute_batch("PRAGMA foreign_keys = OFF")?;
        copy.execute_batch(include_str!("from_version_1.sql"))?;
        self.connection = copy;
        Ok(())
    }

    fn is_empty(&self) -> Result<bool, IndexError> {
        self.read(|db| db.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0)))
    }

    fn create(&mut self, identity: &Identity) -> Result<(), IndexError> {
        let mut id = [0; 8];
        self.host.fill_random(&mut id);
        self.commit("create", |db| {
            db.execute_batch(include_str!("schema.sql"))?;
            db.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            db.pragma_update(None, "application_id", APPLICATION_ID)?;
            db.execute(
                "INSERT INTO account (only, index_id, name, server, port, user) VALUES (1, ?1, ?2, ?3, ?4, ?5)",
                (hex(&id), &identity.name, &identity.server, identity.port, &identity.user),
            )?;
            Ok(())
        })
    }

    /// The random id of this index; it is part of every file name that it gives.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, IndexError> {
        query(&self.connection).map_err(|source| classify(&self.path, source))
    }

    /// One atomic, durable commit; `what` names it in the log.
    fn commit<T>(
        &mut self,
        what: &str,
        change: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, IndexError> {
        let path = &self.path;
        let begun = self.host.elapsed();
        let value = commit(&mut self.connection, change).map_err(|source| classify(path, source))?;
        let took = self.host.elapsed().saturating_sub(begun);
        tracing::debug!(what, microseconds = took.as_micros(), "committed");
        let connection = &mut self.connection;
        self.host.committed(&mut || connection.serialize("main").map(|image| image.to_vec()).unwrap_or_default());
        Ok(value)
    }
}

fn commit<T>(
    connection: &mut Connection,
    change: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = change(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

/// Without a write-ahead log nobody has the index open, and all of it lies in its file: reading makes no log either.
fn read_only_uri(path: &Path) -> String {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            let _ = write!(uri, "%{byte:02x}");
        }
    }
    uri.push_str(if Path::new(&log).exists() { "?mode=ro" } else { "?mode=ro&immutable=1" });
    uri
}

fn classify(path: &Path, source: rusqlite::Error) -> IndexError {
    use rusqlite::ErrorCode::{CannotOpen, DatabaseCorrupt, NotADatabase};
    let path = path.to_owned();
    match &source {
        rusqlite::Error::SqliteFailure(failure, _) if matches!(failure.code, DatabaseCorrupt | NotADatabase) => {
            IndexError::Broken { path, source }
        }
        rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..) => {
            IndexError::Broken { path, source }
        }
        // The library adds the path to this one, with octets that are no UTF-8 replaced. The error names it already.
        rusqlite::Error::SqliteFailure(failure, Some(_)) if failure.code == CannotOpen => {
            IndexError::Io { path, source: rusqlite::Error::SqliteFailure(*failure, None) }
        }
        _ => IndexError::Io { path, source },
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::ffi::OsStr;

    use super::*;

    /// I9.
    #[test]
    fn every_error_shows_any_path_and_its_cause_repeats_none() {
        let path = Path::new(OsStr::from_bytes(b"/no\\such\x1b\xff/work.sqlite"));
        let unopened = classify(path, Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap_err());
        let cause = unopened.source().unwrap().to_string().to_lowercase();
        assert!(cause.contains("unable to open") && !cause.contains("work.sqlite"), "{cause}");
        let broken = classify(path, rusqlite::Error::InvalidColumnType(0, String::new(), rusqlite::types::Type::Null));
        let newer = IndexError::Newer { path: path.to_owned(), found: 99 };
        for error in [unopened, broken, newer, IndexError::Foreign(path.to_owned())] {
            assert!(error.to_string().contains(r"/no\\such\u{1b}\xff/work.sqlite"), "{error}");
        }
    }
}
