-- What a user does not want to continue: views of the video up to then are
-- left out of GET /continue. The user is known by a hash (erased_set.h).
CREATE TABLE dismissed (
    user BLOB NOT NULL CHECK (length(user) = 16),
    video TEXT NOT NULL,                -- its id, else its path
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (user, video)
) STRICT, WITHOUT ROWID;
