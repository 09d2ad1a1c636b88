-- Which service calls which, now?
--
-- parameters   none
-- grain        one row per service and service it depends on
SELECT service, depends_on
FROM dependencies
WHERE valid_to IS NULL
ORDER BY service, depends_on
