-- What did the bills charge, per month, provider and service of ours?
--
-- parameters   none
-- grain        one row per month, service, provider, offering, sub-account and currency
-- returns      the columns of bill_months
--
-- A charge is ours by its resource: what its cloud tells it apart by, else its whole id or what is after the last slash
-- of it (as in an ARN or an Azure id), which several may share; else by its tag `service`. The resource's owner is today's: bills are asked about by who pays now. Purchases count when they are
-- billed, and over their time in effective_cost.
WITH owners AS (
    SELECT lower(resource) AS name, any_value(service) AS service
    FROM resources
    WHERE valid_to IS NULL AND service IS NOT NULL
    GROUP BY 1
), named AS (
    SELECT lower(n.identity) AS identity, any_value(o.service) AS service
    FROM resource_names n
    LEFT JOIN owners o ON o.name = lower(n.resource)
    GROUP BY 1
), known AS (
    SELECT service FROM services WHERE valid_to IS NULL
), charges AS (
    SELECT
        *,
        lower(provider) AS said,
        CASE WHEN json_valid(tags) THEN coalesce(tags ->> '$.service', tags ->> '$.Service') END AS tagged
    FROM bills
)
SELECT
    date_trunc('month', c.charge_start)::DATE AS month,
    coalesce(
        CASE WHEN n.identity IS NULL THEN coalesce(a.service, b.service, d.service) ELSE n.service END, k.service
    ) AS service,
    CASE
        WHEN c.said = 'aws' OR c.said LIKE '%amazon%' THEN 'aws'
        WHEN c.said LIKE '%microsoft%' OR c.said LIKE '%azure%' THEN 'azure'
        WHEN c.said = 'gcp' OR c.said LIKE '%google%' THEN 'gcp'
        ELSE coalesce(c.said, 'unknown')
    END AS provider,
    c.service_name AS offering,
    c.sub_account,
    c.currency,
    sum(c.billed_cost) AS billed_cost,
    sum(coalesce(c.effective_cost, c.billed_cost)) AS effective_cost,
    sum(
        CASE
            WHEN c.charge_category IN ('Tax', 'Credit', 'Adjustment') THEN coalesce(c.effective_cost, c.billed_cost)
            ELSE 0
        END
    ) AS not_usage,
    count(*) AS charges
FROM charges c
LEFT JOIN named n ON n.identity = regexp_replace(lower(c.resource), '^//[^/]+/', '')
LEFT JOIN owners a ON a.name = lower(c.resource)
LEFT JOIN owners b ON b.name = lower(c.resource_name)
LEFT JOIN owners d ON d.name = lower(regexp_extract(c.resource, '([^/]+)$', 1))
LEFT JOIN known k ON k.service = c.tagged
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 1, 2, 3, 4, 5, 6
