-- How each source is doing: where it got to, how its last pull ended, what could not be used.
--
-- parameters   $since (UTC, NULL = ever): counts are of runs that started from then on
-- grain        one row per source
-- returns      source, watermark, last_started_at, last_finished_at, last_outcome, last_message, newest_sample,
--              runs, failed_runs, rows_read, rows_loaded, rows_replaced, rows_rejected
--
-- An outcome of 'running' without an end belongs to a run that is going on or was killed.
WITH pulls AS (
    SELECT *
    FROM runs
    WHERE step = 'ingest' AND source IS NOT NULL
      AND started_at >= coalesce($since::TIMESTAMP, '-infinity'::TIMESTAMP)
), sources AS (
    SELECT source FROM pulls
    UNION
    SELECT source FROM watermarks
), marks AS (
    -- Of several targets the one that is furthest behind.
    SELECT
        source,
        coalesce(min(newest_sample) FILTER (target IS NOT NULL), max(newest_sample)) AS watermark
    FROM watermarks
    GROUP BY source
)
SELECT
    s.source,
    any_value(m.watermark) AS watermark,
    max(p.started_at) AS last_started_at,
    arg_max_null(p.finished_at, p.started_at) AS last_finished_at,
    arg_max(p.outcome, p.started_at) AS last_outcome,
    arg_max_null(p.message, p.started_at) AS last_message,
    max(p.newest_sample) AS newest_sample,
    count(p.run_id) AS runs,
    count(p.run_id) FILTER (p.outcome = 'failed') AS failed_runs,
    coalesce(sum(p.rows_read), 0)::BIGINT AS rows_read,
    coalesce(sum(p.rows_loaded), 0)::BIGINT AS rows_loaded,
    coalesce(sum(p.rows_replaced), 0)::BIGINT AS rows_replaced,
    coalesce(sum(p.rows_rejected), 0)::BIGINT AS rows_rejected
FROM sources s
LEFT JOIN pulls p USING (source)
LEFT JOIN marks m USING (source)
GROUP BY s.source
ORDER BY s.source
