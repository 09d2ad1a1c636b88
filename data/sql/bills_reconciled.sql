-- How far is what we computed from what was billed?
--
-- parameters   $since (month, NULL = all)
-- grain        one row per month, provider and currency of a bill
-- returns      month, provider, currency, billed (usage and purchases, effective), not_usage (tax, credits, adjustments),
--              computed, residual (billed - computed), share (of billed, NULL where nothing was billed), note
--
-- The residual is what resources we do not know cost, prices we do not know, and time we did not measure. A month in
-- another currency than the computed costs is not compared. Only months that a bill covers are.
WITH billed AS (
    SELECT
        month, provider, currency,
        sum(effective_cost) - sum(not_usage) AS billed,
        sum(not_usage) AS not_usage
    FROM bill_months
    WHERE month >= coalesce($since::DATE, '-infinity'::DATE)
    GROUP BY month, provider, currency
), computed AS (
    SELECT month, provider, currency, sum(cost) AS computed
    FROM monthly_costs
    WHERE NOT is_forecast
    GROUP BY month, provider, currency
), currencies AS (
    SELECT month, provider, string_agg(currency, ', ' ORDER BY currency) AS currencies
    FROM computed
    GROUP BY month, provider
)
SELECT
    b.month, b.provider, b.currency, b.billed, b.not_usage,
    c.computed,
    b.billed - c.computed AS residual,
    (residual / nullif(b.billed, 0))::DOUBLE AS share,
    CASE
        WHEN c.computed IS NOT NULL THEN NULL
        WHEN o.currencies IS NOT NULL THEN concat('computed in ', o.currencies)
        ELSE 'nothing was computed for this month and provider'
    END AS note
FROM billed b
LEFT JOIN computed c USING (month, provider, currency)
LEFT JOIN currencies o USING (month, provider)
ORDER BY b.month, b.provider, b.currency
