-- Which stored rules of the hindsight frontier stay when a new replay comes?
--
-- parameters   $metrics, $hold_days of the new replay
-- grain        one row per metric, tier, hold and rule
-- A new replay takes the place of the earlier one of the same metrics with the same hold; all others stay.
SELECT *
FROM replay_rules
WHERE NOT (metric IN (SELECT unnest($metrics::VARCHAR[])) AND hold_days = $hold_days)
ORDER BY metric, hold_days, tier, breached_hours
