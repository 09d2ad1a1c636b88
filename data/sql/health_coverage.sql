-- How much of the last weeks was reported.
--
-- parameters   $as_of (UTC, NULL = end of the newest hour measured), $days (NULL = 28)
-- grain        one row per resource and metric that was known before $as_of
-- returns      resource, metric, reported (slots), expected (slots), coverage (0 to 1), samples
--
-- A slot is an hour, or a day for a series that reports at most once a day, or its source's step where that is some
-- other number of hours; where the step is unknown the median distance of its reports. A series is expected from its first sample on: a machine bought last week is not
-- one with gaps.
WITH clock AS (
    SELECT
        coalesce($as_of::TIMESTAMP, time_bucket(INTERVAL 1 HOUR, max(last_ts)) + INTERVAL 1 HOUR) AS as_of,
        to_days(coalesce($days::INTEGER, 28)) AS length
    FROM series
), reports AS (
    SELECT
        r.series_id,
        r.ts,
        r.count,
        date_diff('hour', lag(r.ts) OVER (PARTITION BY r.series_id ORDER BY r.ts), r.ts) AS distance
    FROM rollup_hour r
    CROSS JOIN clock
    WHERE r.ts >= clock.as_of - clock.length AND r.ts < clock.as_of
), hours AS (
    SELECT
        series_id,
        count(*) AS hours,
        count(DISTINCT ts::DATE) AS days,
        sum(count)::BIGINT AS samples,
        coalesce(median(distance), 1) AS usual
    FROM reports
    GROUP BY series_id
), expected AS (
    SELECT
        s.resource,
        s.metric,
        coalesce(h.samples, 0) AS samples,
        coalesce(h.hours, 0) AS hours,
        coalesce(h.days, 0) AS days,
        CASE WHEN s.step_seconds IS NOT NULL THEN greatest(s.step_seconds / 3600.0, 1) ELSE coalesce(h.usual, 1) END AS usual,
        greatest(s.first_ts, clock.as_of - clock.length) AS since,
        clock.as_of
    FROM series s
    CROSS JOIN clock
    LEFT JOIN hours h USING (series_id)
    WHERE s.first_ts < clock.as_of
), slots AS (
    SELECT
        *,
        hours > 0 AND hours = days AND usual < 48 AS is_daily,
        greatest(ceil(date_diff('minute', time_bucket(INTERVAL 1 HOUR, since), as_of) / 60.0 / usual), 1)::BIGINT AS slots_expected,
        greatest(date_diff('day', since::DATE, (as_of - INTERVAL 1 SECOND)::DATE) + 1, 1) AS days_expected
    FROM expected
)
SELECT
    resource,
    metric,
    CASE WHEN is_daily AND days_expected > 1 THEN days ELSE least(hours, slots_expected) END AS reported,
    CASE WHEN is_daily AND days_expected > 1 THEN days_expected ELSE slots_expected END AS expected,
    least(reported / expected, 1.0) AS coverage,
    samples
FROM slots
ORDER BY coverage, resource, metric
