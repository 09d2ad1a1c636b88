-- Which other files charge for the same as this one, but other amounts: a period that was billed anew.
--
-- parameters   $origin
-- grain        one row per other file
-- returns      origin, charges (how many of this file's charges are in it with another amount), most first
--
-- Charges are for the same if they agree in when, where, what and to whom. Not in amounts, and not in invoice and tags,
-- which a month gets when it is closed. Charges that agree in all are left out: data/sql/bills_shared.sql has those.
WITH told AS (
    SELECT
        b.origin,
        hash(
            b.charge_start, b.charge_end, b.provider, b.billing_account, b.sub_account, b.service_name, b.region,
            b.resource, b.resource_name, b.sku, b.charge_category, b.charge_class, b.charge_frequency,
            b.charge_description, b.pricing_category, b.commitment, b.currency, b.pricing_unit, b.consumed_unit
        ) AS what,
        hash(b.billed_cost, b.effective_cost) AS amounts
    FROM bills b, (
        SELECT min(charge_start) AS first, max(charge_start) AS last FROM bills WHERE origin = $origin
    ) span
    WHERE b.charge_start BETWEEN span.first AND span.last
), mine AS (
    SELECT what, count(*) AS times, list_sort(list(amounts)) AS amounts
    FROM told
    WHERE origin = $origin
    GROUP BY what
), theirs AS (
    SELECT origin, what, count(*) AS times, list_sort(list(amounts)) AS amounts
    FROM told
    WHERE origin <> $origin
    GROUP BY origin, what
)
SELECT t.origin, sum(least(m.times, t.times))::BIGINT AS charges
FROM theirs t
JOIN mine m ON m.what = t.what AND m.amounts <> t.amounts
GROUP BY t.origin
ORDER BY charges DESC, t.origin
