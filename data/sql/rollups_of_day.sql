-- Rollups by day as they are stored.
--
-- parameters   $resource, $metric (NULL = all)
-- grain        one row per series and day that has samples
-- returns      resource, metric, day, mean, p95, max, count, sorted by the first three
SELECT s.resource, s.metric, r.day, r.mean, r.p95, r.max, r.count
FROM rollup_day r
JOIN series s USING (series_id)
WHERE ($resource::VARCHAR IS NULL OR s.resource = $resource::VARCHAR)
  AND ($metric::VARCHAR IS NULL OR s.metric = $metric::VARCHAR)
ORDER BY s.resource, s.metric, r.day
