-- All samples, moment after moment: the order for stores with few samples per series.
--
-- parameters   none; reads main.samples
-- grain        one row per sample
-- returns      series_id, ts, value, value_max, capacity
--
-- The series count up in one moment and down in the next (data/packing.py says why).
SELECT series_id, ts, value, value_max, capacity
FROM main.samples
JOIN (SELECT ts, row_number() OVER (ORDER BY ts) % 2 AS turn FROM (SELECT DISTINCT ts FROM main.samples)) USING (ts)
ORDER BY ts, CASE WHEN turn = 0 THEN series_id ELSE -series_id END
