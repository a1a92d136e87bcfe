-- Views that were accepted and not yet confirmed by the broker.
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice, even when empty
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    accepted_ms INTEGER NOT NULL,
    viewed_at_ms INTEGER NOT NULL,
    body BLOB NOT NULL                     -- the message as it is published
) STRICT;

-- Sessions that have counted their view, so that a restart does not count it
-- again. A row may go when its session has been idle for longer than the rule.
CREATE TABLE counted (
    viewer TEXT NOT NULL,
    video TEXT NOT NULL,
    session_id BLOB NOT NULL CHECK (length(session_id) = 16),
    active_ms INTEGER NOT NULL,
    PRIMARY KEY (viewer, video)
) STRICT, WITHOUT ROWID;
CREATE INDEX counted_by_activity ON counted (active_ms);
