"""What is read off a history before any model sees it: seasons, gaps, outages, level shifts."""
