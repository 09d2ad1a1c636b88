"""Evidence: what the past says about every level of every resource, and what came of it.

Everything is relative to the resource's scale: what was provisioned at the end of the history or, where
nothing says what is provisioned, its highest peak.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray, Panel
from models.sizing.exceedance import LEVELS, LOG_LEVELS, UNREPORTED, IndexArray, exceedance, level_index
from models.sizing.observed import highest, quantiles

INPUTS = (
    "constant",
    "hours above, 1 day",
    "hours above, 3 days",
    "hours above, 28 days",
    "hours above, all",
    "days above, 7",
    "days above, 28",
    "days above, all",
    "weeks above, 8",
    "size over 1.35 x highest ever",
    "size over highest of 7 days",
    "size over 1.35 x highest of 7 days",
    "burstiness",
    "burstiness x size over highest of 7 days",
    "burstiness x size over highest ever",
    "size",
)
"""Inputs of the regression, in the order of its coefficients; shares and sizes enter as logarithms."""

TOP_HOURS = 12
"""How many hours the highest peak is compared with to see whether demand stops at a wall."""

WINDOWS = (1, 3, 7, 28, 91, 10_000)
"""Days over which hours above a level are counted; the last means all there is."""

_SMALLEST = 0.002
"""Shares of the scale below this count as this, so that logarithms stay finite."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The past of n resources at one cutoff."""

    scale: FloatArray
    """(n,) what a level is a share of, in the metric's unit; NaN = there is nothing to compare with."""
    unlimited: NDArray[np.bool_]
    """(n,) scale is the highest peak because no capacity is known."""
    shares: NDArray[np.float32]
    """(n, t) hourly peak / scale; NaN = unreported."""
    index: IndexArray
    """(n, t) level index of `shares`."""
    top_gap: FloatArray
    """(n,) how far the highest hour of 28 days lies above the TOP_HOURS next ones, as a logarithm: near 0
    where demand runs against a wall, large where the highest hour stands alone."""
    growth: FloatArray
    """(n,) rise of the daily maxima a day over 28 days, as a share of their present height; below 0 where
    they fall."""
    hourly: FloatArray
    """(windows, n, levels) share of the reported hours above each level in the last WINDOWS days."""
    hours: NDArray[np.int64]
    """(windows, n) reported hours in the last WINDOWS days."""

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(n,) there is a scale and at least a day of the last week was reported."""
        known: NDArray[np.bool_] = np.isfinite(self.scale) & (self.hours[WINDOWS.index(7)] >= 24)
        return known

    @property
    def days_heard(self) -> NDArray[np.int64]:
        """(n,) days, counted back from the cutoff, with at least one reported hour; a day of which only
        office hours count is a day."""
        n, hours = self.index.shape
        days = hours // 24
        heard = self.index[:, hours - 24 * days :].reshape(n, days, 24) != UNREPORTED
        counted: NDArray[np.int64] = heard.any(axis=2).sum(axis=1)
        return counted


def gather(history: Panel) -> Evidence:
    """The evidence at the end of an hourly history."""
    provisioned, unlimited = scale_of(history)
    scale = np.where(provisioned > 0, provisioned, np.nan)
    shares = (history.peak / scale[:, None]).astype(np.float32)
    index = level_index(shares)
    hourly, hours = exceedance(index, [24 * days for days in WINDOWS])
    # Silence is not calm: a window in which nothing was reported says what the next longer one says.
    for w in range(len(WINDOWS) - 2, -1, -1):
        silent = hours[w] == 0
        hourly[w, silent] = hourly[w + 1, silent]
    return Evidence(scale, unlimited, shares, index, _top_gap(shares), _growth(index), hourly, hours)


def _top_gap(shares: NDArray[np.float32]) -> FloatArray:
    recent = shares[:, -24 * 28 :]
    lowered = np.maximum(np.where(np.isnan(recent), 0, recent), _SMALLEST)
    place = max(lowered.shape[1] - 1 - TOP_HOURS, 0)
    runner_up = np.partition(lowered, place, axis=1)[:, place]
    gap: FloatArray = np.log(lowered.max(axis=1) / runner_up).astype(float)
    return gap


def _growth(index: IndexArray) -> FloatArray:
    """From the medians of the first and the last week of 28 days, so that a purge or a burst does not
    decide."""
    n, hours = index.shape
    days = min(28, hours // 24)
    if days < 14:
        return np.zeros(n)
    by_day = index[:, hours - 24 * days :].reshape(n, days, 24).max(axis=2)
    tops = np.where(by_day == UNREPORTED, np.nan, LEVELS[np.clip(by_day, 0, len(LEVELS) - 1)])
    weeks = quantiles(np.concatenate([tops[:, :7], tops[:, -7:]]), (0.5,))[:, 0]
    first, last = weeks[:n], weeks[n:]
    growth: FloatArray = np.nan_to_num((last - first) / (days - 7) / last)
    return growth


def scale_of(history: Panel) -> tuple[FloatArray, NDArray[np.bool_]]:
    """(n,) what is provisioned at the end of the history, and where the highest peak stands in for it.

    Provisioned is the largest capacity of the last 24 hours, before that the last one known; 0 is switched
    off.
    """
    provisioned = highest(history.capacity[:, -24:])
    for row in np.flatnonzero(np.isnan(provisioned)):
        known = history.capacity[row][np.isfinite(history.capacity[row])]
        if known.size:
            provisioned[row] = known[-1]
    unlimited = np.isnan(provisioned)
    if unlimited.any():
        provisioned[unlimited] = highest(history.peak[unlimited])
    return provisioned, unlimited


def outcome(
    history: Panel, scale: FloatArray, first: int, hold_days: int
) -> tuple[FloatArray, NDArray[np.int64]]:
    """(n, levels) share of the reported hours of a hold that lay above each level, and (n,) reported hours.

    The hold begins at slot `first`; `scale` is the one known at its beginning.
    """
    peaks = history.peak[:, first : first + 24 * hold_days]
    shares, reported = exceedance(level_index(peaks / scale[:, None]), (peaks.shape[1],))
    return shares[0], reported[0]


def inputs(evidence: Evidence) -> NDArray[np.float32]:
    """(n, levels, inputs) what the regression reads about each level of each resource.

    Days and weeks are counted back from the cutoff, so no part of a day is left out.
    """
    n, hours = evidence.index.shape
    days = hours // 24
    table = np.empty((n, len(LEVELS), len(INPUTS)), np.float32)
    table[:, :, 0] = 1

    # The added constants keep the logarithm of a share that was never seen finite; the shorter the window,
    # the larger, because never in a day says little.
    for j, (window, rare) in enumerate(((1, 0.02), (3, 0.007), (28, 0.0007), (WINDOWS[-1], 0.0004))):
        table[:, :, 1 + j] = np.log(evidence.hourly[WINDOWS.index(window)] + rare)

    by_day = evidence.index[:, hours - 24 * days :].reshape(n, days, 24).max(axis=2)
    weeks = min(8, days // 7)
    by_week = by_day[:, days - 7 * weeks :].reshape(n, weeks, 7).max(axis=2)
    daily, _ = exceedance(by_day, (7, 28, days))
    weekly, _ = exceedance(by_week, (8,))
    for j, share in enumerate((*daily, weekly[0])):
        table[:, :, 5 + j] = np.log(share + 0.03)

    filled = np.where(np.isnan(evidence.shares), np.float32(-1), evidence.shares)
    top_ever = np.maximum(filled.max(axis=1), _SMALLEST)
    top_week = np.maximum(filled[:, -168:].max(axis=1), _SMALLEST)
    over_ever = np.clip(LOG_LEVELS - np.log(top_ever)[:, None], -2, 2)
    over_week = np.clip(LOG_LEVELS - np.log(top_week)[:, None], -2, 2)
    last_days = min(14, days)
    day_tops = filled[:, hours - 24 * last_days :].reshape(n, last_days, 24).max(axis=2)
    burstiness = np.minimum(np.log(np.maximum(day_tops, _SMALLEST)).std(axis=1), 2)[:, None]
    for j, column in enumerate(
        (
            np.maximum(over_ever - 0.3, 0),
            np.maximum(over_week, 0),
            np.maximum(over_week - 0.3, 0),
            burstiness,
            burstiness * np.maximum(over_week, 0),
            burstiness * np.maximum(over_ever, 0),
            LOG_LEVELS,
        )
    ):
        table[:, :, 9 + j] = column
    return table
