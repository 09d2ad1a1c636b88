-- Which resources are there now, and whose are they?
--
-- parameters   none
-- grain        one row per resource
-- The newest version of each resource, if it still holds.
SELECT * EXCLUDE (valid_to)
FROM resources
WHERE valid_to IS NULL
ORDER BY resource
