-- The trace that a view's request was part of (W3C Trace Context): trace id 16
-- bytes, parent id 8, flags 1; NULL where it had none. No CHECK: it would have
-- every row read here, and what is no trace is shown as none.
ALTER TABLE views ADD COLUMN trace BLOB;
ALTER TABLE removed ADD COLUMN trace BLOB;
