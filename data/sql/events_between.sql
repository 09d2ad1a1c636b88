-- What happened to anybody in a window?
--
-- parameters   $start, $end (timestamps, half-open)
-- grain        one row per event
-- returns      ts, ends_at, subject, kind, description
--
-- An event that began before the window but lasted into it belongs to it; one without an end is a moment.
SELECT ts, ends_at, subject, kind, description
FROM events
WHERE ts < $end AND coalesce(ends_at, ts + INTERVAL 1 MICROSECOND) > $start
ORDER BY ts, subject, kind
