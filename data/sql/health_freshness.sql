-- Who reports, who is late, who went silent, who never said anything.
--
-- parameters   $as_of (UTC, NULL = end of the newest hour measured), $silent_hours (NULL = 24)
-- grain        one row per resource and metric; one without a metric for a resource that never reported
-- returns      resource, metric, first_at, newest_at, hours_silent, step_hours, state
--
-- state is 'silent' after $silent_hours and three of the series' own steps without a sample, 'late' after two hours and
-- two steps, 'never' where the inventory knows a resource that nothing was measured of, else 'reporting'. Silent is not
-- idle: nobody knows what a silent resource uses.
WITH clock AS (
    SELECT coalesce($as_of::TIMESTAMP, time_bucket(INTERVAL 1 HOUR, max(last_ts)) + INTERVAL 1 HOUR) AS as_of
    FROM series
), steps AS (
    -- Hours between reported hours, over the last 28 reported days: 1 for most, 24 for a daily series.
    SELECT series_id, median(step) AS step_hours
    FROM (
        SELECT
            series_id,
            date_diff('hour', lag(ts) OVER (PARTITION BY series_id ORDER BY ts), ts) AS step
        FROM rollup_hour
        SEMI JOIN series s USING (series_id)
        WHERE ts >= (SELECT as_of FROM clock) - INTERVAL 28 DAY
    )
    GROUP BY series_id
), reported AS (
    SELECT
        s.resource,
        s.metric,
        s.first_ts AS first_at,
        s.last_ts AS newest_at,
        greatest(date_diff('minute', s.last_ts, clock.as_of) / 60.0, 0) AS hours_silent,
        coalesce(steps.step_hours, 1) AS step_hours
    FROM series s
    CROSS JOIN clock
    LEFT JOIN steps USING (series_id)
    WHERE s.last_ts IS NOT NULL
)
SELECT
    *,
    CASE
        WHEN hours_silent > greatest(coalesce($silent_hours::DOUBLE, 24), 3 * step_hours) THEN 'silent'
        WHEN hours_silent > greatest(2, 2 * step_hours) THEN 'late'
        ELSE 'reporting'
    END AS state
FROM reported
UNION ALL
SELECT r.resource, NULL, NULL, NULL, NULL, NULL, 'never'
FROM (SELECT DISTINCT resource FROM resources WHERE valid_to IS NULL) r
ANTI JOIN reported USING (resource)
ORDER BY hours_silent DESC NULLS FIRST, resource, metric
