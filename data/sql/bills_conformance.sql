-- What in the bills does not conform to the specification and was read all the same?
--
-- parameters   none
-- grain        one row per column and finding
-- returns      column, finding, files, rows (NULL for whole columns), example, most rows first
SELECT
    "column", finding, count(DISTINCT origin) AS files, sum(rows)::BIGINT AS rows, any_value(example) AS example
FROM bill_conformance
GROUP BY "column", finding
ORDER BY rows DESC NULLS LAST, "column", finding
