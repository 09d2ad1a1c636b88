-- Which series-days a chunk of the refresh covers.
--
-- parameters   $first, $last (DATE, both included), $parts, $part (series whose number leaves this remainder)
-- grain        one row per series and day
-- returns      series_id, day
--
-- A day with very many series is refreshed in parts, so that memory stays bounded.
SELECT DISTINCT series_id, day
FROM dirty_days
WHERE day BETWEEN $first::DATE AND $last::DATE
  AND series_id % $parts::INTEGER = $part::INTEGER
