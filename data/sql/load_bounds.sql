-- Widens the bounds of the series that a load touched.
--
-- parameters   none; reads the frame `touched` (series_id, day, first_ts, last_ts)
-- grain        one row per series whose bounds move
UPDATE series
SET first_ts = least(series.first_ts, t.first_ts), last_ts = greatest(series.last_ts, t.last_ts)
FROM (
    SELECT series_id, min(first_ts) AS first_ts, max(last_ts) AS last_ts
    FROM touched
    GROUP BY series_id
) t
WHERE series.series_id = t.series_id
  AND (series.first_ts IS NULL OR t.first_ts < series.first_ts OR t.last_ts > series.last_ts)
