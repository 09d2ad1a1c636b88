-- How much of what sources brought could not be used, or was corrected later.
--
-- parameters   $since (UTC, NULL = ever)
-- grain        one row per source and reason
-- returns      source, reason, rows, loads (in how many), newest_at, example, most rows first
--
-- Counts are complete even where `rejected` keeps only some of the rows.
SELECT
    source,
    reason,
    sum(rows)::BIGINT AS rows,
    count(DISTINCT run_id)::INTEGER AS loads,
    max(rejected_at) AS newest_at,
    arg_max(example, rejected_at) AS example
FROM rejected_counts
WHERE rejected_at >= coalesce($since::TIMESTAMP, '-infinity'::TIMESTAMP)
GROUP BY source, reason
ORDER BY rows DESC, source, reason
