//! What the index is for: the account, its credited clock, and the targets it ever delivered to.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rusqlite::OptionalExtension;

use super::{Index, IndexError};
use crate::model::{Timestamp, limits};
use crate::policy;

/// What an account is called and where its maildrop is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Identity {
    /// The account's name: it names the index, and so the account.
    pub name: String,
    /// The server's name as configured.
    pub server: String,
    /// The TCP port.
    pub port: u16,
    /// The user's name at the server.
    pub user: String,
}

/// The kind of the account's own Maildir for messages on their way: the spool.
pub const HELD: &str = "held";
/// The kind of the account's own Maildir for messages that a target will never take.
pub const QUARANTINE: &str = "quarantine";

/// A target that the index knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Its number in the index.
    pub id: i64,
    /// [`crate::model::Target::kind`], [`HELD`] or [`QUARANTINE`].
    pub kind: String,
    /// Where it is: a path, or what the configuration says of a program or a server.
    pub path: PathBuf,
    /// The random id in its marker file.
    pub marker: String,
    /// How many runs of this index delivered there.
    pub generation: i64,
}

impl Index<'_> {
    /// The account as of the last session.
    pub fn identity(&self) -> Result<Identity, IndexError> {
        self.read(|db| {
            db.query_row("SELECT name, server, port, user FROM account", [], |row| {
                Ok(Identity { name: row.get(0)?, server: row.get(1)?, port: row.get(2)?, user: row.get(3)? })
            })
        })
    }

    /// Begins a run: credits the time since the last one, at most 45 days and never negative, and logs the start.
    ///
    /// Gives the credited clock in seconds and the run's number.
    pub fn begin_run(&mut self, now: Timestamp) -> Result<(i64, i64), IndexError> {
        self.commit("begin_run", |db| {
            let clock = credited_clock(db, now)?;
            db.execute(
                "UPDATE account SET clock = ?1, clock_at = ?2, clock_max = max(coalesce(clock_max, ?2), ?2)",
                (clock, now.0),
            )?;
            db.execute("INSERT INTO run (started_at) VALUES (?1)", [now.0])?;
            let run = db.last_insert_rowid();
            if run > limits::RUNS_KEPT {
                let last_success = "coalesce((SELECT max(id) FROM run WHERE exit_code = 0), 0)";
                let forget = format!("DELETE FROM run WHERE id <= ?1 AND id <> {last_success}");
                db.execute(&forget, [run - limits::RUNS_KEPT])?;
            }
            Ok((clock, run))
        })
    }

    /// The clock that [`Index::begin_run`] would give, with nothing recorded.
    pub fn credited_clock(&self, now: Timestamp) -> Result<i64, IndexError> {
        self.read(|db| credited_clock(db, now))
    }

    /// The latest time at which any run began, also one that a wrong clock showed.
    pub fn latest_run(&self) -> Result<Option<Timestamp>, IndexError> {
        let sql = "SELECT clock_max FROM account";
        self.read(|db| db.query_row(sql, [], |row| Ok(row.get::<_, Option<i64>>(0)?.map(Timestamp))))
    }

    /// The epoch in which unique-ids must have been proven.
    pub fn epoch(&self) -> Result<i64, IndexError> {
        self.read(|db| db.query_row("SELECT epoch FROM account", [], |row| row.get(0)))
    }

    /// Whether the last session that had work to do ended by QUIT.
    pub fn last_session_quit(&self) -> Result<bool, IndexError> {
        self.read(|db| db.query_row("SELECT quit FROM account", [], |row| row.get(0)))
    }

    /// The days of EXPIRE that the user was told of.
    pub fn expire_told(&self) -> Result<Option<u64>, IndexError> {
        self.read(|db| db.query_row("SELECT expire_told FROM account", [], |row| row.get::<_, Option<i64>>(0)))
            .map(|days| days.map(i64::cast_unsigned))
    }

    /// The user is told of these days of EXPIRE; of none, once they are worth it no longer.
    pub fn set_expire_told(&mut self, days: Option<u64>) -> Result<(), IndexError> {
        self.commit("set_expire_told", |db| {
            db.execute("UPDATE account SET expire_told = ?1", [days.map(u64::cast_signed)]).map(drop)
        })
    }

    /// The target of this kind and path.
    pub fn target_at(&self, kind: &str, path: &Path) -> Result<Option<Target>, IndexError> {
        let path = path.as_os_str().as_bytes();
        self.read(|db| db.query_row(&select_target("kind = ?1 AND path = ?2"), (kind, path), read_target).optional())
    }

    /// The target with this number.
    pub fn target(&self, id: i64) -> Result<Target, IndexError> {
        self.read(|db| db.query_row(&select_target("id = ?1"), [id], read_target))
    }

    /// The target with this marker, wherever it was last: a Maildir that moved, or is named in another way now.
    pub fn target_with_marker(&self, kind: &str, marker: &str) -> Result<Option<Target>, IndexError> {
        self.read(|db| {
            db.query_row(&select_target("kind = ?1 AND marker = ?2"), [kind, marker], read_target).optional()
        })
    }

    /// Records that a target lies at another path.
    pub fn move_target(&mut self, target: i64, path: &Path) -> Result<(), IndexError> {
        let sql = "UPDATE target SET path = ?2 WHERE id = ?1";
        self.commit("move_target", |db| db.execute(sql, (target, path.as_os_str().as_bytes())).map(drop))
    }

    /// Records a target at its first use.
    pub fn add_target(&mut self, kind: &str, path: &Path, marker: &str, generation: i64) -> Result<Target, IndexError> {
        let target =
            |id| Target { id, kind: kind.to_owned(), path: path.to_owned(), marker: marker.to_owned(), generation };
        self.commit("add_target", |db| {
            db.execute(
                "INSERT INTO target (kind, path, marker, generation) VALUES (?1, ?2, ?3, ?4)",
                (kind, path.as_os_str().as_bytes(), marker, generation),
            )?;
            Ok(target(db.last_insert_rowid()))
        })
    }

    /// The account's own Maildir of this kind, wherever it lay when it was last used.
    pub fn own_target(&self, kind: &str) -> Result<Option<Target>, IndexError> {
        let sql = select_target("kind = ?1 ORDER BY id DESC LIMIT 1");
        self.read(|db| db.query_row(&sql, [kind], read_target).optional())
    }

    /// Gives the account another name, and its own Maildirs other places, in one commit.
    pub fn rename(&mut self, name: &str, moved: &[(i64, &Path)]) -> Result<(), IndexError> {
        self.commit("rename", |db| {
            db.execute("UPDATE account SET name = ?1", [name])?;
            for (target, path) in moved {
                let sql = "UPDATE target SET path = ?2 WHERE id = ?1";
                db.execute(sql, (target, path.as_os_str().as_bytes()))?;
            }
            Ok(())
        })
    }

    /// Records that this index is about to write `generation` beside the target's marker.
    pub fn set_generation(&mut self, target: i64, generation: i64) -> Result<(), IndexError> {
        self.commit("set_generation", |db| {
            db.execute("UPDATE target SET generation = ?2 WHERE id = ?1", (target, generation)).map(drop)
        })
    }

    /// Accepts a target as it is now: its marker and generation are the ones found there.
    pub fn accept_target(&mut self, target: i64, marker: &str, generation: i64) -> Result<(), IndexError> {
        self.commit("accept_target", |db| {
            let sql = "UPDATE target SET marker = ?2, generation = ?3 WHERE id = ?1";
            db.execute(sql, (target, marker, generation)).map(drop)
        })
    }
}

fn credited_clock(db: &rusqlite::Connection, now: Timestamp) -> rusqlite::Result<i64> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let (clock, last, latest): (i64, Option<i64>, Option<i64>) =
        db.query_row("SELECT clock, clock_at, clock_max FROM account", [], read)?;
    let credit =
        last.zip(latest).map(|(last, latest)| policy::credited_seconds(Timestamp(last), Timestamp(latest), now));
    Ok(clock + credit.unwrap_or(0))
}

fn select_target(condition: &str) -> String {
    format!("SELECT id, kind, path, marker, generation FROM target WHERE {condition}")
}

fn read_target(row: &rusqlite::Row<'_>) -> rusqlite::Result<Target> {
    let path: Vec<u8> = row.get(2)?;
    Ok(Target {
        id: row.get(0)?,
        kind: row.get(1)?,
        path: PathBuf::from(OsStr::from_bytes(&path)),
        marker: row.get(3)?,
        generation: row.get(4)?,
    })
}
