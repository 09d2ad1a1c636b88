-- Series-days of which only rollups are kept: their raw samples were removed, so nothing can be merged with them.
--
-- parameters   none; reads raw_since and the frame `touching` (series_id, day), days before it
-- grain        one row per series and day
-- returns      series_id, day
--
-- A day that was loaded since then (the history of a new series) still has its samples and is no such day.
SELECT DISTINCT r.series_id, r.day
FROM rollup_day r
JOIN touching t ON r.series_id = t.series_id AND r.day = t.day
WHERE NOT EXISTS (
    SELECT 1
    FROM samples m
    WHERE m.series_id = r.series_id AND m.ts::DATE = r.day AND m.ts < (SELECT max(day) FROM raw_since)
)
