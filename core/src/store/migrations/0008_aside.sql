-- Changes that a computer of this person had not sent when it made a backup. They are in no document here: that computer
-- may still send them. Once it is cut off, this one takes them over.

CREATE TABLE aside (
    n        INTEGER PRIMARY KEY AUTOINCREMENT,
    space    BLOB NOT NULL,
    device   BLOB NOT NULL,                 -- whose they are
    intent   INTEGER NOT NULL,              -- what one action of the person changed, together
    item     BLOB NOT NULL,
    writer   BLOB NOT NULL,                 -- empty for everyone's facet
    preimage BLOB NOT NULL,
    hash     BLOB NOT NULL,
    bytes    BLOB NOT NULL,
    UNIQUE (space, device, item, writer, hash)
) STRICT;
