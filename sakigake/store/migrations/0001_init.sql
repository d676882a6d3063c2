-- Append-only evidence: no row of these three tables is ever changed or removed.
CREATE TABLE sessions (
  id         TEXT PRIMARY KEY,
  ledger     TEXT NOT NULL UNIQUE,
  started_ms INTEGER NOT NULL,
  source     TEXT NOT NULL,
  public_key BLOB NOT NULL CHECK (length(public_key) = 32),
  ended_ms   INTEGER
) STRICT;

CREATE TABLE entries (
  session     TEXT NOT NULL REFERENCES sessions (id),
  seq         INTEGER NOT NULL CHECK (seq >= 0),
  type        TEXT NOT NULL,
  raw         BLOB NOT NULL,
  leaf        BLOB NOT NULL CHECK (length(leaf) = 32),
  opening     BLOB,
  fp_opening  BLOB,
  fingerprint BLOB,
  PRIMARY KEY (session, seq),
  UNIQUE (session, leaf)
) STRICT;

CREATE TABLE checkpoints (
  session TEXT NOT NULL REFERENCES sessions (id),
  number  INTEGER NOT NULL CHECK (number >= 0),
  size    INTEGER NOT NULL CHECK (size > 0),
  note    BLOB NOT NULL,
  PRIMARY KEY (session, number),
  UNIQUE (session, size)
) STRICT;

CREATE TABLE tokens (
  session      TEXT NOT NULL,
  checkpoint   INTEGER NOT NULL,
  authority    TEXT NOT NULL,
  raw          BLOB NOT NULL,
  digest       BLOB NOT NULL CHECK (length(digest) = 32),
  time_low_ms  INTEGER NOT NULL,
  time_high_ms INTEGER NOT NULL,
  trusted      INTEGER NOT NULL CHECK (trusted IN (0, 1)),
  PRIMARY KEY (session, checkpoint, authority),
  FOREIGN KEY (session, checkpoint) REFERENCES checkpoints (session, number)
) STRICT;

-- Working state.
CREATE TABLE anchor_jobs (
  session    TEXT NOT NULL,
  checkpoint INTEGER NOT NULL,
  authority  TEXT NOT NULL,
  tries      INTEGER NOT NULL DEFAULT 0,
  next_ms    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (session, checkpoint, authority),
  FOREIGN KEY (session, checkpoint) REFERENCES checkpoints (session, number)
) STRICT;

CREATE TABLE state (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TRIGGER entries_in_order BEFORE INSERT ON entries
WHEN NEW.seq <> (SELECT count(*) FROM entries WHERE session = NEW.session)
BEGIN SELECT RAISE(ABORT, 'an entry is missing or there already'); END;

CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER checkpoints_no_update BEFORE UPDATE ON checkpoints BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER checkpoints_no_delete BEFORE DELETE ON checkpoints BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER tokens_no_update BEFORE UPDATE ON tokens BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER tokens_no_delete BEFORE DELETE ON tokens BEGIN SELECT RAISE(ABORT, 'append only'); END;
