-- Which backtest scores stay when some models are scored anew at a grain?
--
-- parameters   $grain, $models (list)
-- grain        one row per series, model and horizon band
SELECT *
FROM forecast_scores
WHERE NOT (grain = $grain AND list_contains($models::VARCHAR[], model))
