-- A relay that was left is known again by the key that it had.
--
-- In the journal, `undone` is 2 for what cannot be taken back, or done again, and is passed over.

ALTER TABLE relay_terms ADD COLUMN key BLOB;
