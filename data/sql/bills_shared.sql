-- Which charges are in several files: a bill that was copied or delivered twice must not count twice.
--
-- parameters   $read (files; only times that they tell of are looked at)
-- grain        one row per set of files that have charges in common, and how often each has them
-- returns      held (list of file and times), charges (how many different ones are in just these files so often)
--
-- Two charges are the same if they agree in all they say, whatever file and line they stand in. There are few sets where
-- there are many charges: nothing is compared file by file.
WITH span AS (
    SELECT min(charge_start) AS first, max(charge_start) AS last FROM bills WHERE list_contains($read, origin)
), told AS (
    SELECT origin, hash(*COLUMNS(* EXCLUDE (origin, line))) AS charge
    FROM bills
    WHERE charge_start BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
), counted AS (
    SELECT origin, charge, count(*) AS times
    FROM told
    GROUP BY origin, charge
), common AS (
    SELECT charge FROM counted GROUP BY charge HAVING count(*) > 1
), sets AS (
    SELECT charge, list_sort(list({'origin': c.origin, 'times': c.times})) AS held
    FROM counted c
    JOIN common USING (charge)
    GROUP BY charge
)
SELECT held, count(*) AS charges
FROM sets
GROUP BY held
ORDER BY held
