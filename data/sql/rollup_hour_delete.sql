-- Removes the hourly rollups of the stale series-days, before they are made anew.
--
-- parameters   $first, $last (DATE, both included); reads the temporary table `stale` (series_id, day)
-- grain        one row per series and hour
DELETE FROM rollup_hour
USING stale s
WHERE rollup_hour.series_id = s.series_id
  AND rollup_hour.ts::DATE = s.day
  AND rollup_hour.ts >= $first::DATE
  AND rollup_hour.ts < $last::DATE + INTERVAL 1 DAY
