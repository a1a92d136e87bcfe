-- The ids of all videos that a view was ever of, so that they can be counted
-- one by one. One may have no views any more.
CREATE TABLE videos (
    id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

INSERT INTO videos SELECT DISTINCT video_id FROM views
WHERE video_id IS NOT NULL;
