-- Which charges are in several files with other amounts: a period that was billed anew.
--
-- parameters   $read (files; only times that they tell of are looked at)
-- grain        one row per set of files that charge for the same, and which of them agree
-- returns      held (list of file, times, and the first file that has the same amounts), charges (for how many things)
--
-- Charges are for the same if they agree in when, where, what and to whom. Not in amounts, and not in invoice and tags,
-- which a month gets when it is closed.
WITH span AS (
    SELECT min(charge_start) AS first, max(charge_start) AS last FROM bills WHERE list_contains($read, origin)
), told AS (
    SELECT
        origin,
        hash(
            charge_start, charge_end, provider, billing_account, sub_account, service_name, region, resource,
            resource_name, sku, charge_category, charge_class, charge_frequency, charge_description,
            pricing_category, commitment, currency, pricing_unit, consumed_unit
        ) AS what,
        hash(billed_cost, effective_cost) AS amounts
    FROM bills
    WHERE charge_start BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
), counted AS (
    SELECT origin, what, count(*) AS times, hash(list_sort(list(amounts))) AS amounts
    FROM told
    GROUP BY origin, what
), common AS (
    SELECT what FROM counted GROUP BY what HAVING count(DISTINCT amounts) > 1
), marked AS (
    SELECT c.*, min(origin) OVER (PARTITION BY what, amounts) AS agrees_with
    FROM counted c
    JOIN common USING (what)
), sets AS (
    SELECT what, list_sort(list({'origin': origin, 'times': times, 'agrees_with': agrees_with})) AS held
    FROM marked
    GROUP BY what
)
SELECT held, count(*) AS charges
FROM sets
GROUP BY held
ORDER BY held
