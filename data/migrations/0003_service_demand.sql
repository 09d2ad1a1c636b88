-- Demand of a service: the sum over the resources it owned at that time. Replaced as a whole like the conclusions.
CREATE TABLE service_hour (
    service VARCHAR NOT NULL, metric VARCHAR NOT NULL, ts TIMESTAMP NOT NULL,
    mean DOUBLE, p95 DOUBLE, max DOUBLE, capacity DOUBLE,
    members INTEGER                    -- resources that reported
);

CREATE TABLE service_day (
    service VARCHAR NOT NULL, metric VARCHAR NOT NULL, ts TIMESTAMP NOT NULL,  -- start of the day
    mean DOUBLE, p95 DOUBLE, max DOUBLE, capacity DOUBLE,
    members INTEGER
);
