-- How good was what an earlier run forecast, against what was measured since?
--
-- parameters   $forecast_run, $verified_run, $age_days, $measured_until (timestamp), $held (list: metrics of
--              resources; every other metric is a driver of a service); reads the temporary views `verify_points`
--              and `verify_series`, which are forecast_points and forecast_series of the earlier run
-- grain        one row per forecast series with at least one slot measured since
-- returns      the columns of forecast_actuals
--
-- Hours against hourly means, days against the day's peak, as they were forecast. Only days that are over count,
-- and only those with at least half of the samples that the series' fullest day has: the peak of a morning is
-- not the peak of its day. Slots that were not measured are not compared.
WITH made AS (
    SELECT
        row_number() OVER () AS id,
        (scope = 'resource') = coalesce(list_contains($held::VARCHAR[], metric), false) AS is_series,
        *
    FROM verify_series
),
said AS (
    SELECT m.id, p.ts, p.q05, p.q10, p.q25, p.q50, p.q75, p.q90, p.q95
    FROM verify_points p
    JOIN made m USING (grain, scope, subject, metric)
    WHERE p.ts < CASE p.grain WHEN 'hour' THEN $measured_until::TIMESTAMP
                 ELSE date_trunc('day', $measured_until::TIMESTAMP) END
),
since AS (
    SELECT coalesce(min(ts), 'infinity'::TIMESTAMP) AS first_slot FROM said
),
numbered AS (
    SELECT m.id, m.grain, s.series_id
    FROM made m
    JOIN series s ON s.resource = m.subject AND s.metric = m.metric
    WHERE m.is_series
),
measured AS (
    SELECT n.id, r.ts, r.mean AS value
    FROM rollup_hour r JOIN numbered n USING (series_id)
    WHERE n.grain = 'hour' AND r.ts >= (SELECT first_slot FROM since)
    UNION ALL
    (
        SELECT n.id, r.day::TIMESTAMP, r.max
        FROM rollup_day r JOIN numbered n USING (series_id)
        WHERE n.grain = 'day' AND r.day::TIMESTAMP >= (SELECT first_slot FROM since)
        QUALIFY 2 * r.count >= max(r.count) OVER (PARTITION BY n.id)
    )
    UNION ALL
    SELECT m.id, h.ts, h.mean
    FROM service_hour h JOIN made m ON m.subject = h.service AND m.metric = h.metric
    WHERE m.grain = 'hour' AND m.scope = 'service' AND h.ts >= (SELECT first_slot FROM since)
    UNION ALL
    SELECT m.id, d.ts, d.max
    FROM service_day d JOIN made m ON m.subject = d.service AND m.metric = d.metric
    WHERE m.grain = 'day' AND m.scope = 'service' AND d.ts >= (SELECT first_slot FROM since)
),
compared AS (
    SELECT
        id,
        min(ts) AS compared_from,
        count(*)::INTEGER AS slots,
        avg(abs(value)) AS mean_demand,
        avg(abs(q50 - value)) AS mean_error,
        avg(q50 - value) AS mean_excess,
        avg((
            greatest(0.05 * (value - q05), 0.95 * (q05 - value))
            + greatest(0.10 * (value - q10), 0.90 * (q10 - value))
            + greatest(0.25 * (value - q25), 0.75 * (q25 - value))
            + 0.50 * abs(value - q50)
            + greatest(0.75 * (value - q75), 0.25 * (q75 - value))
            + greatest(0.90 * (value - q90), 0.10 * (q90 - value))
            + greatest(0.95 * (value - q95), 0.05 * (q95 - value))
        ) / 7) AS mean_pinball,
        avg((value BETWEEN q10 AND q90)::INTEGER) AS coverage_80,
        avg((value BETWEEN q05 AND q95)::INTEGER) AS coverage_90
    FROM said
    JOIN measured USING (id, ts)
    WHERE value IS NOT NULL AND NOT isnan(value)
    GROUP BY id
),
backtested AS (
    SELECT scope, subject, metric, any_value(relative_error) AS relative_error
    FROM forecast_scores
    WHERE grain = 'day' AND model = 'planning' AND band = 'all'
    GROUP BY ALL
)
SELECT
    $forecast_run::VARCHAR AS forecast_run,
    $verified_run::VARCHAR AS verified_run,
    $age_days::INTEGER AS age_days,
    c.compared_from,
    $measured_until::TIMESTAMP AS measured_until,
    m.grain, m.scope, m.subject, m.metric, m.made_by,
    c.slots,
    c.mean_demand,
    c.mean_error,
    c.mean_error / nullif(c.mean_demand, 0) AS relative_error,
    c.mean_excess / nullif(c.mean_demand, 0) AS relative_bias,
    c.mean_pinball / nullif(c.mean_demand, 0) AS relative_pinball,
    c.coverage_80,
    c.coverage_90,
    coalesce(m.relative_error, b.relative_error) AS expected_error
FROM compared c
JOIN made m USING (id)
LEFT JOIN backtested b
    ON m.grain = 'day' AND b.scope = m.scope AND b.subject = m.subject AND b.metric = m.metric
ORDER BY m.grain, m.scope, m.subject, m.metric
