-- Every resource as it is now: what it is, whose, the finding on it, what it costs, what to do.
--
-- parameters   none
-- grain        one row per resource
-- returns      resource, kind, service, team, owner, tier, provider, site, instance_type, lead_days, status, severity,
--              reasons, because, monthly_cost, unused_cost, basis, note, and of the recommendation: action, from_type,
--              to_type, from_size, to_size, cost_now, cost_then, saving, breach_now, breach_then, confidence, policy,
--              buy_by, advice
--
-- A resource that has a finding but is not in the inventory is shown too, with nothing known about it: it is
-- measured, so hiding it would hide the gap in the inventory. Money is DOUBLE here: it is only shown, never booked.
WITH inventory AS (
    SELECT * FROM resources WHERE valid_to IS NULL
    QUALIFY row_number() OVER (PARTITION BY resource ORDER BY valid_from DESC) = 1
),
owners AS (
    SELECT * FROM services WHERE valid_to IS NULL
    QUALIFY row_number() OVER (PARTITION BY service ORDER BY valid_from DESC) = 1
),
names AS (
    SELECT resource FROM inventory
    UNION
    SELECT resource FROM findings
)
SELECT
    names.resource,
    coalesce(i.kind, 'unknown') AS kind,
    i.service,
    o.team,
    o.owner,
    o.tier,
    i.provider,
    i.site,
    i.instance_type,
    i.lead_days,
    coalesce(f.status, 'unknown') AS status,
    coalesce(f.severity, 0) AS severity,
    coalesce(f.reasons, '') AS reasons,
    coalesce(f.because, 'no finding was made on it') AS because,
    c.monthly_cost::DOUBLE AS monthly_cost,
    c.unused_cost::DOUBLE AS unused_cost,
    coalesce(c.basis, 'unknown') AS basis,
    c.note,
    a.action,
    a.from_type,
    a.to_type,
    a.from_size,
    a.to_size,
    a.cost_now::DOUBLE AS cost_now,
    a.cost_then::DOUBLE AS cost_then,
    a.saving::DOUBLE AS saving,
    a.breach_now,
    a.breach_then,
    a.confidence,
    a.policy,
    a.buy_by,
    a.because AS advice
FROM names
LEFT JOIN inventory AS i USING (resource)
LEFT JOIN owners AS o ON o.service = i.service
LEFT JOIN findings AS f USING (resource)
LEFT JOIN resource_costs AS c USING (resource)
LEFT JOIN recommendations AS a USING (resource)
ORDER BY names.resource
