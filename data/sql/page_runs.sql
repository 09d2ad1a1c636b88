-- What the jobs did lately.
--
-- parameters   none
-- grain        one row per step of a run
-- returns      the columns of runs, newest first
--
-- A step without an end whose run is not the published one was killed or still runs; the page says so.
SELECT *
FROM runs
ORDER BY started_at DESC, run_id DESC
LIMIT 200
