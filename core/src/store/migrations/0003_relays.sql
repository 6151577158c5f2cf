-- How far a space has moved to a relay, and what a relay asks of its users.

ALTER TABLE relays ADD COLUMN stage INTEGER NOT NULL DEFAULT 1;  -- 0 new, 1 in use, 2 left, 3 left and up to date

CREATE TABLE relay_terms (
    url   TEXT PRIMARY KEY,
    root  BLOB,                             -- PEM of the authority that signs its certificate, if it is not a public one
    token TEXT                              -- what admits a new space, if it asks for that
) STRICT, WITHOUT ROWID;
