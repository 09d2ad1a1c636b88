-- When each resource was last heard of.
--
-- parameters   $as_of (timestamp): end of the newest complete hour measured
-- grain        one row per resource and metric
-- returns      resource, metric, first_day, newest, hours_silent, days_reported
--
-- Days come from the daily rollups, which reach back furthest; the newest hour from the hourly ones, which may have been
-- pruned for a resource that has been silent for long, hence the fall back to the newest day.
WITH days AS (
    SELECT series_id, min(day) AS first_day, max(day) AS last_day, count(*) AS days_reported
    FROM rollup_day
    GROUP BY series_id
),
hours AS (
    SELECT series_id, max(ts) AS newest_hour
    FROM rollup_hour
    WHERE ts >= $as_of::TIMESTAMP - INTERVAL 30 DAY
    GROUP BY series_id
)
SELECT
    s.resource,
    s.metric,
    d.first_day,
    coalesce(h.newest_hour, d.last_day::TIMESTAMP) AS newest,
    date_diff('hour', coalesce(h.newest_hour, d.last_day::TIMESTAMP) + INTERVAL 1 HOUR, $as_of::TIMESTAMP) AS hours_silent,
    d.days_reported
FROM series AS s
JOIN days AS d USING (series_id)
LEFT JOIN hours AS h USING (series_id)
ORDER BY newest, s.resource, s.metric
