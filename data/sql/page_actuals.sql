-- What came of earlier forecasts, as far as the newest comparison knows?
--
-- parameters   none
-- grain        one row per age of the forecast and series
-- returns      the columns of forecast_actuals
SELECT *
FROM forecast_actuals
WHERE measured_until = (SELECT max(measured_until) FROM forecast_actuals)
ORDER BY age_days, grain, scope, subject, metric
