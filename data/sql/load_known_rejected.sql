-- Which rejected rows of a load are kept already, from an earlier load of the same thing?
--
-- parameters   $source; reads the frame `refused` (place, origin, line, reason, raw)
-- grain        one row per row of the frame that is kept
-- returns      place
--
-- A file that is loaded again brings its bad lines again: they are news only once. Another text in the same line is news.
SELECT f.place
FROM refused f
SEMI JOIN (SELECT origin, line, reason, raw FROM rejected WHERE source = $source::VARCHAR) k
    ON f.reason = k.reason
    AND f.origin IS NOT DISTINCT FROM k.origin
    AND f.line IS NOT DISTINCT FROM k.line
    AND f.raw IS NOT DISTINCT FROM k.raw
