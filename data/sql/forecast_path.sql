-- Forecast of one series as quantile paths.
--
-- parameters   $grain ('hour' or 'day'), $scope ('resource' or 'service'), $subject, $metric
-- grain        one row per slot ahead
-- returns      ts, q05, q10, q25, q50, q75, q90, q95
SELECT ts, q05, q10, q25, q50, q75, q90, q95
FROM forecast_points
WHERE grain = $grain AND scope = $scope AND subject = $subject AND metric = $metric
ORDER BY ts
