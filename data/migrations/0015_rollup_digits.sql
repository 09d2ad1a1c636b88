-- Mean and p95 of rollups to a thousandth (a millicore, a MiB, a kbit/s), to six digits from 1,000 upward and to
-- four below 1, never above the exact highest: finer than any source measures, and in few bits on disk.
DROP MACRO six_digits;
-- Twice: a mean half-way between two digits is off by a last bit, depending on the order its samples were added in,
-- and would fall to either side.
CREATE MACRO nearest(amount, decimals) AS round(round(amount, decimals + 6), decimals);
CREATE MACRO rollup_digits(amount, highest) AS
    CASE
        WHEN amount >= 1 THEN least(nearest(amount, least(3, 5 - floor(log10(amount))::INTEGER)), highest)
        WHEN amount >= 1e-9 THEN least(nearest(amount, 3 - floor(log10(amount))::INTEGER), highest)
        ELSE amount
    END;
