-- What was measured, and on what: series, samples, rollups, inventory, rejections, runs.
-- All timestamps are UTC in TIMESTAMP columns: TIMESTAMPTZ would need a time zone database to read.

-- One row per step of a job: what ran, when, how much, how it ended.
CREATE TABLE runs (
    run_id      VARCHAR NOT NULL,      -- e.g. 20261122T093000-4f2a; the steps of one `headroom run` share it
    step        VARCHAR NOT NULL,      -- ingest, rollup, forecast, decide, publish, compact
    source      VARCHAR,               -- for ingest: the source's configured name
    started_at  TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,             -- NULL while running, or when the process was killed
    outcome     VARCHAR NOT NULL,      -- running, done, partly, failed
    rows_read   BIGINT DEFAULT 0,
    rows_loaded BIGINT DEFAULT 0,      -- new samples
    rows_replaced BIGINT DEFAULT 0,    -- corrected samples (the correction wins)
    rows_unchanged BIGINT DEFAULT 0,   -- samples already there with the same value
    rows_rejected BIGINT DEFAULT 0,
    newest_sample TIMESTAMP,
    message     VARCHAR                -- one line: the error, or what was done
);

-- A series is one metric of one resource (or a driver of one service).
CREATE TABLE series (
    series_id INTEGER NOT NULL,
    resource  VARCHAR NOT NULL,        -- for drivers (requests, users): the service's name
    metric    VARCHAR NOT NULL,        -- cpu, memory, storage, network_in, network_out, requests, users, …
    step_seconds INTEGER,              -- the grid its samples were snapped to; NULL = as they came
    first_ts  TIMESTAMP,               -- oldest and newest sample: what lies beyond them is new without looking
    last_ts   TIMESTAMP
);

-- No key and no index on purpose: measured 10 x the file and 20 x the load time. The one writer keeps it unique.
CREATE TABLE samples (
    series_id INTEGER NOT NULL,
    ts        TIMESTAMP NOT NULL,      -- start of the interval
    value     DOUBLE NOT NULL,         -- mean over the interval, in the metric's unit
    value_max DOUBLE,                  -- highest value within the interval, where known
    capacity  DOUBLE                   -- as the source reported it with the sample; NULL = it did not
);

-- Capacity as the inventory states it: holds from valid_from until the next row of the series.
CREATE TABLE stated_capacities (series_id INTEGER NOT NULL, valid_from TIMESTAMP NOT NULL, capacity DOUBLE);

-- Capacity of a series as history; half-open validity. Derived from what was measured (rollup_hour) and, outside
-- the time measured, from what the inventory states; data/capacity.py says which change counts.
CREATE TABLE capacities (
    series_id  INTEGER NOT NULL,
    valid_from TIMESTAMP NOT NULL,
    valid_to   TIMESTAMP,              -- NULL = still holds
    capacity   DOUBLE                  -- in the metric's unit; 0 = switched off; NULL = unknown
);

-- Days (UTC) whose rollups are stale; written in the same transaction as the samples.
CREATE TABLE dirty_days (series_id INTEGER NOT NULL, day DATE NOT NULL);

CREATE TABLE rollup_hour (
    series_id INTEGER NOT NULL,
    ts        TIMESTAMP NOT NULL,
    mean      DOUBLE NOT NULL,
    p95       DOUBLE NOT NULL,         -- of the samples' values
    max       DOUBLE NOT NULL,         -- highest value_max (or value)
    count     INTEGER NOT NULL,        -- samples seen
    capacity  DOUBLE                   -- highest capacity reported in the hour: 0 only where it was off throughout
);

CREATE TABLE rollup_day (
    series_id INTEGER NOT NULL,
    day       DATE NOT NULL,
    mean      DOUBLE NOT NULL,
    p95       DOUBLE NOT NULL,         -- of the samples' values of the whole day: cannot come from hourly p95
    max       DOUBLE NOT NULL,
    count     INTEGER NOT NULL
);

-- Where each source got to: the next pull starts here.
CREATE TABLE watermarks (source VARCHAR NOT NULL, newest_sample TIMESTAMP NOT NULL, updated_at TIMESTAMP NOT NULL);

-- Nothing is dropped silently: rows that could not be used, and values that a correction replaced.
CREATE TABLE rejected (
    run_id   VARCHAR NOT NULL,
    source   VARCHAR NOT NULL,
    origin   VARCHAR,                  -- file, URL or topic the row came from
    line     BIGINT,                   -- line in a file, 1 = first line; NULL where there are no lines
    reason   VARCHAR NOT NULL,         -- e.g. "value is not a number", "unit 'furlong' is unknown", "replaced by a later value"
    raw      VARCHAR,                  -- the row as it came, cut to 1,000 characters
    rejected_at TIMESTAMP NOT NULL
);

-- How many rows each load rejected and why: the counts are complete, `rejected` keeps a bounded number of rows.
CREATE TABLE rejected_counts (
    run_id   VARCHAR NOT NULL,
    source   VARCHAR NOT NULL,
    origin   VARCHAR,
    reason   VARCHAR NOT NULL,
    rows     BIGINT NOT NULL,
    example  VARCHAR,                  -- raw text of one of them
    rejected_at TIMESTAMP NOT NULL
);

-- Inventory, versioned: a row holds from valid_from until valid_to (NULL = still).
CREATE TABLE services (
    service VARCHAR NOT NULL, team VARCHAR, owner VARCHAR, tier INTEGER,  -- tier 1 = most important … 3
    description VARCHAR,
    valid_from TIMESTAMP NOT NULL, valid_to TIMESTAMP
);
CREATE TABLE dependencies (service VARCHAR NOT NULL, depends_on VARCHAR NOT NULL, valid_from TIMESTAMP NOT NULL, valid_to TIMESTAMP);
CREATE TABLE resources (
    resource VARCHAR NOT NULL,
    kind     VARCHAR NOT NULL,         -- server, vm, volume, link, workload, database, endpoint
    service  VARCHAR,                  -- NULL or unknown service = unowned, shown as such
    provider VARCHAR,                  -- on_premises, aws, azure, gcp, kubernetes
    site     VARCHAR,                  -- data centre or region
    instance_type VARCHAR,             -- name in the price catalog, where it has one
    monthly_price DECIMAL(18, 4),      -- overrides the catalog, where the inventory knows it
    currency VARCHAR,                  -- ISO 4217 of monthly_price
    lead_days INTEGER,                 -- days from order to use; NULL = the site's or provider's default
    labels   VARCHAR,                  -- JSON object of whatever else the inventory said
    valid_from TIMESTAMP NOT NULL, valid_to TIMESTAMP
);

-- Known events of a service or site: deployments, outages, purges, resizes, holidays.
CREATE TABLE events (
    ts TIMESTAMP NOT NULL, ends_at TIMESTAMP, subject VARCHAR NOT NULL, kind VARCHAR NOT NULL, description VARCHAR
);
