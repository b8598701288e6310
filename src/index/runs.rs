//! The log of runs.

use super::{Index, IndexError};
use crate::model::{Octets, Timestamp};

/// One run of an account.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Run {
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended; `None` when it was cut off.
    pub ended_at: Option<Timestamp>,
    /// The exit code it ended with.
    pub exit_code: Option<u8>,
    /// Messages listed.
    pub listed: u64,
    /// Messages delivered.
    pub delivered: u64,
    /// Octets delivered.
    pub octets: Octets,
    /// Messages deleted on the server.
    pub deleted: u64,
    /// The error that ended it.
    pub error: Option<String>,
}

impl Index<'_> {
    /// Logs the end of a run that [`Index::begin_run`] began.
    pub fn end_run(&mut self, id: i64, run: &Run) -> Result<(), IndexError> {
        self.commit("end_run", |db| {
            db.execute(
                "UPDATE run SET ended_at = ?2, exit_code = ?3, listed = ?4, delivered = ?5, octets = ?6, deleted = ?7,
                        error = ?8 WHERE id = ?1",
                (
                    id,
                    run.ended_at.map(|at| at.0),
                    run.exit_code,
                    run.listed,
                    run.delivered,
                    super::messages::signed(run.octets),
                    run.deleted,
                    &run.error,
                ),
            )
            .map(drop)
        })
    }

    /// When the first run that is remembered started.
    pub fn first_run(&self) -> Result<Option<Timestamp>, IndexError> {
        self.run_time("SELECT min(started_at) FROM run")
    }

    /// When the last run that went well ended.
    pub fn last_success(&self) -> Result<Option<Timestamp>, IndexError> {
        self.run_time("SELECT max(ended_at) FROM run WHERE exit_code = 0")
    }

    fn run_time(&self, sql: &str) -> Result<Option<Timestamp>, IndexError> {
        self.read(|db| db.query_row(sql, [], |row| Ok(row.get::<_, Option<i64>>(0)?.map(Timestamp))))
    }

    /// The newest runs, the newest first.
    pub fn runs(&self, most: u32) -> Result<Vec<Run>, IndexError> {
        self.read(|db| {
            let mut statement = db.prepare(
                "SELECT started_at, ended_at, exit_code, listed, delivered, octets, deleted, error FROM run
                 ORDER BY id DESC LIMIT ?1",
            )?;
            let read = |sql: &rusqlite::Row<'_>| {
                Ok(Run {
                    started_at: Timestamp(sql.get(0)?),
                    ended_at: sql.get::<_, Option<i64>>(1)?.map(Timestamp),
                    exit_code: sql.get(2)?,
                    listed: sql.get(3)?,
                    delivered: sql.get(4)?,
                    octets: Octets(sql.get(5)?),
                    deleted: sql.get(6)?,
                    error: sql.get(7)?,
                })
            };
            statement.query_map([most], read)?.collect()
        })
    }
}
