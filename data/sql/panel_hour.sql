-- Demand of many series per hour, as long rows.
--
-- parameters   $metrics, $subjects (lists, NULL = all), $start, $until (half-open, UTC, NULL = unbounded),
--              $statistic ('mean', 'p95' or 'max')
-- grain        one row per series and hour that has samples
-- returns      series_id, ts (start of the hour), value, peak
--
-- Slots nobody reported have no row: the panel leaves them NaN, never 0.
SELECT
    r.series_id,
    r.ts::TIMESTAMP AS ts,
    CASE $statistic::VARCHAR WHEN 'p95' THEN r.p95 WHEN 'max' THEN r.max ELSE r.mean END AS value,
    r.max AS peak
FROM rollup_hour r
SEMI JOIN (
    SELECT series_id
    FROM series
    WHERE ($metrics::VARCHAR[] IS NULL OR list_contains($metrics::VARCHAR[], metric))
      AND ($subjects::VARCHAR[] IS NULL OR list_contains($subjects::VARCHAR[], resource))
) s USING (series_id)
WHERE r.ts >= coalesce(date_trunc('hour', $start::TIMESTAMP), '-infinity'::TIMESTAMP)
  AND r.ts < coalesce($until::TIMESTAMP, 'infinity'::TIMESTAMP)
