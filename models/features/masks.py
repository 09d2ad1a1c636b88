"""Masks: stretches that somebody labelled as not normal are taken out before a forecast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from data.panel import Panel
from data.series import SeriesKey, Window


def masked(panel: Panel, windows: Mapping[SeriesKey, Sequence[Window]]) -> Panel:
    """The panel with demand and peak unreported in every slot that a window of its series touches.

    A window that lies outside the panel, or names a series that is not in it, changes nothing.
    """
    demand, peak = panel.demand.copy(), panel.peak.copy()
    rows = {key: i for i, key in enumerate(panel.keys)}
    for key, stretches in windows.items():
        if key not in rows:
            continue
        for window in stretches:
            first = max(0, (window.start - panel.start) // panel.step)
            # A window before the panel ends below 0, which an index would count from the other end.
            last = max(first, min(panel.slots, -((panel.start - window.end) // panel.step)))
            demand[rows[key], first:last] = np.nan
            peak[rows[key], first:last] = np.nan
    return replace(panel, demand=demand, peak=peak)
