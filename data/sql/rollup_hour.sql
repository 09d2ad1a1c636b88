-- Hourly rollups of the stale series-days, from their samples.
--
-- parameters   $first, $last (DATE, both included); reads the temporary table `stale` (series_id, day)
-- grain        one row per series and hour that has samples
-- returns      series_id, ts (start of the hour), mean, p95, max, count, capacity
--
-- max takes the highest value within the interval where the source knows it, never less than the value itself.
-- capacity takes the highest of the hour: 0 only where the resource was off throughout.
-- mean and p95 are rounded (rollup_digits), max stays exact.
SELECT
    m.series_id,
    time_bucket(INTERVAL 1 HOUR, m.ts) AS ts,
    rollup_digits(avg(m.value), max(greatest(m.value, m.value_max))) AS mean,
    rollup_digits(quantile_cont(m.value, 0.95), max(greatest(m.value, m.value_max))) AS p95,
    max(greatest(m.value, m.value_max)) AS max,
    count(*)::INTEGER AS count,
    max(m.capacity) AS capacity
FROM samples m
SEMI JOIN stale s ON m.series_id = s.series_id AND m.ts::DATE = s.day
WHERE m.ts >= $first::DATE AND m.ts < $last::DATE + INTERVAL 1 DAY
GROUP BY 1, 2
