-- What the best percentile-and-margin rules, chosen in hindsight, would have held: the line no one can follow, next
-- to which the replayed policies are shown. Only rules that no other beats in both amounts are kept.
CREATE TABLE replay_rules (
    metric         VARCHAR NOT NULL,
    tier           INTEGER,            -- NULL = all tiers together
    hold_days      INTEGER NOT NULL,
    window_days    INTEGER,            -- how far the rule looks back; NULL = over all that was measured
    level          DOUBLE NOT NULL,    -- of hourly peaks
    margin         DOUBLE NOT NULL,    -- added on top, as a share
    allocated      DOUBLE NOT NULL,    -- mean of size over what was provisioned
    breached_hours DOUBLE NOT NULL,    -- share of hours whose peak exceeded the size
    entity_windows BIGINT NOT NULL
);
