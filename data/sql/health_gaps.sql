-- Stretches in which a resource reported nothing, between stretches in which it did.
--
-- parameters   $since (UTC, NULL = 28 days before the newest sample), $min_hours (NULL = 2), $resource (NULL = all)
-- grain        one row per gap
-- returns      resource, metric, starts_at, ends_at, hours, longest first
--
-- A gap is longer than the series' usual distance between reported hours: a daily series has no gap every night. What
-- is still going on is no gap but silence; see health_freshness.
WITH reported AS (
    SELECT r.series_id, r.ts, lag(r.ts) OVER (PARTITION BY r.series_id ORDER BY r.ts) AS before
    FROM rollup_hour r
    JOIN series s USING (series_id)
    WHERE ($resource::VARCHAR IS NULL OR s.resource = $resource::VARCHAR)
      AND r.ts >= coalesce($since::TIMESTAMP, (SELECT max(last_ts) FROM series) - INTERVAL 28 DAY)
), distances AS (
    SELECT *, date_diff('hour', before, ts) AS distance, median(distance) OVER (PARTITION BY series_id) AS usual
    FROM reported
    WHERE before IS NOT NULL
)
SELECT
    s.resource,
    s.metric,
    d.before + to_hours(d.usual::INTEGER) AS starts_at,
    d.ts AS ends_at,
    date_diff('hour', starts_at, ends_at) AS hours
FROM distances d
JOIN series s USING (series_id)
WHERE d.distance - d.usual >= coalesce($min_hours::INTEGER, 2)
ORDER BY hours DESC, s.resource, s.metric, starts_at
