// The table that both peers write to and read from, and the page they answer.
import Database from "better-sqlite3";

const COLUMNS =
  "id, user_id, video_id, video_path, viewed_at, received_at, position," +
  " duration, session_id, rule";

const toRow = (row) => ({
  _id: row.id,
  videoPath: row.video_path,
  video: { id: row.video_id },
  userId: row.user_id,
  viewedAt: row.viewed_at,
  receivedAt: row.received_at,
  position: row.position,
  duration: row.duration,
  sessionId: row.session_id,
  rule: row.rule,
});

export function openViews(path) {
  const db = new Database(path);
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.exec(`CREATE TABLE IF NOT EXISTS views (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    user_id TEXT, video_id TEXT, video_path TEXT,
    viewed_at TEXT NOT NULL, received_at TEXT NOT NULL,
    position REAL, duration REAL, session_id TEXT, rule TEXT
  )`);
  db.exec("CREATE INDEX IF NOT EXISTS views_of_user ON views (user_id)");

  const insert = db.prepare(
    `INSERT OR IGNORE INTO views (${COLUMNS})
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const newest = db.prepare(
    `SELECT ${COLUMNS} FROM views ORDER BY seq DESC LIMIT ? OFFSET ?`,
  );
  const newestOfUser = db.prepare(
    `SELECT ${COLUMNS} FROM views WHERE user_id = ?
     ORDER BY seq DESC LIMIT ? OFFSET ?`,
  );

  const add = (view) =>
    insert.run(
      view.id,
      view.userId,
      view.video?.id,
      view.videoPath,
      view.viewedAt,
      new Date().toISOString(),
      view.position,
      view.duration,
      view.sessionId,
      view.rule,
    );

  return {
    add,
    addAll: db.transaction((views) => views.forEach(add)),
    page({ userId, skip = 0, limit = 100 }) {
      const rows =
        userId === undefined
          ? newest.all(limit, skip)
          : newestOfUser.all(userId, limit, skip);
      return { history: rows.map(toRow) };
    },
  };
}
