-- What did each service cost per past month, with what an exported bill says of it?
--
-- parameters   none
-- grain        one row per month, service, provider and site
-- returns      month, service, provider, site, cost, currency, team, owner, tier, category (of FOCUS)
--
-- The category is that of the kind most of the service's resources are of.
WITH kinds AS (
    SELECT service, provider, mode(kind) AS kind
    FROM resources
    WHERE valid_to IS NULL
    GROUP BY service, provider
), owners AS (
    SELECT * FROM services WHERE valid_to IS NULL
    QUALIFY row_number() OVER (PARTITION BY service ORDER BY valid_from DESC) = 1
)
SELECT
    m.month, m.service, m.provider, m.site, m.cost, m.currency,
    o.team, o.owner, o.tier,
    CASE k.kind
        WHEN 'database' THEN 'Databases'
        WHEN 'volume' THEN 'Storage'
        WHEN 'link' THEN 'Networking'
        WHEN 'server' THEN 'Compute'
        WHEN 'vm' THEN 'Compute'
        WHEN 'workload' THEN 'Compute'
        ELSE 'Other'
    END AS category
FROM monthly_costs m
LEFT JOIN kinds k ON k.service IS NOT DISTINCT FROM m.service AND k.provider IS NOT DISTINCT FROM m.provider
LEFT JOIN owners o ON o.service = m.service
WHERE NOT m.is_forecast
ORDER BY m.month, m.service NULLS LAST, m.provider, m.site
