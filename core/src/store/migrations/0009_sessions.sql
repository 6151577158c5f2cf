-- When sessions are, so that the first and the last of many are found without reading them.
CREATE INDEX sessions_by_when ON rows (space, status, json_extract(json, '$.fields.when')) WHERE kind = 'session';
