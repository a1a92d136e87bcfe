-- What a user does not want to continue: views of the video up to then are
-- left out of GET /continue. The user is known by a hash (erased_set.h).
CREATE TABLE dismissed (
    user BLOB NOT NULL CHECK (length(user) = 16),
    video TEXT NOT NULL,                -- its id, else its path
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (user, video)
) STRICT, WITHOUT ROWID;

-- Views that were removed one by one: their ids are never stored again. What
-- such a view said is kept until it can be restored no more, then overwritten.
CREATE TABLE removed (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    place INTEGER NOT NULL UNIQUE,      -- in the order of change: a views.seq
    removed_ms INTEGER NOT NULL,        -- since 1970, UTC
    user BLOB CHECK (user IS NULL OR length(user) = 16), -- a hash, or none
    ahead_ms INTEGER,                   -- when viewed, if after removed_ms
    -- As in `views`, NULL once it cannot be restored.
    viewed_at_ms INTEGER,
    flags INTEGER,
    user_id TEXT,
    video_id TEXT,
    video_path TEXT,
    received_ms INTEGER,
    position_ms INTEGER,
    duration_ms INTEGER,
    session_id BLOB,
    rule INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX removed_restorable ON removed (removed_ms)
    WHERE flags IS NOT NULL;
