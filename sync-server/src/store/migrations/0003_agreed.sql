-- Whether a device agreed to be in the space; not known of what was stored before, until the space's keys change.
ALTER TABLE live ADD COLUMN agreed INTEGER NOT NULL DEFAULT 0 CHECK (agreed IN (0, 1));
