-- How good were the forecasts on past cutoffs, and how good would repeating last week have been there?
--
-- parameters   none
-- grain        one row per forecast series whose model was scored
-- returns      grain, scope, subject, metric, scaled_error, relative_error, coverage_80, coverage_90, bias, n,
--              naive_error (scaled error of last week's demand), ratio (ours over the naive's)
--
-- Both errors are of the same cutoffs, which is why the scored slots have to agree; where they do not, or the naive
-- was not scored, the ratio is NULL rather than a comparison of different weeks.
WITH naive AS (
    SELECT grain, scope, subject, metric, n, min(scaled_error) AS scaled_error
    FROM forecast_scores
    WHERE band = 'all' AND model IN ('naive_week', 'seasonal_naive')
    GROUP BY ALL
)
SELECT
    s.grain, s.scope, s.subject, s.metric,
    o.scaled_error, o.relative_error, o.coverage_80, o.coverage_90, o.bias, o.n,
    w.scaled_error AS naive_error,
    o.scaled_error / nullif(w.scaled_error, 0) AS ratio
FROM forecast_series s
JOIN forecast_scores o
    ON o.grain = s.grain AND o.scope = s.scope AND o.subject = s.subject AND o.metric = s.metric
    AND o.band = 'all' AND o.model = split_part(s.made_by, ' (', 1)
LEFT JOIN naive w
    ON w.grain = o.grain AND w.scope = o.scope AND w.subject = o.subject AND w.metric = o.metric
    AND w.n = o.n
ORDER BY s.grain, s.scope, s.subject, s.metric
