"""Double-seasonal Holt-Winters: a day within a week (Taylor 2003, 2010), over twelve settings."""

from __future__ import annotations

from models.forecasters.members.smoothing import Setting, Smoothing

DOUBLE_SEASONAL = Smoothing(
    "double_seasonal",
    tuple(
        Setting(level, trend, day, week, carry)
        for level, trend, day, week, carry in (
            (0.01, 0.0, 0.05, 0.15, 0.8),
            (0.01, 0.0, 0.15, 0.05, 0.95),
            (0.01, 0.003, 0.05, 0.05, 0.4),
            (0.01, 0.0, 0.01, 0.3, 0.95),
            (0.05, 0.0, 0.05, 0.15, 0.4),
            (0.05, 0.003, 0.15, 0.15, 0.8),
            (0.05, 0.0, 0.01, 0.05, 0.95),
            (0.15, 0.0, 0.05, 0.3, 0.4),
            (0.15, 0.003, 0.15, 0.05, 0.0),
            (0.15, 0.0, 0.3, 0.15, 0.8),
            (0.4, 0.0, 0.05, 0.15, 0.0),
            (0.8, 0.0, 0.05, 0.05, 0.0),
        )
    ),
    seasons=2,
    damping=0.98,
    memory=168.0,
    best=3,
)
"""Level, trend, day, week, carried error: slow levels with a carried error up to a near random walk."""
