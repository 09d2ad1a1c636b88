-- Which series a panel has: those asked for by name, or else those that have rows.
--
-- parameters   $ids (series with rows), $metrics, $subjects (lists, NULL = all)
-- grain        one row per series
-- returns      series_id, resource, metric, sorted by the latter two
--
-- A series without a row in the window has no place in the panel: a row of NaN would ask for a forecast of nothing.
SELECT series_id, resource, metric
FROM series
WHERE list_contains($ids::INTEGER[], series_id)
  AND ($metrics::VARCHAR[] IS NULL OR list_contains($metrics::VARCHAR[], metric))
  AND ($subjects::VARCHAR[] IS NULL OR list_contains($subjects::VARCHAR[], resource))
ORDER BY resource, metric
