-- Forecast against actual, kept from run to run: what earlier published runs said and what was measured since.
-- Errors are shares of mean demand, so that they can be compared with forecast_series.relative_error.
CREATE TABLE forecast_actuals (
    forecast_run VARCHAR NOT NULL,     -- the run whose forecast it was
    verified_run VARCHAR NOT NULL,     -- the run that compared it
    age_days INTEGER NOT NULL,         -- how old the forecast was at least: 1, 7 or 28 days
    compared_from TIMESTAMP NOT NULL,  -- first compared slot
    measured_until TIMESTAMP NOT NULL, -- end of the newest complete hour measured when it was compared
    grain VARCHAR NOT NULL, scope VARCHAR NOT NULL, subject VARCHAR NOT NULL, metric VARCHAR NOT NULL,
    made_by VARCHAR NOT NULL,
    slots INTEGER NOT NULL,            -- hours or days compared
    mean_demand DOUBLE NOT NULL,       -- mean of |measured|, in the metric's unit
    mean_error DOUBLE NOT NULL,        -- mean of |median - measured|
    relative_error DOUBLE,             -- mean_error / mean_demand; NULL where nothing was used
    relative_bias DOUBLE,              -- above 0 = forecast too high
    relative_pinball DOUBLE,           -- mean pinball loss over the stored levels / mean_demand
    coverage_80 DOUBLE NOT NULL, coverage_90 DOUBLE NOT NULL,
    expected_error DOUBLE              -- relative error in the backtest; NULL where there was none
);
