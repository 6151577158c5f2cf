-- Where there is very much, what is wanted is found without a look at everything.

-- When sessions are: the first and the last.
CREATE INDEX sessions_by_when ON rows (space, status, json_extract(json, '$.fields.when')) WHERE kind = 'session';

-- Which items' words are to be derived anew before the next search; those that have none yet are among them.
INSERT INTO searched (space, item, stale)
SELECT space, item, 1 FROM rows
WHERE NOT EXISTS (SELECT 1 FROM searched WHERE searched.space = rows.space AND searched.item = rows.item);
CREATE INDEX searched_anew ON searched (n) WHERE stale = 1;
