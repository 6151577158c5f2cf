-- Devices of this person that end with the next exchange; this device itself without a reason: the person leaves.

CREATE TABLE endings (
    space  BLOB NOT NULL,
    device BLOB NOT NULL,
    reason INTEGER,
    PRIMARY KEY (space, device)
) STRICT, WITHOUT ROWID;
