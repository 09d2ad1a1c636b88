-- Which services are there now?
--
-- parameters   none
-- grain        one row per service
SELECT * EXCLUDE (valid_to)
FROM services
WHERE valid_to IS NULL
ORDER BY service
