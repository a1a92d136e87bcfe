-- The log: every view once, in order of arrival. It is only appended to.
CREATE TABLE views (
    seq INTEGER PRIMARY KEY,            -- order of arrival
    id BLOB NOT NULL UNIQUE             -- event id, a UUID in network order
        CHECK (length(id) = 16),
    user_id TEXT,                       -- NULL: the publisher did not say
    video_id TEXT,
    video_path TEXT,
    viewed_at_ms INTEGER NOT NULL,      -- since 1970, UTC
    received_ms INTEGER NOT NULL,
    position_ms INTEGER,
    duration_ms INTEGER,
    session_id BLOB CHECK (session_id IS NULL OR length(session_id) = 16),
    rule INTEGER NOT NULL,              -- enum viewed_rule
    flags INTEGER NOT NULL,             -- 1: id was given, 2: time was given,
                                        -- 4: restored after a removal
    CHECK (video_id IS NOT NULL OR video_path IS NOT NULL)
) STRICT;

-- The index of all lists, newest and oldest first: one entry a view for each
-- list it is in. `list` is a keyed hash of the list's name (all views, a
-- user's, a video's, a user's of one video); a row found through it is
-- compared with what was asked for, so a collision costs time, never truth.
-- Entries come in sorted runs, some time after the views: see store.mark.
CREATE TABLE listed (
    list INTEGER NOT NULL,
    viewed_at_ms INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (list, viewed_at_ms, seq)
) STRICT, WITHOUT ROWID;

-- One row. Views up to `mark` have all their entries in `listed`; those after
-- it are found by the index in memory, which is built from them at start.
CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    mark INTEGER NOT NULL,
    hash_key BLOB NOT NULL CHECK (length(hash_key) = 16),
    views INTEGER NOT NULL,             -- how many rows `views` has
    -- All views of the stream viewed.log up to this offset are here (-1: not
    -- known), and a hash of the message there, which tells another stream of
    -- that name from the one that it was.
    stream_offset INTEGER NOT NULL DEFAULT -1,
    stream_hash INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO store (one, mark, hash_key, views) VALUES (1, 0, randomblob(16), 0);

-- Tombstones: views of this user up to then are never stored again. The user
-- is known by a hash (history/erased_set.h), and by name only while the views
-- are being deleted.
CREATE TABLE erased (
    user BLOB PRIMARY KEY CHECK (length(user) = 16),
    until_ms INTEGER NOT NULL,
    pending_user_id TEXT
) STRICT, WITHOUT ROWID;
