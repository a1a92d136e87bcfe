-- What the whole store has: one row.
CREATE TABLE store (
    one integer PRIMARY KEY CHECK (one = 1),
    -- Raised with each change of `erased`, `paused` or `retention`, so that
    -- whoever holds them in memory knows when to read them again ...
    rules_version bigint NOT NULL DEFAULT 0,
    -- ... and with each view that was taken away.
    gone_version bigint NOT NULL DEFAULT 0,
    -- All views of the stream viewed.log up to this offset are here (-1: not
    -- known), and a hash of the message there.
    stream_offset bigint NOT NULL DEFAULT -1,
    stream_hash bigint NOT NULL DEFAULT 0
);

INSERT INTO store (one) VALUES (1);

-- How many rows `views` has, in several parts, so that who writes does not
-- wait for who else does: it is their sum.
CREATE TABLE counts (
    part integer PRIMARY KEY,
    views bigint NOT NULL
);

INSERT INTO counts (part, views) SELECT part, 0 FROM generate_series(0, 63) part;

-- The order of arrival, and of removal. Given out in transactions that may be
-- committed in another order: see settled_place().
CREATE SEQUENCE places MINVALUE 0 START WITH 0;
SELECT nextval('places');

-- Every view once. The key begins with the user, so that rows can be spread by
-- it, and a user's page is a walk along it. Texts that are absent are ''.
CREATE TABLE views (
    user_id text COLLATE "C" NOT NULL,
    viewed_at_ms bigint NOT NULL,           -- since 1970, UTC
    seq bigint NOT NULL,                    -- a place
    id uuid NOT NULL,
    video_id text COLLATE "C" NOT NULL,
    video_path text COLLATE "C" NOT NULL,
    received_ms bigint NOT NULL,
    position_ms bigint,
    duration_ms bigint,
    session_id uuid,
    rule smallint NOT NULL,                 -- enum viewed_rule
    flags smallint NOT NULL,                -- 1: id was given, 2: time was
                                            -- given, 4: restored
    trace bytea,
    import bigint,                          -- imports.number
    PRIMARY KEY (user_id, viewed_at_ms, seq),
    CHECK (video_id <> '' OR video_path <> '')
);

CREATE INDEX views_by_time ON views (viewed_at_ms, seq);
CREATE INDEX views_by_place ON views (seq);
CREATE INDEX views_of_video ON views (video_id, viewed_at_ms, seq)
    WHERE video_id <> '';
CREATE INDEX views_of_import ON views (import, seq) WHERE import IS NOT NULL;

-- Every id that counts, once, and where its view is. The id of a view that was
-- removed stays, so that it never counts again: its place is then nowhere. A
-- table of its own, since a key that begins with the user cannot say that an
-- id is there once.
CREATE TABLE ids (
    id uuid PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL,
    viewed_at_ms bigint NOT NULL
);

-- Tombstones, and times in which a user did not want to be recorded. Users are
-- known by a hash (history/erased_set.h), an erased one by name only while the
-- views are being deleted.
CREATE TABLE erased (
    user_hash bytea PRIMARY KEY CHECK (length(user_hash) = 16),
    until_ms bigint NOT NULL,
    pending_user_id text
);

CREATE TABLE paused (
    user_hash bytea NOT NULL CHECK (length(user_hash) = 16),
    from_ms bigint NOT NULL,                -- both are inclusive
    until_ms bigint NOT NULL,               -- the greatest: it goes on
    PRIMARY KEY (user_hash, from_ms)
);

-- For how many days views are kept: a user's, and everybody's ('').
CREATE TABLE retention (
    user_id text COLLATE "C" PRIMARY KEY,
    keep_days integer NOT NULL CHECK (keep_days > 0)
);

-- What a user does not want to continue.
CREATE TABLE dismissed (
    user_hash bytea NOT NULL CHECK (length(user_hash) = 16),
    video text COLLATE "C" NOT NULL,        -- its id, else its path
    until_ms bigint NOT NULL,
    PRIMARY KEY (user_hash, video)
);

-- Views that were removed one by one. What such a view said is kept until it
-- can be restored no more: flags is then NULL.
CREATE TABLE removed (
    id uuid PRIMARY KEY,
    place bigint NOT NULL UNIQUE,           -- in the order of change
    removed_ms bigint NOT NULL,
    user_hash bytea CHECK (user_hash IS NULL OR length(user_hash) = 16),
    ahead_ms bigint,                        -- when viewed, if after removed_ms
    viewed_at_ms bigint,
    flags smallint,
    user_id text COLLATE "C",
    video_id text COLLATE "C",
    video_path text COLLATE "C",
    received_ms bigint,
    position_ms bigint,
    duration_ms bigint,
    session_id uuid,
    rule smallint,
    trace bytea
);

CREATE INDEX removed_restorable ON removed (removed_ms)
    WHERE flags IS NOT NULL;
CREATE INDEX removed_of_user ON removed (user_hash);

-- What came by `history import`, and views that went with their import.
CREATE TABLE imports (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    began_ms bigint NOT NULL
);

CREATE TABLE taken_back (
    place bigint PRIMARY KEY,               -- in the order of change
    id uuid NOT NULL,
    removed_ms bigint NOT NULL,
    user_hash bytea
);

CREATE INDEX taken_back_of_user ON taken_back (user_hash);
CREATE INDEX taken_back_ids ON taken_back (id);

-- The number by which who gives out places makes himself known, in the upper
-- half of a lock's key: it sets stores in one database apart.
CREATE FUNCTION place_lock_class() RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT ('places'::regclass::oid::bigint & 32767) << 48
$$;

-- Who is about to take places says so by a lock that lasts until the end of
-- the transaction, whose key has the last place given out before.
CREATE FUNCTION announce_places() RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    last bigint;
BEGIN
    SELECT last_value INTO last FROM places;
    PERFORM pg_advisory_xact_lock_shared(place_lock_class() | last);
END
$$;

-- Up to here nothing will come any more: each place was given out, and who
-- took it is done. In this order: a place that is given out after the first
-- line is beyond what the first line says, and the lock of one that was given
-- out before it is still there on the second, or its transaction has ended and
-- shows in any snapshot that is taken after this function.
CREATE FUNCTION settled_place() RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    last bigint;
    pending bigint;
BEGIN
    SELECT last_value INTO last FROM places;
    SELECT min((classid::bigint & 65535) << 32 | objid::bigint) INTO pending
        FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 1
        AND database = (SELECT oid FROM pg_database
                        WHERE datname = current_database())
        AND classid::bigint >> 16 = place_lock_class() >> 48;
    RETURN least(last, pending);
END
$$;
