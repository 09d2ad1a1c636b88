-- Marks series-days as fresh, in the transaction that refreshed them.
--
-- parameters   $first, $last (DATE, both included); reads the temporary table `stale` (series_id, day)
-- grain        one row per series and day
DELETE FROM dirty_days
USING stale s
WHERE dirty_days.series_id = s.series_id
  AND dirty_days.day = s.day
  AND dirty_days.day BETWEEN $first::DATE AND $last::DATE
