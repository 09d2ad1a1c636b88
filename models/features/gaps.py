"""Gaps: what stands in unreported slots while a model runs over them; never scored, never shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.features.seasons import Seasons


def seasonal_profile(demand: FloatArray, season: int) -> FloatArray:
    """(n, season) mean deviation of each phase from its own cycle's mean; 0 where nothing was reported.

    Cycles are counted from the end, so phase 0 is the first slot after the history.
    """
    n, t = demand.shape
    cycles = t // season
    if cycles < 2:
        return np.zeros((n, season))
    folded = demand[:, t - cycles * season :].reshape(n, cycles, season)
    seen = np.isfinite(folded)
    total = np.where(seen, folded, 0.0)
    mean = total.sum(2) / np.maximum(seen.sum(2), 1)
    # A cycle of which less than half was reported says little about its own mean.
    seen &= (2 * seen.sum(2) >= season)[:, :, None]
    deviation: FloatArray = np.where(seen, folded - mean[:, :, None], 0.0).sum(1) / np.maximum(seen.sum(1), 1)
    return deviation


def _carried(values: FloatArray, seen: NDArray[np.bool_]) -> FloatArray:
    """Linear between reported slots, constant before the first and after the last."""
    n, t = values.shape
    slot = np.arange(t)
    before = np.maximum.accumulate(np.where(seen, slot, -1), axis=1)
    after = np.minimum.accumulate(np.where(seen, slot, t)[:, ::-1], axis=1)[:, ::-1]
    left = np.where(before < 0, np.minimum(after, t - 1), before)
    right = np.where(after >= t, left, after)
    rows = np.arange(n)[:, None]
    share = (slot - left) / np.maximum(right - left, 1)
    share = np.clip(share, 0.0, 1.0)
    low, high = values[rows, left], values[rows, right]
    path: FloatArray = low + share * (high - low)
    return path


def _edges_levelled(residual: FloatArray, seen: NDArray[np.bool_], slots: int) -> FloatArray:
    """The residual with the outer reported slots' mean written before the first and after the last one."""
    levelled = residual.copy()
    for row in np.flatnonzero(~seen[:, 0] | ~seen[:, -1]):
        at = np.flatnonzero(seen[row])
        if at.size == 0:
            continue
        levelled[row, : at[0]] = residual[row, at[:slots]].mean()
        levelled[row, at[-1] + 1 :] = residual[row, at[-slots:]].mean()
    return levelled


def filled(demand: FloatArray, seasons: Seasons) -> FloatArray:
    """(n, t) demand with every NaN replaced by its seasonal profile on a level drawn between the neighbours.

    Reported slots are returned untouched and what is filled stays within the lowest and highest of
    them. A row without any report is filled with 0.
    """
    seen = np.isfinite(demand)
    gapped = np.flatnonzero(~seen.all(1))
    if gapped.size == 0:
        return demand.copy()
    rows, mask = demand[gapped], seen[gapped]
    t = demand.shape[1]
    season = seasons.week if seasons.week is not None and t >= 2 * seasons.week else seasons.day
    profile = seasonal_profile(rows, season)
    pattern = profile[:, (np.arange(t) - t) % season]
    residual = np.where(mask, rows - pattern, 0.0)
    level = _edges_levelled(_carried(residual, mask), mask, seasons.day)
    low = np.where(mask, rows, np.inf).min(1, keepdims=True)
    high = np.where(mask, rows, -np.inf).max(1, keepdims=True)
    empty = ~mask.any(1, keepdims=True)
    low, high = np.where(empty, 0.0, low), np.where(empty, 0.0, high)
    whole = demand.copy()
    whole[gapped] = np.where(mask, rows, np.clip(level + pattern, low, high))
    return whole
