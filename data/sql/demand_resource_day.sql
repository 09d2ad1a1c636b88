-- Demand and capacity of one resource by day.
--
-- parameters   $subject (resource), $metric, $start, $until (half-open, UTC, NULL = unbounded)
-- grain        one row per day that has samples
-- returns      ts (start of the day), mean, p95, max, capacity
--
-- Capacity is the one that holds at the end of the day, as in a panel: a resize is seen from its own day on.
WITH demand AS (
    SELECT r.day::TIMESTAMP AS ts, r.day::TIMESTAMP + INTERVAL 1 day AS until, r.series_id, r.mean, r.p95, r.max
    FROM rollup_day r
    WHERE r.series_id = (SELECT series_id FROM series WHERE resource = $subject AND metric = $metric)
      AND r.day >= coalesce($start::TIMESTAMP, '-infinity'::TIMESTAMP)
      AND r.day < coalesce($until::TIMESTAMP, 'infinity'::TIMESTAMP)
)
SELECT d.ts, d.mean, d.p95, d.max, c.capacity
FROM demand d
ASOF LEFT JOIN capacities c ON d.series_id = c.series_id AND d.until > c.valid_from
ORDER BY d.ts
