-- What was advised, and from when to when?
--
-- parameters   none
-- grain        one row per resource, action and size advised
-- A size that was advised again after a pause is one row: its first and its last time.
SELECT *
FROM advised
ORDER BY resource, first_at, action, to_type, to_size
