-- Search and undo.

-- Which row of `words` an item has.
CREATE TABLE searched (
    n     INTEGER PRIMARY KEY,
    space BLOB NOT NULL,
    item  BLOB NOT NULL,
    UNIQUE (space, item)
) STRICT;

-- All words of every item, derived with its row. Words that were replaced go when FTS5 merges its segments: they are in
-- their document's history anyway, and FTS5's `secure-delete` makes a keystroke in a long note 20 times as dear.
CREATE VIRTUAL TABLE words USING fts5 (title, body, tokenize = 'unicode61 remove_diacritics 2');

-- What was done here, newest highest, so that it can be undone.
CREATE TABLE journal (
    n      INTEGER PRIMARY KEY AUTOINCREMENT,
    space  BLOB NOT NULL,
    item   BLOB NOT NULL,
    undone INTEGER NOT NULL,                -- 1 while it is undone
    facets TEXT NOT NULL                    -- JSON: for each facet its heads before and after
) STRICT;
