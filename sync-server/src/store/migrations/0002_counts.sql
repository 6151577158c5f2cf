-- What a space takes, kept beside it so that nobody has to count, and how much content it may have in place of the policy's
-- limit (NULL: as the policy says). Bytes are those of whole entries.
ALTER TABLE spaces ADD COLUMN entries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spaces ADD COLUMN content_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spaces ADD COLUMN control_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spaces ADD COLUMN content_limit INTEGER;

UPDATE spaces SET
    entries = (SELECT count(*) FROM entries WHERE space = spaces.n),
    content_bytes = (SELECT coalesce(sum(length(header) + length(signature) + length(bodies.body)), 0)
                     FROM entries JOIN bodies ON bodies.n = entries.body WHERE space = spaces.n AND chain = 1),
    control_bytes = (SELECT coalesce(sum(length(header) + length(signature) + length(bodies.body)), 0)
                     FROM entries JOIN bodies ON bodies.n = entries.body WHERE space = spaces.n AND chain = 0);
