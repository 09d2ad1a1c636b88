-- What was advised, and from when to when: recommendations are replaced by every run, this stays. A change that was
-- made without anybody's verdict is recognised by it, and measured at the prices of that time.
CREATE TABLE advised (
    resource VARCHAR NOT NULL,
    action VARCHAR NOT NULL,
    from_type VARCHAR, to_type VARCHAR,
    from_size VARCHAR NOT NULL, to_size VARCHAR NOT NULL,
    target_cpu DOUBLE, target_memory DOUBLE, target_storage DOUBLE, target_network DOUBLE,
    cost_now DECIMAL(18, 2), cost_then DECIMAL(18, 2), currency VARCHAR,  -- when it was advised last
    breach_now DOUBLE, breach_then DOUBLE,
    first_at TIMESTAMP NOT NULL, last_at TIMESTAMP NOT NULL               -- end of the newest hour known then
);
