-- Advice for several resources together, the rival of the advice for each of them in `recommendations`:
-- fewer or more members, fewer larger ones, emptied servers, a migration. One row per alternative and resource.
CREATE TABLE alternatives (
    alternative VARCHAR NOT NULL,      -- its name, as the plan shows it
    kind VARCHAR NOT NULL,             -- data.alternative.AlternativeKind
    why VARCHAR NOT NULL,              -- one sentence about the whole
    resource VARCHAR NOT NULL,
    action VARCHAR NOT NULL,           -- 'keep' = it only takes over load
    from_type VARCHAR, to_type VARCHAR,
    from_size VARCHAR NOT NULL, to_size VARCHAR NOT NULL,
    target_cpu DOUBLE, target_memory DOUBLE, target_storage DOUBLE, target_network DOUBLE,
    cost_now DECIMAL(18, 2), cost_then DECIMAL(18, 2), saving DECIMAL(18, 2),  -- per month
    currency VARCHAR,
    breach_now DOUBLE, breach_then DOUBLE,     -- expected share of hours
    confidence VARCHAR NOT NULL,
    policy VARCHAR NOT NULL,
    buy_by DATE,
    because VARCHAR NOT NULL
);
