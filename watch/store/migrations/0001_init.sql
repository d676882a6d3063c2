-- Working state of the watcher. Unlike the ledger nothing here is append-only: unrelated posts must be deletable.
CREATE TABLE state (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE sources (
  id          TEXT PRIMARY KEY,
  kind        TEXT NOT NULL,
  config      TEXT NOT NULL,
  cursor      TEXT,
  added_us    INTEGER NOT NULL,
  good_us     INTEGER,
  paused      INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
  failures    INTEGER NOT NULL DEFAULT 0,
  trouble     TEXT NOT NULL DEFAULT '',
  resting_us  INTEGER,
  hole_us     INTEGER,
  hole_reason TEXT NOT NULL DEFAULT ''
) STRICT;

-- `key` is a salted digest of the post's id, so that what is kept of an unrelated post does not name anybody.
CREATE TABLE posts (
  source        TEXT NOT NULL,
  key           BLOB NOT NULL CHECK (length(key) = 32),
  state         TEXT NOT NULL CHECK (state IN ('waiting', 'unrelated', 'found', 'failed')),
  seen_us       INTEGER NOT NULL,
  tries         INTEGER NOT NULL DEFAULT 0,
  next_us       INTEGER NOT NULL DEFAULT 0,
  reason        TEXT NOT NULL DEFAULT '',
  generation    INTEGER NOT NULL DEFAULT 0,
  post_id       TEXT,
  platform      TEXT,
  url           TEXT,
  author_id     TEXT,
  author_name   TEXT,
  before_us     INTEGER,
  before_clock  TEXT,
  before_basis  TEXT,
  after_us      INTEGER,
  after_clock   TEXT,
  after_basis   TEXT,
  raw           BLOB,
  PRIMARY KEY (source, key)
) STRICT;
CREATE INDEX posts_waiting ON posts (next_us) WHERE state = 'waiting';
CREATE INDEX posts_old ON posts (seen_us) WHERE state IN ('unrelated', 'failed');

CREATE TABLE media (
  source TEXT NOT NULL,
  key    BLOB NOT NULL,
  number INTEGER NOT NULL,
  url    TEXT,
  path   TEXT,
  digest TEXT,
  PRIMARY KEY (source, key, number),
  FOREIGN KEY (source, key) REFERENCES posts (source, key) ON DELETE CASCADE
) STRICT;
CREATE INDEX media_digest ON media (digest) WHERE digest IS NOT NULL;

CREATE TABLE findings (
  number        INTEGER PRIMARY KEY AUTOINCREMENT,
  idempotency   TEXT NOT NULL UNIQUE,
  source        TEXT NOT NULL,
  key           BLOB NOT NULL,
  media         INTEGER NOT NULL,
  digest        TEXT NOT NULL,
  session       TEXT NOT NULL,
  likeness      TEXT NOT NULL,
  ordering      TEXT NOT NULL,
  order_reason  TEXT NOT NULL DEFAULT '',
  notes         TEXT NOT NULL DEFAULT '[]',
  detail        TEXT NOT NULL,
  found_us      INTEGER NOT NULL,
  review        TEXT NOT NULL DEFAULT 'new'
                CHECK (review IN ('new', 'confirmed', 'dismissed', 'own_post', 'licensed')),
  review_note   TEXT NOT NULL DEFAULT '',
  reviewed_us   INTEGER,
  same_as       INTEGER REFERENCES findings (number),
  bundle        TEXT NOT NULL DEFAULT '',
  bundle_reason TEXT NOT NULL DEFAULT '',
  sealed        INTEGER NOT NULL DEFAULT 0 CHECK (sealed IN (0, 1)),
  FOREIGN KEY (source, key) REFERENCES posts (source, key)
) STRICT;

-- At least once: a row leaves 'waiting' only after the receiver has answered.
CREATE TABLE outbox (
  idempotency TEXT NOT NULL REFERENCES findings (idempotency),
  receiver    TEXT NOT NULL,
  state       TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dropped')),
  tries       INTEGER NOT NULL DEFAULT 0,
  next_us     INTEGER NOT NULL DEFAULT 0,
  made_us     INTEGER NOT NULL,
  sent_us     INTEGER,
  PRIMARY KEY (idempotency, receiver)
) STRICT;
CREATE INDEX outbox_waiting ON outbox (next_us) WHERE state = 'waiting';

CREATE TABLE holes (
  source   TEXT NOT NULL,
  began_us INTEGER NOT NULL,
  ended_us INTEGER NOT NULL CHECK (ended_us >= began_us),
  reason   TEXT NOT NULL,
  PRIMARY KEY (source, began_us, reason)
) STRICT;

CREATE TABLE own_accounts (
  platform  TEXT NOT NULL,
  author_id TEXT NOT NULL,
  added_us  INTEGER NOT NULL,
  PRIMARY KEY (platform, author_id)
) STRICT;
