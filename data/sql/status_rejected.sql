-- Why were rows rejected, most frequent reason first?
--
-- parameters   $count
-- grain        one row per source and reason
-- Values replaced by a correction are not rejected rows in a reader's eyes; they are kept for audit only.
SELECT source, reason, sum(rows)::BIGINT AS rows
FROM rejected_counts
WHERE reason <> 'replaced by a later value'
GROUP BY source, reason
ORDER BY rows DESC, source, reason
LIMIT $count
