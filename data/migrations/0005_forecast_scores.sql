-- Backtest scores of every forecast series on past cutoffs, per horizon band, beside the naives it must beat.
CREATE TABLE forecast_scores (
    grain VARCHAR NOT NULL, scope VARCHAR NOT NULL, subject VARCHAR NOT NULL, metric VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    band VARCHAR NOT NULL,             -- first and last slot ahead, e.g. 25-168; 'all' = the whole horizon
    scaled_error DOUBLE, relative_error DOUBLE, scaled_pinball DOUBLE, interval_score DOUBLE,
    coverage_80 DOUBLE, coverage_90 DOUBLE, coverage_95 DOUBLE, bias DOUBLE,
    n UINTEGER                         -- scored slots
);
