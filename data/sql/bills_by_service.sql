-- What did the bills charge per month, service of ours and provider?
--
-- parameters   $since (month, NULL = all)
-- grain        one row per month, service, provider and currency
-- returns      month, service (NULL = nobody's), provider, currency, billed_cost, effective_cost, charges
SELECT
    month, service, provider, currency,
    sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost, sum(charges)::BIGINT AS charges
FROM bill_months
WHERE month >= coalesce($since::DATE, '-infinity'::DATE)
GROUP BY ALL
ORDER BY month, service NULLS LAST, provider, currency
