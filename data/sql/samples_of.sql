-- Samples as they are stored.
--
-- parameters   $resource, $metric (NULL = all), $start, $until (half-open, UTC, NULL = unbounded)
-- grain        one row per sample
-- returns      ts, resource, metric, value, value_max, capacity, sorted by resource, metric, ts
SELECT m.ts, s.resource, s.metric, m.value, m.value_max, m.capacity
FROM samples m
JOIN series s USING (series_id)
WHERE ($resource::VARCHAR IS NULL OR s.resource = $resource::VARCHAR)
  AND ($metric::VARCHAR IS NULL OR s.metric = $metric::VARCHAR)
  AND m.ts >= coalesce($start::TIMESTAMP, '-infinity'::TIMESTAMP)
  AND m.ts < coalesce($until::TIMESTAMP, 'infinity'::TIMESTAMP)
ORDER BY s.resource, s.metric, m.ts
