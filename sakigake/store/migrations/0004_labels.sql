-- What people and programs say of stages, beside the evidence and never part of it: all of this may change at any time.
CREATE TABLE labels (
  session    TEXT NOT NULL,
  seq        INTEGER NOT NULL,
  source     TEXT NOT NULL CHECK (source <> ''),
  label      TEXT NOT NULL CHECK (label <> ''),
  confidence REAL CHECK (confidence BETWEEN 0 AND 1),
  model      TEXT NOT NULL DEFAULT '',
  at_ms      INTEGER NOT NULL,
  PRIMARY KEY (session, seq, source),
  FOREIGN KEY (session, seq) REFERENCES entries (session, seq)
) STRICT;

-- Stages that are shown in one block with the stage before them.
CREATE TABLE joined (
  session TEXT NOT NULL,
  seq     INTEGER NOT NULL,
  PRIMARY KEY (session, seq),
  FOREIGN KEY (session, seq) REFERENCES entries (session, seq)
) STRICT;

CREATE TABLE titles (
  session TEXT PRIMARY KEY REFERENCES sessions (id),
  title   TEXT NOT NULL CHECK (title <> '')
) STRICT;

-- What is forgotten leaves no name behind.
CREATE TRIGGER entries_forget_labels AFTER UPDATE ON entries
WHEN NEW.opening IS NULL AND OLD.opening IS NOT NULL
BEGIN
  DELETE FROM labels WHERE session = OLD.session AND seq = OLD.seq;
  DELETE FROM joined WHERE session = OLD.session AND seq = OLD.seq;
END;
