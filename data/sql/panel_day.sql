-- Demand of many series per day, as long rows.
--
-- parameters   $metrics, $subjects (lists, NULL = all), $start, $until (half-open, UTC, NULL = unbounded),
--              $statistic ('mean', 'p95' or 'max')
-- grain        one row per series and day that has samples
-- returns      series_id, ts (start of the day), value, peak
--
-- Slots nobody reported have no row: the panel leaves them NaN, never 0.
SELECT
    r.series_id,
    r.day::TIMESTAMP AS ts,
    CASE $statistic::VARCHAR WHEN 'p95' THEN r.p95 WHEN 'max' THEN r.max ELSE r.mean END AS value,
    r.max AS peak
FROM rollup_day r
SEMI JOIN (
    SELECT series_id
    FROM series
    WHERE ($metrics::VARCHAR[] IS NULL OR list_contains($metrics::VARCHAR[], metric))
      AND ($subjects::VARCHAR[] IS NULL OR list_contains($subjects::VARCHAR[], resource))
) s USING (series_id)
WHERE r.day >= coalesce(date_trunc('day', $start::TIMESTAMP), '-infinity'::TIMESTAMP)
  AND r.day < coalesce($until::TIMESTAMP, 'infinity'::TIMESTAMP)
