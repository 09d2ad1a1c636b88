-- Which comparisons are no longer needed once new ones come?
--
-- parameters   $measured_until (timestamp) and $ages (list of days) of the new comparisons; changes the table
-- grain        one row per forecast run, verifying run and series
--
-- The same measurements compared again take the place of the earlier comparison. Of the last week every
-- comparison stays, before that the newest of each week and age, and nothing older than half a year: a year of
-- daily runs would otherwise fill more than the measurements do.
DELETE FROM forecast_actuals
WHERE (measured_until = $measured_until::TIMESTAMP AND list_contains($ages::INTEGER[], age_days))
   OR measured_until < $measured_until::TIMESTAMP - INTERVAL 26 WEEK
   OR (
        measured_until <= $measured_until::TIMESTAMP - INTERVAL 7 DAY
        AND (age_days, measured_until) NOT IN (
            SELECT age_days, max(measured_until)
            FROM forecast_actuals
            GROUP BY age_days, date_trunc('week', measured_until)
        )
   )
