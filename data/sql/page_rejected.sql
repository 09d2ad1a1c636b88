-- What could not be used, and why.
--
-- parameters   none
-- grain        one row per source and reason
-- returns      source, reason, row_count, newest (timestamp), origin, example
--
-- Counted from rejected_counts: the counts there are complete, `rejected` keeps a bounded number of rows.
SELECT
    source,
    reason,
    sum("rows")::BIGINT AS row_count,
    max(rejected_at) AS newest,
    arg_max(origin, rejected_at) AS origin,
    arg_max(example, rejected_at) AS example
FROM rejected_counts
GROUP BY source, reason
ORDER BY row_count DESC, source, reason
LIMIT 500
