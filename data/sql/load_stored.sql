-- What is stored already under the keys of a batch.
--
-- parameters   $low, $high (bounds of the batch's ts, both included); reads the frame `asked` (place, series_id, ts)
-- grain        one row per key that is stored
-- returns      place, stored_row, series_id, ts, old_value, old_value_max, old_capacity
--
-- The bounds say nothing that the join does not, but let whole blocks of samples be skipped.
SELECT
    a.place, m.rowid AS stored_row, m.series_id, m.ts,
    m.value AS old_value, m.value_max AS old_value_max, m.capacity AS old_capacity
FROM samples m
JOIN asked a ON m.series_id = a.series_id AND m.ts = a.ts
WHERE m.ts BETWEEN $low::TIMESTAMP AND $high::TIMESTAMP
