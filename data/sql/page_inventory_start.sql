-- Since when the inventory knows the estate.
--
-- parameters   none
-- grain        one row
-- returns      first (timestamp), NULL where nothing is known
--
-- The month of this day is not whole: its cost must not be compared with that of others.
SELECT min(valid_from) AS first
FROM resources
