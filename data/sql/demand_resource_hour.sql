-- Demand and capacity of one resource by hour.
--
-- parameters   $subject (resource), $metric, $start, $until (half-open, UTC, NULL = unbounded)
-- grain        one row per hour that has samples
-- returns      ts (start of the hour), mean, p95, max, capacity
--
-- Capacity is the one that holds at the end of the hour, as in a panel: a resize is seen from its own hour on.
WITH demand AS (
    SELECT r.ts::TIMESTAMP AS ts, r.ts::TIMESTAMP + INTERVAL 1 hour AS until, r.series_id, r.mean, r.p95, r.max
    FROM rollup_hour r
    WHERE r.series_id = (SELECT series_id FROM series WHERE resource = $subject AND metric = $metric)
      AND r.ts >= coalesce($start::TIMESTAMP, '-infinity'::TIMESTAMP)
      AND r.ts < coalesce($until::TIMESTAMP, 'infinity'::TIMESTAMP)
)
SELECT d.ts, d.mean, d.p95, d.max, c.capacity
FROM demand d
ASOF LEFT JOIN capacities c ON d.series_id = c.series_id AND d.until > c.valid_from
ORDER BY d.ts
