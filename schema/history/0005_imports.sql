-- What came by `history import`, so that it can be taken back: the places in
-- the log of the views that an import added. No place is given twice, so what
-- has left its place (removed, erased, expired) is the import's no more.
CREATE TABLE imports (
    number INTEGER PRIMARY KEY AUTOINCREMENT, -- of no other import ever
    name TEXT NOT NULL UNIQUE,
    began_ms INTEGER NOT NULL           -- since 1970, UTC
) STRICT;

CREATE TABLE imported (
    import INTEGER NOT NULL,            -- imports.number
    first_seq INTEGER NOT NULL,         -- of views; both inclusive
    last_seq INTEGER NOT NULL,
    PRIMARY KEY (import, first_seq)
) STRICT, WITHOUT ROWID;

-- Views that went with their import: told to who asks for changes, as those of
-- `removed` are, but not refused, since the file may be imported again.
CREATE TABLE taken_back (
    place INTEGER PRIMARY KEY,          -- in the order of change: a views.seq
    id BLOB NOT NULL CHECK (length(id) = 16),
    removed_ms INTEGER NOT NULL,        -- since 1970, UTC
    user BLOB CHECK (user IS NULL OR length(user) = 16) -- a hash, or none
) STRICT;
