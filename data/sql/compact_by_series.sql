-- All samples, series after series: the order for stores with many samples per series.
--
-- parameters   none; reads main.samples
-- grain        one row per sample
-- returns      series_id, ts, value, value_max, capacity
--
-- Times run forth in one series and back in the next (data/packing.py says why).
SELECT series_id, ts, value, value_max, capacity
FROM main.samples
ORDER BY series_id, CASE WHEN series_id % 2 = 0 THEN epoch_us(ts) ELSE -epoch_us(ts) END
