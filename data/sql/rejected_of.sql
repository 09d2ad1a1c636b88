-- Rows that could not be used and values that were replaced, newest first.
--
-- parameters   $source, $run_id, $reason (NULL = all), $limit (rows, NULL = all)
-- grain        one row per rejected row
-- returns      run_id, source, origin, line, reason, raw, rejected_at
SELECT run_id, source, origin, line, reason, raw, rejected_at
FROM rejected
WHERE ($source::VARCHAR IS NULL OR source = $source::VARCHAR)
  AND ($run_id::VARCHAR IS NULL OR run_id = $run_id::VARCHAR)
  AND ($reason::VARCHAR IS NULL OR reason = $reason::VARCHAR)
ORDER BY rejected_at DESC, origin, line
LIMIT coalesce($limit::BIGINT, 9223372036854775807)
