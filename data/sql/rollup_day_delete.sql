-- Removes the daily rollups of the stale series-days, before they are made anew.
--
-- parameters   $first, $last (DATE, both included); reads the temporary table `stale` (series_id, day)
-- grain        one row per series and day
DELETE FROM rollup_day
USING stale s
WHERE rollup_day.series_id = s.series_id
  AND rollup_day.day = s.day
  AND rollup_day.day BETWEEN $first::DATE AND $last::DATE
