-- Marks the days of a load as stale.
--
-- parameters   none; reads the frame `touched` (series_id, day, first_ts, last_ts)
-- grain        one row per series and day that is not marked yet
INSERT INTO dirty_days
SELECT series_id, day
FROM touched
ANTI JOIN dirty_days USING (series_id, day)
