-- Which bills are loaded, and what do they charge?
--
-- parameters   none
-- grain        one row per file and currency
-- returns      origin, currency, charges, first_day, last_day, billed_cost, effective_cost
SELECT
    origin, currency, count(*) AS charges, min(charge_start)::DATE AS first_day, max(charge_start)::DATE AS last_day,
    sum(billed_cost) AS billed_cost, sum(coalesce(effective_cost, billed_cost)) AS effective_cost
FROM bills
GROUP BY origin, currency
ORDER BY origin, currency
