"""Replay: what every sizing policy would have done on history."""
