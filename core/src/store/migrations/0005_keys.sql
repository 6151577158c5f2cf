-- What one key changes is small: a facet's bytes as a whole stand apart from what grows with each change, and the words of
-- an item that is typed in are derived anew by the next search.

CREATE TABLE saved (
    space  BLOB NOT NULL,
    item   BLOB NOT NULL,
    writer BLOB NOT NULL,                   -- empty for everyone's facet
    bytes  BLOB NOT NULL,
    PRIMARY KEY (space, item, writer)
) STRICT, WITHOUT ROWID;
INSERT INTO saved SELECT space, item, writer, saved FROM documents;
ALTER TABLE documents DROP COLUMN saved;

CREATE INDEX security_said ON security (space, kind, about);

ALTER TABLE searched ADD COLUMN stale INTEGER NOT NULL DEFAULT 0; -- 1 while `words` has older words of the item
