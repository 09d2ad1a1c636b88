-- Until when raw samples were removed: of days before it only rollups are kept, but for days loaded since.
CREATE TABLE raw_since (day DATE NOT NULL);

-- An amount to six digits, far below what any source measures, and never above the exact highest one: half the
-- size on disk of the mean and p95 of rollups.
CREATE MACRO six_digits(amount, highest) AS
    CASE
        WHEN amount >= 1e-9 THEN least(round(amount, 5 - floor(log10(amount))::INTEGER), highest)
        ELSE amount
    END;
