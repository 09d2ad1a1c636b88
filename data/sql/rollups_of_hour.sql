-- Rollups by hour as they are stored.
--
-- parameters   $resource, $metric (NULL = all)
-- grain        one row per series and hour that has samples
-- returns      resource, metric, ts, mean, p95, max, count, sorted by the first three
SELECT s.resource, s.metric, r.ts, r.mean, r.p95, r.max, r.count
FROM rollup_hour r
JOIN series s USING (series_id)
WHERE ($resource::VARCHAR IS NULL OR s.resource = $resource::VARCHAR)
  AND ($metric::VARCHAR IS NULL OR s.metric = $metric::VARCHAR)
ORDER BY s.resource, s.metric, r.ts
