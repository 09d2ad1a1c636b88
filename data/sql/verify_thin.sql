-- Which comparisons are no longer needed once new ones come?
--
-- parameters   $measured_until (timestamp) and $ages (list of days) of the new comparisons; changes the table
-- grain        one row per forecast run, verifying run and series
--
-- The same measurements compared again take the place of the earlier comparison. Of the last week every
-- comparison stays, before that the newest of each week and age, and nothing older than half a year: a year of
-- daily runs would otherwise fill more than the measurements do.
DELETE FROM forecast_actuals AS kept
USING (
    SELECT
        age_days,
        measured_until,
        lead(measured_until) OVER (
            PARTITION BY age_days, date_trunc('week', measured_until) ORDER BY measured_until
        ) IS NOT NULL AS has_newer_of_its_week
    FROM (SELECT DISTINCT age_days, measured_until FROM forecast_actuals)
) AS comparison
WHERE kept.age_days = comparison.age_days
  AND kept.measured_until = comparison.measured_until
  AND (
        (kept.measured_until = $measured_until::TIMESTAMP AND list_contains($ages::INTEGER[], kept.age_days))
        OR kept.measured_until < $measured_until::TIMESTAMP - INTERVAL 26 WEEK
        OR (
            kept.measured_until <= $measured_until::TIMESTAMP - INTERVAL 7 DAY
            AND comparison.has_newer_of_its_week
        )
  )
