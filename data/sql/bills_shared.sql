-- Which other files hold charges of this one: a bill that was copied or delivered twice must not count twice.
--
-- parameters   $origin
-- grain        one row per other file
-- returns      origin, charges (how many of this file's charges are in it too), most first
--
-- Two charges are the same if they agree in all they say, whatever file and line they stand in. A charge that
-- occurs several times in a file is shared as often as it occurs in both.
WITH mine AS (
    SELECT hash(c) AS charge, count(*) AS times
    FROM (SELECT * EXCLUDE (origin, line) FROM bills WHERE origin = $origin) c
    GROUP BY charge
), span AS (
    SELECT min(charge_start) AS first, max(charge_start) AS last
    FROM bills
    WHERE origin = $origin
), theirs AS (
    SELECT origin, charge, count(*) AS times
    FROM (
        SELECT b.origin, hash(c) AS charge
        FROM bills b, span, LATERAL (SELECT b.* EXCLUDE (origin, line)) c
        WHERE b.origin <> $origin AND b.charge_start BETWEEN span.first AND span.last
    )
    GROUP BY origin, charge
)
SELECT t.origin, sum(least(m.times, t.times))::BIGINT AS charges
FROM theirs t
JOIN mine m USING (charge)
GROUP BY t.origin
ORDER BY charges DESC, t.origin
