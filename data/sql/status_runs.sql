-- What did the last steps do, newest first?
--
-- parameters   $count
-- grain        one row per step and source of a run
SELECT run_id, step, source, started_at, finished_at, outcome, rows_loaded, rows_rejected, message
FROM runs
ORDER BY started_at DESC
LIMIT $count
