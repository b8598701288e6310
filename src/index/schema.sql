-- The seen-index and journal of one account. Version 2 (PRAGMA user_version).
-- Times are seconds since 1970-01-01 UTC; sizes are octets.

-- One row. What identifies the index and what it was last used for.
CREATE TABLE account (
    only          INTEGER PRIMARY KEY CHECK (only = 1),
    index_id      TEXT    NOT NULL,            -- random; part of every file name that this index gives
    name          TEXT    NOT NULL,
    server        TEXT    NOT NULL,
    port          INTEGER NOT NULL,
    user          TEXT    NOT NULL,
    epoch         INTEGER NOT NULL DEFAULT 0,  -- matches proven in an earlier epoch are proven no longer
    clock         INTEGER NOT NULL DEFAULT 0,  -- credited seconds: the age of mail counts by it
    clock_at      INTEGER,                     -- the time at the last run
    clock_max     INTEGER,                     -- the latest time at any run
    quit          INTEGER NOT NULL DEFAULT 1,  -- whether the last session with work to do ended by QUIT
    expire_told   INTEGER,                     -- the days of EXPIRE that the user was told of, as long as they are worth it
    looked_at     INTEGER                      -- on the credited clock: when the Maildir was last looked through
) STRICT;

-- Where messages were ever delivered. Recovery probes these, never the configuration.
CREATE TABLE target (
    id          INTEGER PRIMARY KEY,
    kind        TEXT    NOT NULL,              -- 'maildir', 'mbox', …; 'held' and 'quarantine' are the account's own Maildirs
    path        BLOB    NOT NULL,              -- a path; of a program or a server, what the configuration says
    marker      TEXT    NOT NULL,              -- the random id in the target's marker file, where it has one
    generation  INTEGER NOT NULL,              -- this index's runs that delivered there; the marker counts along
    UNIQUE (kind, path)
) STRICT;

CREATE TABLE listing (
    id        INTEGER PRIMARY KEY,
    taken_at  INTEGER NOT NULL,
    complete  INTEGER NOT NULL,
    messages  INTEGER NOT NULL
) STRICT;

CREATE TABLE message (
    id             INTEGER PRIMARY KEY,
    uid            BLOB    NOT NULL,
    size           INTEGER,
    state          TEXT    NOT NULL CHECK (state IN ('new', 'intent', 'held', 'delivered', 'untrusted', 'skipped')),
    first_listed   INTEGER NOT NULL REFERENCES listing,
    gone           INTEGER REFERENCES listing, -- the first complete listing that lacked it: a tombstone
    adopted_by     INTEGER,                    -- the row that took over its content under another unique-id
    header_hash    BLOB,
    full_hash      BLOB,
    octets         INTEGER,
    delivery       TEXT,                       -- unique part of the file name
    target         INTEGER REFERENCES target,  -- where it was put first: the held Maildir, or the only target
    inode          INTEGER,
    delivered_at   INTEGER,                    -- of the INTENT
    delivered_clock INTEGER,
    held           TEXT,                       -- the parcel: its name in the held Maildir, while it is HELD
    lost_parcel    TEXT,                       -- of a NEW row: the parcel that it was, and that was lost or damaged
    delete_sent    INTEGER,                    -- when a session with its DELE ended by QUIT
    proven_epoch   INTEGER NOT NULL DEFAULT 0,
    attempted      INTEGER NOT NULL DEFAULT 0,
    lost_sessions  INTEGER NOT NULL DEFAULT 0,
    retry_after    INTEGER,
    absent_for     INTEGER,                    -- seconds for which it was found absent from its Maildir
    stub_of        INTEGER REFERENCES message, -- of a stub, the message whose header it is; a stub is never listed itself
    CHECK (state IN ('new', 'skipped') OR (full_hash IS NOT NULL AND delivery IS NOT NULL AND target IS NOT NULL))
) STRICT;

CREATE INDEX message_uid ON message (uid);
CREATE INDEX message_full_hash ON message (full_hash) WHERE full_hash IS NOT NULL;
CREATE INDEX message_stub ON message (stub_of) WHERE stub_of IS NOT NULL;
CREATE INDEX message_unsettled ON message (state) WHERE state IN ('intent', 'held', 'untrusted');

-- A delivery of a parcel to a target; none until it is promised. It stays when the parcel is gone from the held Maildir.
CREATE TABLE delivery (
    parcel    TEXT    NOT NULL,                -- name in the held Maildir: the token of its deliveries
    target    INTEGER NOT NULL REFERENCES target,
    state     TEXT    NOT NULL CHECK (state IN ('intent', 'delivered', 'rejected', 'untrusted', 'in_doubt')),
    at        INTEGER NOT NULL,                -- of the INTENT
    full_hash BLOB    NOT NULL,                -- of the message
    prefix    BLOB    NOT NULL,                -- header lines that were put before the message
    name      TEXT,                            -- the promise: of a file its name and inode,
    inode     INTEGER,
    device    INTEGER,                         -- of a range of a file also its place, its hash and the dialect
    start     INTEGER,
    octets    INTEGER,
    hash      BLOB,
    dialect   TEXT,
    PRIMARY KEY (parcel, target)
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_unsettled ON delivery (state) WHERE state IN ('intent', 'untrusted', 'in_doubt');

-- New messages that a rule leaves on the server by what their header says, so that it is asked for once.
CREATE TABLE left_out (
    message INTEGER PRIMARY KEY REFERENCES message,
    rules   BLOB    NOT NULL,                  -- which rules said so: others ask anew
    size    INTEGER NOT NULL,                  -- as it was listed,
    epoch   INTEGER NOT NULL,                  -- and in which epoch
    why     TEXT    NOT NULL
) STRICT;

CREATE TABLE run (
    id          INTEGER PRIMARY KEY,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER,                       -- NULL: it was cut off
    exit_code   INTEGER,
    listed      INTEGER NOT NULL DEFAULT 0,
    delivered   INTEGER NOT NULL DEFAULT 0,
    octets      INTEGER NOT NULL DEFAULT 0,
    deleted     INTEGER NOT NULL DEFAULT 0,
    error       TEXT
) STRICT;
