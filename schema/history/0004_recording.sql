-- Times in which a user did not want to be recorded: views of then are never
-- stored. The user is known by a hash (history/erased_set.h).
CREATE TABLE paused (
    user BLOB NOT NULL CHECK (length(user) = 16),
    from_ms INTEGER NOT NULL,           -- since 1970, UTC; both inclusive
    until_ms INTEGER NOT NULL,          -- 9223372036854775807: it goes on
    PRIMARY KEY (user, from_ms)
) STRICT, WITHOUT ROWID;

-- For how many days views are kept: a user's, and everybody's ('').
CREATE TABLE retention (
    user_id TEXT PRIMARY KEY,
    keep_days INTEGER NOT NULL CHECK (keep_days > 0)
) STRICT, WITHOUT ROWID;
