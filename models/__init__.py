"""From demand to decisions: pure functions. No file, no clock, no randomness without a seed."""
