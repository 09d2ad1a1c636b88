-- Removes samples that a correction replaces.
--
-- parameters   $low, $high (bounds of their ts, both included); reads the frame `corrected` (stored_row)
-- grain        one row per corrected sample
--
-- Row numbers hold within the transaction that read them; the bounds let whole blocks be skipped.
DELETE FROM samples
WHERE ts BETWEEN $low::TIMESTAMP AND $high::TIMESTAMP
  AND rowid IN (SELECT stored_row FROM corrected)
