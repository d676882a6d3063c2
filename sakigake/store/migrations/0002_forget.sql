-- The one change an entry allows: what opens its commitments may be forgotten, as a whole and for good, as long as no
-- trusted time token covers the entry. The entry itself, its leaf and so the chain stay as they are.
DROP TRIGGER entries_no_update;

CREATE TRIGGER entries_only_forget BEFORE UPDATE ON entries
WHEN NEW.session IS NOT OLD.session OR NEW.seq IS NOT OLD.seq OR NEW.type IS NOT OLD.type
  OR NEW.raw IS NOT OLD.raw OR NEW.leaf IS NOT OLD.leaf
  OR NEW.opening IS NOT NULL OR NEW.fp_opening IS NOT NULL OR NEW.fingerprint IS NOT NULL
  OR EXISTS (
    SELECT 1 FROM tokens JOIN checkpoints
      ON checkpoints.session = tokens.session AND checkpoints.number = tokens.checkpoint
    WHERE tokens.session = OLD.session AND tokens.trusted = 1 AND checkpoints.size > OLD.seq
  )
BEGIN SELECT RAISE(ABORT, 'append only'); END;
