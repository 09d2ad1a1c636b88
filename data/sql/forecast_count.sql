-- How many series were forecast?
--
-- parameters   none
-- grain        one row
SELECT count(*) AS series
FROM forecast_series
