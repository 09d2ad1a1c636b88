-- Series whose refreshed hours report another capacity than their history says.
--
-- parameters   $first, $last (DATE, both included); reads the temporary tables `stale` and `fresh_hour`
-- grain        one row per series
-- returns      series_id
--
-- Only these need their history derived again: an hour that agrees with it changes nothing. Hours that used
-- to report another capacity (or one at all) contradict as well, so a correction undoes what it corrects.
WITH hours AS (
    SELECT series_id, ts, f.capacity AS fresh, r.capacity AS earlier
    FROM fresh_hour f
    FULL JOIN (
        SELECT r.series_id, r.ts, r.capacity
        FROM rollup_hour r
        SEMI JOIN stale s ON r.series_id = s.series_id AND r.ts::DATE = s.day
        WHERE r.ts >= $first::DATE AND r.ts < $last::DATE + INTERVAL 1 DAY
    ) r USING (series_id, ts)
)
SELECT DISTINCT h.series_id
FROM hours h
LEFT JOIN capacities c
    ON c.series_id = h.series_id AND c.valid_from <= h.ts AND (c.valid_to > h.ts OR c.valid_to IS NULL)
WHERE h.fresh IS DISTINCT FROM h.earlier
  AND (h.earlier IS NOT NULL OR h.fresh IS DISTINCT FROM c.capacity)
