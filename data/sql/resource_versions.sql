-- Which resources were there, and how did they change?
--
-- parameters   none
-- grain        one row per version of a resource; valid_to NULL = still holds
-- Costs of past months need the versions that held then; `resources_now` has only the last ones.
SELECT *
FROM resources
ORDER BY resource, valid_from
