"""Cut off: demand that filled a smaller size was larger than what was seen, and nobody knows by how much."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.panel import FloatArray, Panel
from data.series import STOCKS
from models.usage import SATURATED

_OFTEN = 0.01
"""Share of the hours at the smaller size in which it was full, from which demand was cut off."""
_LARGER = 1.02
"""Capacity that differs by less is the same size: measured memory moves a little."""


def days_uncut(hourly: Mapping[str, Panel], window_days: int) -> dict[str, float]:
    """Resource -> days since it has been larger than a size that was full, where that was within the window.

    Until then what was seen says too little to make it smaller again. What accumulates is never cut off like
    that: it stops when full.

    Args:
        hourly: metric -> hourly panel of resources.
        window_days: days of hours that count as lately.
    """
    found: dict[str, float] = {}
    for metric, panel in hourly.items():
        if metric in STOCKS:
            continue
        window = min(panel.slots, window_days * panel.slots_per_day)
        recent = panel.between(panel.slots - window, panel.slots)
        for row, hours in enumerate(_hours_since(recent)):
            if np.isfinite(hours):
                name = panel.keys[row].subject
                found[name] = min(hours / panel.slots_per_day, found.get(name, np.inf))
    return found


def _hours_since(panel: Panel) -> FloatArray:
    """(n,) slots since the last one at a smaller size than now; infinite where that was never full."""
    capacity, peak = panel.capacity, np.fmax(panel.demand, panel.peak)
    known = np.isfinite(capacity)
    last = panel.slots - 1 - known[:, ::-1].argmax(1)
    now = np.where(known.any(1), capacity[np.arange(len(panel)), last], np.nan)[:, None]
    with np.errstate(invalid="ignore"):
        small = (capacity > 0) & (capacity * _LARGER < now)
        full = small & (peak >= SATURATED * capacity)
    count = (small & np.isfinite(peak)).sum(1)
    often = (full.sum(1) >= _OFTEN * count) & (count > 0) & full.any(1)
    since = small[:, ::-1].argmax(1).astype(float)
    return np.where(often, since, np.inf)
