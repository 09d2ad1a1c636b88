-- What bills charged per month: what readers get of bills, which stay in the store. Derived by data/sql/bill_months.sql.
CREATE TABLE bill_months (
    month    DATE NOT NULL,            -- first day of the month in which the charges start
    service  VARCHAR,                  -- of ours, found by the resource or a tag `service`; NULL = nobody's
    provider VARCHAR NOT NULL,         -- aws, azure, gcp as in the inventory, or the bill's own name in small letters
    offering VARCHAR,                  -- what the provider calls its service
    sub_account VARCHAR,
    currency VARCHAR NOT NULL,
    billed_cost DECIMAL(38, 14) NOT NULL,    -- cash
    effective_cost DECIMAL(38, 14) NOT NULL, -- with commitments spread over their time; billed_cost where unknown
    not_usage DECIMAL(38, 14) NOT NULL,      -- the part of effective_cost that is tax, credit or adjustment
    charges  BIGINT NOT NULL
);
