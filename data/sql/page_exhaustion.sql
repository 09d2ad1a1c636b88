-- What runs out, when, and how likely: the most urgent first.
--
-- parameters   none
-- grain        one row per subject and metric, of resources and of services
-- returns      the columns of exhaustion
--
-- Ordered by the date at 0.5 where one is named, then by the chance within 90 days: a date is only named
-- where the chance of reaching the limit is at least one half, so both are needed to rank.
SELECT *
FROM exhaustion
ORDER BY state <> 'exhausted_now', date_mid NULLS LAST, p90 DESC NULLS LAST, subject, metric
