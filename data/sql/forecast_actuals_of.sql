-- How good did the forecasts turn out that were compared with measurements?
--
-- parameters   $verified_run, $grain, $scope, $subject, $metric (each NULL = all), $since (timestamp, NULL = all):
--              only comparisons with measurements up to later than that
-- grain        one row per forecast run, verifying run and series
SELECT *
FROM forecast_actuals
WHERE ($verified_run::VARCHAR IS NULL OR verified_run = $verified_run)
  AND ($grain::VARCHAR IS NULL OR grain = $grain)
  AND ($scope::VARCHAR IS NULL OR scope = $scope)
  AND ($subject::VARCHAR IS NULL OR subject = $subject)
  AND ($metric::VARCHAR IS NULL OR metric = $metric)
  AND ($since::TIMESTAMP IS NULL OR measured_until > $since)
ORDER BY measured_until, age_days, grain, scope, subject, metric
