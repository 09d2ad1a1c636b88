-- Where did reports stop and start again?
--
-- parameters   $resource (NULL = all), $since (UTC, NULL = 28 days before the newest sample), $min_hours (NULL = 2)
-- grain        one row per gap of at least $min_hours beyond the series' usual distance that ends after $since
-- returns      resource, metric, starts_at (UTC), ends_at, hours, longest first
--
-- The usual distance is the median one, so a daily series has no gaps at night. A gap may have begun long before $since:
-- it is looked for from the last report before it. What is missing at the end is freshness.
WITH since AS (
    SELECT coalesce($since::TIMESTAMP, (SELECT max(last_ts) FROM series) - INTERVAL 28 DAY) AS since
), asked AS (
    SELECT series_id FROM series WHERE $resource::VARCHAR IS NULL OR resource = $resource::VARCHAR
), reports AS (
    SELECT r.series_id, r.ts
    FROM rollup_hour r
    SEMI JOIN asked USING (series_id)
    WHERE r.ts >= (SELECT since FROM since)
    UNION ALL
    SELECT r.series_id, max(r.ts)
    FROM rollup_hour r
    SEMI JOIN asked USING (series_id)
    WHERE r.ts < (SELECT since FROM since)
    GROUP BY r.series_id
), reported AS (
    SELECT series_id, ts, lag(ts) OVER (PARTITION BY series_id ORDER BY ts) AS before
    FROM reports
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
