"""Damped exponential smoothing with a daily season, and without any (Gardner & McKenzie 1985)."""

from __future__ import annotations

from models.forecasters.members.smoothing import Setting, Smoothing

DAILY_SMOOTHING = Smoothing(
    "daily_smoothing",
    tuple(
        Setting(level, trend, (1 - level) * day, 0.0, 0.0)
        for level in (0.05, 0.2, 0.5, 0.9)
        for trend in (0.0, 0.05)
        for day in (0.05, 0.2)
    ),
    seasons=1,
    damping=0.97,
    memory=100.0,
    best=2,
)

PLAIN_SMOOTHING = Smoothing(
    "plain_smoothing",
    tuple(Setting(level, trend, 0.0, 0.0, 0.0) for level in (0.05, 0.2, 0.5, 0.9) for trend in (0.0, 0.05)),
    seasons=0,
    damping=0.97,
    memory=100.0,
    best=2,
)
