-- Capacity history of some series.
--
-- parameters   $ids (series)
-- grain        one row per series and stretch of constant capacity
-- returns      series_id, valid_from, capacity, sorted; each holds until the next row of the series
SELECT series_id, valid_from, capacity
FROM capacities
WHERE list_contains($ids::INTEGER[], series_id)
ORDER BY series_id, valid_from
