-- Which events of a kind have not ended?
--
-- parameters   $kind
-- grain        one row per event
-- returns      ts, ends_at (NULL), subject, kind, description
SELECT ts, ends_at, subject, kind, description
FROM events
WHERE kind = $kind AND ends_at IS NULL
ORDER BY ts, subject
