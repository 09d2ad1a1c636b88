-- How far each series reaches.
--
-- parameters   none
-- grain        one row per series
-- returns      resource, metric, newest (start of its newest sample, NULL = it has none), sorted by the first two
SELECT resource, metric, last_ts AS newest
FROM series
ORDER BY resource, metric
