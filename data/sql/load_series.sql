-- Gives new series their numbers.
--
-- parameters   none; reads the frame `fresh` (resource, metric, step_seconds), none of them known yet
-- grain        one row per new series
--
-- Numbers follow the names, so that samples sorted by number are sorted by name within a load.
INSERT INTO series (series_id, resource, metric, step_seconds)
SELECT
    (SELECT coalesce(max(series_id), 0) FROM series) + row_number() OVER (ORDER BY resource, metric),
    resource, metric, step_seconds
FROM fresh
