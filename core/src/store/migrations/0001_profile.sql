-- What one person has on this computer. Everything but the rows of the view is either a log entry, or a change that
-- waits to become one, or a secret.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- A space this person belongs to, with the key of this device in it.
CREATE TABLE spaces (
    space      BLOB PRIMARY KEY,
    n          INTEGER NOT NULL,            -- order of joining; the personal space is 0
    kind       INTEGER NOT NULL,            -- 0 personal, 1 alliance
    member     BLOB NOT NULL,               -- whom this device belongs to there
    device     BLOB NOT NULL,
    secret     BLOB NOT NULL,               -- of the device: 64 bytes
    last       BLOB,                        -- last content entry that this profile sealed
    last_control BLOB,                      -- last control entry that this profile appended
    received   INTEGER NOT NULL DEFAULT 0,  -- unix seconds of the last entry sealed only to say what was received
    generation INTEGER NOT NULL DEFAULT 0   -- grows with every change to entries, keys or invitations
) STRICT, WITHOUT ROWID;

-- Whose each device of a space is, also of those that were cut: derived from the log.
CREATE TABLE devices (
    space  BLOB NOT NULL,
    device BLOB NOT NULL,
    member BLOB NOT NULL,
    PRIMARY KEY (space, device)
) STRICT, WITHOUT ROWID;

-- Invitations made here and not yet confirmed, and the one that brought this device in until it is confirmed.
CREATE TABLE invitations (
    space   BLOB NOT NULL,
    device  BLOB NOT NULL,                  -- the invitation's key
    mine    INTEGER NOT NULL,               -- 1 made here, 0 used here
    purpose INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    secret  BLOB NOT NULL,                  -- 64 bytes of the invitation's key pair
    written INTEGER NOT NULL DEFAULT 0,     -- 1 once the control entry (Invite or Redeem) is in the log
    PRIMARY KEY (space, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE epochs (
    space BLOB NOT NULL,
    epoch BLOB NOT NULL,
    key   BLOB NOT NULL,
    PRIMARY KEY (space, epoch)
) STRICT, WITHOUT ROWID;

-- Where a space's relay is, and the key by which it is known.
CREATE TABLE relays (
    space BLOB NOT NULL,
    url   TEXT NOT NULL,
    key   BLOB,                             -- none until first met
    PRIMARY KEY (space, url)
) STRICT, WITHOUT ROWID;

-- The logs, in order of arrival.
CREATE TABLE entries (
    n         INTEGER PRIMARY KEY AUTOINCREMENT,
    space     BLOB NOT NULL,
    id        BLOB NOT NULL,
    device    BLOB NOT NULL,
    chain     INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    header    BLOB NOT NULL,
    signature BLOB NOT NULL,
    body      BLOB NOT NULL,
    state     INTEGER NOT NULL,             -- 0 stored, 1 applied, 2 set aside, 3 quarantined
    reason    TEXT,                         -- why it is quarantined
    after     BLOB,                         -- of opened content: what it names
    keeps     BLOB,                         -- of opened content: what it keeps beyond a cut, if anything
    kept      INTEGER NOT NULL DEFAULT 0,   -- 1 while this device keeps it beyond a cut and has yet to say so
    relayed   INTEGER NOT NULL DEFAULT 0    -- 1 once a relay said it is on its disk
) STRICT;
CREATE UNIQUE INDEX entries_by_id ON entries (space, id);
CREATE INDEX entries_by_arrival ON entries (space, n);

CREATE TABLE items (
    space    BLOB NOT NULL,
    item     BLOB NOT NULL,
    preimage BLOB NOT NULL,
    carried  INTEGER NOT NULL,              -- 1 once an applied entry carries the preimage
    PRIMARY KEY (space, item)
) STRICT, WITHOUT ROWID;

-- A facet: its state as a whole, and the changes since.
CREATE TABLE documents (
    space   BLOB NOT NULL,
    item    BLOB NOT NULL,
    writer  BLOB NOT NULL,                  -- empty for everyone's facet
    saved   BLOB NOT NULL,
    version INTEGER NOT NULL,               -- grows with every change
    loose   INTEGER NOT NULL,               -- changes that are not in `saved`
    PRIMARY KEY (space, item, writer)
) STRICT, WITHOUT ROWID;

-- Changes that are not in their document's `saved`, or wait to be sealed, or both.
CREATE TABLE changes (
    n      INTEGER PRIMARY KEY AUTOINCREMENT,
    space  BLOB NOT NULL,
    item   BLOB NOT NULL,
    writer BLOB NOT NULL,
    hash   BLOB NOT NULL,
    bytes  BLOB NOT NULL,
    loose  INTEGER NOT NULL,                -- 1 while not in `saved`
    intent INTEGER                          -- the waiting intent it belongs to; none once sealed
) STRICT;
CREATE INDEX changes_by_document ON changes (space, item, writer, loose);
CREATE INDEX changes_waiting ON changes (space, intent) WHERE intent IS NOT NULL;

-- The view: one row an item, derived.
CREATE TABLE rows (
    space   BLOB NOT NULL,
    item    BLOB NOT NULL,
    kind    TEXT NOT NULL,
    status  TEXT NOT NULL,                  -- empty if it has none
    changed INTEGER NOT NULL,               -- order of change here, newest highest
    choices INTEGER NOT NULL,               -- fields with more than one value
    json    TEXT NOT NULL,
    PRIMARY KEY (space, item)
) STRICT, WITHOUT ROWID;
CREATE INDEX rows_by_kind ON rows (space, kind, changed);
CREATE INDEX rows_by_status ON rows (space, kind, status, changed);
CREATE INDEX rows_with_choices ON rows (space) WHERE choices > 0;
CREATE INDEX rows_by_change ON rows (space, changed);

CREATE TABLE security (
    n     INTEGER PRIMARY KEY AUTOINCREMENT,
    at    INTEGER NOT NULL,                 -- unix seconds on this computer's clock
    space BLOB NOT NULL,
    kind  TEXT NOT NULL,
    about TEXT NOT NULL                     -- JSON, ids only
) STRICT;
