-- How demand follows its driver, learned from history; what-if reads it.
CREATE TABLE relations (
    kind     VARCHAR NOT NULL,         -- own: demand against the load of its service; link: load of a callee against
                                       -- that of a caller; load: the mean load of a service over the last 28 days
    subject  VARCHAR NOT NULL,         -- own: service or resource; link: the caller; load: the service
    of       VARCHAR NOT NULL,         -- own: metric; link: the callee; load: what its load is measured by
    service  VARCHAR,                  -- own: the service whose load it follows
    form     VARCHAR,                  -- proportional, linear; NULL = no relation
    exponent DOUBLE, low DOUBLE, high DOUBLE,
    explained DOUBLE, partial DOUBLE, days INTEGER,
    reach    DOUBLE,                   -- highest driver seen over its present level
    load     DOUBLE,                   -- of kind load
    refusal  VARCHAR                   -- why there is none
);

-- What a replayed policy left unanswered, which sizes it could choose from, and on what it was replayed.
ALTER TABLE replay_scores ADD COLUMN refused DOUBLE;       -- share of entity-windows without an answer
ALTER TABLE replay_scores ADD COLUMN sizes VARCHAR;        -- any, catalog
ALTER TABLE replay_scores ADD COLUMN starts_at TIMESTAMP;  -- first size made
ALTER TABLE replay_scores ADD COLUMN ends_at TIMESTAMP;    -- end of the last hour scored
