-- What was spent in each month, and what is expected ahead.
--
-- parameters   none
-- grain        one row per month, service, provider and site
-- returns      month, service, provider, site, cost, low, high, currency, is_forecast
--
-- Money is DOUBLE here: it is only shown, never booked.
SELECT
    month, service, provider, site,
    cost::DOUBLE AS cost, low::DOUBLE AS low, high::DOUBLE AS high, currency, is_forecast
FROM monthly_costs
ORDER BY month, service, provider, site
