-- What happened to a service, its resources or its sites in a window.
--
-- parameters   $names (list of names: services, resources, sites), $start, $end (timestamps, half-open)
-- grain        one row per event
-- returns      ts, ends_at, subject, kind, description
--
-- An event that began before the window but lasted into it belongs to it.
SELECT ts, ends_at, subject, kind, description
FROM events
WHERE list_contains($names, subject) AND ts < $end AND coalesce(ends_at, ts) >= $start
ORDER BY ts
