-- What was concluded by the newest run. Each table is replaced as a whole by its step; earlier runs are
-- the files under published/. `scope` is 'resource' or 'service', `subject` the name of one of them.

-- Quantile paths. grain 'hour': hourly means for 14 days; grain 'day': daily peaks for up to 365 days.
CREATE TABLE forecast_points (
    grain VARCHAR NOT NULL, scope VARCHAR NOT NULL, subject VARCHAR NOT NULL, metric VARCHAR NOT NULL,
    ts TIMESTAMP NOT NULL,
    q05 DOUBLE, q10 DOUBLE, q25 DOUBLE, q50 DOUBLE, q75 DOUBLE, q90 DOUBLE, q95 DOUBLE
);

-- One row per forecast series: who made it, on what, how good it was on past cutoffs.
CREATE TABLE forecast_series (
    grain VARCHAR NOT NULL, scope VARCHAR NOT NULL, subject VARCHAR NOT NULL, metric VARCHAR NOT NULL,
    made_by VARCHAR NOT NULL,
    refusal VARCHAR,                   -- why the asked model gave no answer; made_by then names the fallback
    cutoff TIMESTAMP NOT NULL,         -- end of the history
    history_slots INTEGER NOT NULL,    -- reported slots
    scaled_error DOUBLE,               -- backtest: mean absolute error / in-sample seasonal naive error
    relative_error DOUBLE,             -- backtest: mean absolute error / mean demand ("right to within 6 %")
    scaled_pinball DOUBLE, coverage_80 DOUBLE, coverage_90 DOUBLE, bias DOUBLE,
    notes VARCHAR                      -- masks, level shifts, saturation; one sentence each, joined by '; '
);

-- How high demand will have been by a day: the source of every exhaustion probability, for any limit.
CREATE TABLE reach (
    scope VARCHAR NOT NULL, subject VARCHAR NOT NULL, metric VARCHAR NOT NULL,
    start DATE NOT NULL, day INTEGER NOT NULL,   -- days ahead
    amounts DOUBLE[] NOT NULL                    -- at data.reach.REACH_LEVELS
);

CREATE TABLE exhaustion (
    scope VARCHAR NOT NULL, subject VARCHAR NOT NULL, metric VARCHAR NOT NULL,
    state VARCHAR NOT NULL,            -- exhausted_now, dated, not_before, not_within_horizon, not_enough_history, no_limit
    capacity DOUBLE, usable DOUBLE, demand_now DOUBLE,
    p28 DOUBLE, p90 DOUBLE, p365 DOUBLE,
    date_low DATE, date_mid DATE, date_high DATE,  -- 0.1, 0.5, 0.9; NULL = beyond the horizon
    order_by DATE,                     -- decide by then, given the lead time
    lead_days INTEGER,
    because VARCHAR NOT NULL,
    assumes VARCHAR
);

CREATE TABLE findings (
    resource VARCHAR NOT NULL,
    status VARCHAR NOT NULL,           -- data.decision.Status
    severity INTEGER NOT NULL,         -- 0 quiet … 3 act today
    reasons VARCHAR NOT NULL,          -- 'metric:code' joined by ', '
    because VARCHAR NOT NULL
);

CREATE TABLE metric_findings (
    resource VARCHAR NOT NULL, metric VARCHAR NOT NULL, status VARCHAR NOT NULL, reason VARCHAR NOT NULL,
    because VARCHAR NOT NULL,
    capacity DOUBLE, demand_mean DOUBLE, demand_p95 DOUBLE, demand_peak DOUBLE, saturated_share DOUBLE,
    size_lower DOUBLE, size_target DOUBLE, size_upper DOUBLE, expected_breach DOUBLE
);

CREATE TABLE recommendations (
    resource VARCHAR NOT NULL,
    action VARCHAR NOT NULL,           -- data.decision.Action
    from_type VARCHAR, to_type VARCHAR,
    from_size VARCHAR NOT NULL,        -- as people say it: '8 cores, 32 GiB'
    to_size VARCHAR NOT NULL,
    target_cpu DOUBLE, target_memory DOUBLE, target_storage DOUBLE, target_network DOUBLE,
    cost_now DECIMAL(18, 2), cost_then DECIMAL(18, 2), saving DECIMAL(18, 2),  -- per month
    currency VARCHAR,
    breach_now DOUBLE, breach_then DOUBLE,     -- expected share of hours
    confidence VARCHAR NOT NULL,       -- high, medium, low
    policy VARCHAR NOT NULL,
    buy_by DATE,
    because VARCHAR NOT NULL
);

-- What a resource costs a month at today's size, and how much of it nobody uses.
CREATE TABLE resource_costs (
    resource VARCHAR NOT NULL,
    monthly_cost DECIMAL(18, 2), currency VARCHAR,
    basis VARCHAR NOT NULL,            -- inventory, catalog, on_premises, unknown
    unused_cost DECIMAL(18, 2),        -- share of the cost above the recommended size; never above monthly_cost
    note VARCHAR
);

-- Cost by month over the inventory's history and ahead; ahead rows carry a band.
CREATE TABLE monthly_costs (
    month DATE NOT NULL, service VARCHAR, provider VARCHAR, site VARCHAR,
    cost DECIMAL(18, 2) NOT NULL, low DECIMAL(18, 2), high DECIMAL(18, 2), currency VARCHAR NOT NULL,
    is_forecast BOOLEAN NOT NULL
);

CREATE TABLE replay_scores (
    metric VARCHAR NOT NULL, policy VARCHAR NOT NULL, tier INTEGER, target_breach DOUBLE,
    allocated DOUBLE, breached_hours DOUBLE, breached_windows DOUBLE, worst_overshoot DOUBLE,
    changes DOUBLE, entity_windows BIGINT, hold_days INTEGER
);

-- One row: what this snapshot is.
CREATE TABLE snapshot (
    run_id VARCHAR NOT NULL, as_of TIMESTAMP NOT NULL,  -- end of the newest complete hour measured
    published_at TIMESTAMP NOT NULL, program_version VARCHAR NOT NULL, currency VARCHAR NOT NULL,
    settings VARCHAR                                  -- JSON of the settings that shaped the conclusions
);
