-- The text kept of values that a correction replaced.
--
-- parameters   none; reads the frame `earlier` (series_id, ts, old_value, old_value_max, old_capacity)
-- grain        one row per replaced value
-- returns      raw
SELECT concat(
    'ts=', strftime(e.ts, '%Y-%m-%dT%H:%M:%S.%fZ'), ' resource=', s.resource[:400], ' metric=', s.metric[:400],
    ' value=', e.old_value, ' value_max=', e.old_value_max, ' capacity=', e.old_capacity
) AS raw
FROM earlier e
JOIN series s USING (series_id)
