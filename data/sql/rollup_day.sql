-- Daily rollups of the stale series-days, from their samples.
--
-- parameters   $first, $last (DATE, both included); reads the temporary table `stale` (series_id, day)
-- grain        one row per series and day (UTC) that has samples
-- returns      series_id, day, mean, p95, max, count
--
-- p95 is over the samples of the whole day: the highest of 24 hourly p95 would only be a bound.
-- mean and p95 are rounded (rollup_digits), max stays exact.
SELECT
    m.series_id,
    m.ts::DATE AS day,
    rollup_digits(avg(m.value), max(greatest(m.value, m.value_max))) AS mean,
    rollup_digits(quantile_cont(m.value, 0.95), max(greatest(m.value, m.value_max))) AS p95,
    max(greatest(m.value, m.value_max)) AS max,
    count(*)::INTEGER AS count
FROM samples m
SEMI JOIN stale s ON m.series_id = s.series_id AND m.ts::DATE = s.day
WHERE m.ts >= $first::DATE AND m.ts < $last::DATE + INTERVAL 1 DAY
GROUP BY 1, 2
