"""Demand written by hand, as Prometheus does in its own tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from data.panel import HOUR, Panel
from data.series import SeriesKey

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
"""A Monday."""


def values(notation: str) -> list[float]:
    """`3` is a value, `_` a slot nobody reported, `1+2x3` the run 1 3 5 7, `4x2` the run 4 4 4."""
    numbers: list[float] = []
    for word in notation.split():
        body, _, times = word.partition("x")
        start, _, slope = body.partition("+")
        first = float("nan") if start == "_" else float(start)
        numbers += [first + i * float(slope or 0) for i in range(int(times or 0) + 1)]
    return numbers


def panel(
    *rows: str,
    metric: str = "cpu",
    step: timedelta = HOUR,
    capacity: float = float("nan"),
    start: datetime = MONDAY,
) -> Panel:
    """A panel of one series per row of notation, named r0, r1, …; capacity is the same throughout."""
    demand = np.array([values(row) for row in rows])
    keys = [SeriesKey(f"r{i}", metric) for i in range(len(rows))]
    return Panel.of(keys, start, step, demand, capacity=np.full(demand.shape, capacity))
