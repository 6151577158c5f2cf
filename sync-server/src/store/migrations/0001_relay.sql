-- What a relay keeps. It holds no word of a person: content bodies are sealed, and every name is a key or a hash.

-- One row: the seed of the relay's own key.
CREATE TABLE relay (
    n      INTEGER PRIMARY KEY CHECK (n = 1),
    secret BLOB NOT NULL CHECK (length(secret) = 32)
) STRICT;

CREATE TABLE spaces (
    n     INTEGER PRIMARY KEY,
    space BLOB NOT NULL UNIQUE CHECK (length(space) = 16)
) STRICT;

-- Bodies lie apart, so that a space's index is read without them.
CREATE TABLE bodies (
    n    INTEGER PRIMARY KEY,
    body BLOB NOT NULL
) STRICT;

-- The logs, in order of arrival; the key keeps a space's entries together.
CREATE TABLE entries (
    space     INTEGER NOT NULL REFERENCES spaces (n),
    arrival   INTEGER NOT NULL,
    id        BLOB NOT NULL CHECK (length(id) = 32),
    device    BLOB NOT NULL CHECK (length(device) = 32),
    chain     INTEGER NOT NULL,             -- 0 control, 1 content
    header    BLOB NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 64),
    body      INTEGER NOT NULL REFERENCES bodies (n),
    PRIMARY KEY (space, arrival)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX entries_by_id ON entries (space, id);

-- Which device keys are live where, by the membership as of the space's last control entry.
CREATE TABLE live (
    device BLOB NOT NULL CHECK (length(device) = 32),
    space  INTEGER NOT NULL REFERENCES spaces (n),
    PRIMARY KEY (device, space)
) STRICT, WITHOUT ROWID;
CREATE INDEX live_by_space ON live (space);
