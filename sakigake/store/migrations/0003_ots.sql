-- What calendars of OpenTimestamps promised: a proof that ends at the calendar. Working state until a block is known.
CREATE TABLE ots_promises (
  session      TEXT NOT NULL,
  checkpoint   INTEGER NOT NULL,
  calendar     TEXT NOT NULL,
  raw          BLOB NOT NULL,
  submitted_ms INTEGER NOT NULL,
  next_ms      INTEGER NOT NULL,
  PRIMARY KEY (session, checkpoint, calendar),
  FOREIGN KEY (session, checkpoint) REFERENCES checkpoints (session, number)
) STRICT;

-- Proofs that reach a block whose header was checked. Append-only like tokens, one for each checkpoint.
CREATE TABLE ots_proofs (
  session      TEXT NOT NULL,
  checkpoint   INTEGER NOT NULL,
  raw          BLOB NOT NULL,
  header       BLOB NOT NULL CHECK (length(header) = 80),
  time_low_ms  INTEGER NOT NULL,
  time_high_ms INTEGER NOT NULL,
  PRIMARY KEY (session, checkpoint),
  FOREIGN KEY (session, checkpoint) REFERENCES checkpoints (session, number)
) STRICT;

CREATE TRIGGER ots_proofs_no_update BEFORE UPDATE ON ots_proofs BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER ots_proofs_no_delete BEFORE DELETE ON ots_proofs BEGIN SELECT RAISE(ABORT, 'append only'); END;

-- What a block covers is sealed as well: nothing that opens it may be forgotten any more.
DROP TRIGGER entries_only_forget;

CREATE TRIGGER entries_only_forget BEFORE UPDATE ON entries
WHEN NEW.session IS NOT OLD.session OR NEW.seq IS NOT OLD.seq OR NEW.type IS NOT OLD.type
  OR NEW.raw IS NOT OLD.raw OR NEW.leaf IS NOT OLD.leaf
  OR NEW.opening IS NOT NULL OR NEW.fp_opening IS NOT NULL OR NEW.fingerprint IS NOT NULL
  OR EXISTS (
    SELECT 1 FROM tokens JOIN checkpoints
      ON checkpoints.session = tokens.session AND checkpoints.number = tokens.checkpoint
    WHERE tokens.session = OLD.session AND tokens.trusted = 1 AND checkpoints.size > OLD.seq
  )
  OR EXISTS (
    SELECT 1 FROM ots_proofs JOIN checkpoints
      ON checkpoints.session = ots_proofs.session AND checkpoints.number = ots_proofs.checkpoint
    WHERE ots_proofs.session = OLD.session AND checkpoints.size > OLD.seq
  )
BEGIN SELECT RAISE(ABORT, 'append only'); END;
