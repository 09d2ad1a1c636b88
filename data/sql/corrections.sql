-- How are stated probabilities of exhaustion corrected?
--
-- parameters   none
-- grain        one row per metric ('' = the fleet) and horizon
SELECT metric, days, a, b
FROM corrections
ORDER BY metric, days
