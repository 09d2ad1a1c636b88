-- Highest demand by day ahead, of a scope.
--
-- parameters   $scope ('resource' or 'service'), $subjects (list, NULL = all)
-- grain        one row per series and day ahead
-- returns      subject, metric, start, day, amounts (at data.reach.REACH_LEVELS), sorted
SELECT subject, metric, start, day, amounts
FROM reach
WHERE scope = $scope AND ($subjects::VARCHAR[] IS NULL OR list_contains($subjects::VARCHAR[], subject))
ORDER BY subject, metric, day
