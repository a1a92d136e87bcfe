-- The ids of all videos that have views, so that they can be counted one by
-- one. One whose last view was removed stays while that can be restored.
CREATE TABLE videos (
    id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

INSERT INTO videos SELECT DISTINCT video_id FROM views
WHERE video_id IS NOT NULL;
