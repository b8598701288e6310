-- Version 1 to 2: deliveries out of the held Maildir have rows of their own.

CREATE TABLE new_target (
    id          INTEGER PRIMARY KEY,
    kind        TEXT    NOT NULL,
    path        BLOB    NOT NULL,
    marker      TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    UNIQUE (kind, path)
) STRICT;
INSERT INTO new_target SELECT id, kind, path, marker, generation FROM target;
DROP TABLE target;
ALTER TABLE new_target RENAME TO target;

CREATE TABLE delivery (
    parcel    TEXT    NOT NULL,
    target    INTEGER NOT NULL REFERENCES target,
    state     TEXT    NOT NULL CHECK (state IN ('intent', 'delivered', 'rejected', 'untrusted', 'in_doubt')),
    at        INTEGER NOT NULL,
    full_hash BLOB    NOT NULL,
    prefix    BLOB    NOT NULL,
    name      TEXT,
    inode     INTEGER,
    device    INTEGER,
    start     INTEGER,
    octets    INTEGER,
    hash      BLOB,
    dialect   TEXT,
    PRIMARY KEY (parcel, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_unsettled ON delivery (state) WHERE state IN ('intent', 'untrusted', 'in_doubt');

-- A held message on its way into its target when a crash or a failed sync came.
INSERT OR IGNORE INTO delivery (parcel, target, state, at, full_hash, prefix, name, inode)
    SELECT held, target, state, delivered_at, full_hash, x'', delivery, inode
      FROM message WHERE state IN ('intent', 'untrusted') AND held IS NOT NULL;
UPDATE message SET state = 'held', delivery = held, target = held_target
 WHERE state IN ('intent', 'untrusted') AND held IS NOT NULL;

ALTER TABLE message DROP COLUMN held_target;
ALTER TABLE message ADD COLUMN lost_parcel TEXT;
ALTER TABLE message ADD COLUMN stub_of INTEGER REFERENCES message;
CREATE INDEX message_stub ON message (stub_of) WHERE stub_of IS NOT NULL;

ALTER TABLE account ADD COLUMN expire_told INTEGER;
ALTER TABLE message ADD COLUMN absent_for INTEGER;
ALTER TABLE account ADD COLUMN looked_at INTEGER;

CREATE TABLE left_out (
    message INTEGER PRIMARY KEY REFERENCES message,
    rules   BLOB    NOT NULL,
    size    INTEGER NOT NULL,
    epoch   INTEGER NOT NULL,
    why     TEXT    NOT NULL
) STRICT;
