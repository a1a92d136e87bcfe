-- What the last recovery drill of this store found: history/drill_result.h.
ALTER TABLE store ADD COLUMN drilled text;
