-- Capacity of resources as history.
--
-- parameters   $resource, $metric (NULL = all)
-- grain        one row per series and stretch of constant capacity
-- returns      resource, metric, valid_from, valid_to (NULL = still holds), capacity, sorted by the first three
SELECT s.resource, s.metric, c.valid_from, c.valid_to, c.capacity
FROM capacities c
JOIN series s USING (series_id)
WHERE ($resource::VARCHAR IS NULL OR s.resource = $resource::VARCHAR)
  AND ($metric::VARCHAR IS NULL OR s.metric = $metric::VARCHAR)
ORDER BY s.resource, s.metric, c.valid_from
