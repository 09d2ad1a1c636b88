-- Demand and capacity of one service by day.
--
-- parameters   $subject (service), $metric, $start, $until (half-open, UTC, NULL = unbounded)
-- grain        one row per day in which a member reported
-- returns      ts (start of the day), mean, p95, max, capacity
--
-- Drivers (requests, users) are reported by services themselves: they come from the rollups, not from members.
WITH driver AS (
    SELECT r.day::TIMESTAMP AS ts, r.mean, r.p95, r.max, NULL::DOUBLE AS capacity
    FROM rollup_day r
    WHERE r.series_id = (SELECT series_id FROM series WHERE resource = $subject AND metric = $metric)
      AND NOT EXISTS (FROM service_day WHERE service = $subject AND metric = $metric)
), members AS (
    SELECT ts, mean, p95, max, capacity FROM service_day WHERE service = $subject AND metric = $metric
)
SELECT *
FROM (FROM members UNION ALL FROM driver)
WHERE ts >= coalesce($start::TIMESTAMP, '-infinity'::TIMESTAMP)
  AND ts < coalesce($until::TIMESTAMP, 'infinity'::TIMESTAMP)
ORDER BY ts
