-- How much is stored?
--
-- parameters   none
-- grain        one row
SELECT
    (SELECT count(*) FROM samples) AS samples,
    (SELECT count(*) FROM series) AS series,
    (SELECT count(DISTINCT resource) FROM series) AS resources,
    (SELECT count(DISTINCT service) FROM services WHERE valid_to IS NULL) AS services
