-- What `all` says of each alliance is found in one index alone. That cannot be an index on what JSON says: SQLite looks at
-- each row for that.
ALTER TABLE rows ADD COLUMN sought ANY;    -- of a commitment its owner, of a session when it is, if that is said
UPDATE rows SET sought = json_extract(json, '$.owner') WHERE kind = 'commitment';
UPDATE rows SET sought = json_extract(json, '$.fields.when') WHERE kind = 'session';
CREATE INDEX rows_by_sought ON rows (space, kind, status, sought) WHERE sought IS NOT NULL;
DROP INDEX sessions_by_when;
