-- Which stored replay scores stay when a new replay comes?
--
-- parameters   $metrics, $policies, $hold_days, $sizes of the new replay
-- grain        one row per metric, policy, tier, target, hold and kind of sizes
-- A new replay takes the place of the same policies' earlier one with the same hold and sizes; all others stay.
SELECT *
FROM replay_scores
WHERE NOT (
    metric IN (SELECT unnest($metrics::VARCHAR[]))
    AND policy IN (SELECT unnest($policies::VARCHAR[]))
    AND hold_days = $hold_days
    AND coalesce(sizes, 'any') = $sizes
)
ORDER BY metric, hold_days, policy, tier, target_breach
