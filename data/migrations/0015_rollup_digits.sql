-- Mean and p95 of rollups to a thousandth (a millicore, a MiB, a kbit/s), to six digits from 1,000 upward and to
-- four below 1, never above the exact highest: finer than any source measures, and in few bits on disk.
DROP MACRO six_digits;
CREATE MACRO rollup_digits(amount, highest) AS
    CASE
        WHEN amount >= 1 THEN least(round(amount, least(3, 5 - floor(log10(amount))::INTEGER)), highest)
        WHEN amount >= 1e-9 THEN least(round(amount, 3 - floor(log10(amount))::INTEGER), highest)
        ELSE amount
    END;
