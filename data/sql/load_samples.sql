-- Adds the new and corrected samples of a load.
--
-- parameters   none; reads the frame `staged` (series_id, ts, value, value_max, capacity), no key of it stored
-- grain        one row per sample
INSERT INTO samples (series_id, ts, value, value_max, capacity)
SELECT series_id, ts, value, value_max, capacity
FROM staged
