"""Naives: what was, again (Hyndman & Athanasopoulos, Forecasting, 3rd ed., section 5.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.panel import FloatArray
from models.features.seasons import Seasons
from models.forecasters.members.batch import Batch, Paths


def repeated(history: FloatArray, season: int, horizon: int) -> FloatArray:
    """(n, horizon) the last `season` slots of (n, t) history, over and over."""
    cycles = -(-horizon // season)
    return np.tile(history[:, -season:], (1, cycles))[:, :horizon]


@dataclass(frozen=True, slots=True)
class LastValue:
    """`last_value`: the newest slot."""

    def minimum(self, seasons: Seasons, horizon: int) -> int:
        return 1

    def paths(self, batch: Batch, cutoffs: tuple[int, ...], horizon: int) -> Paths:
        return {"last_value": np.stack([repeated(batch.raw[:, :c], 1, horizon) for c in cutoffs])}


@dataclass(frozen=True, slots=True)
class RecentMedian:
    """`recent_median`: the median of the latest week; what spiky demand mostly returns to."""

    def minimum(self, seasons: Seasons, horizon: int) -> int:
        return 2 * seasons.day

    def paths(self, batch: Batch, cutoffs: tuple[int, ...], horizon: int) -> Paths:
        n, recent = len(batch), batch.seasons.recent
        levels = [np.median(batch.raw[:, max(0, c - recent) : c], axis=1) for c in cutoffs]
        return {"recent_median": np.stack([np.broadcast_to(v[:, None], (n, horizon)) for v in levels])}


@dataclass(frozen=True, slots=True)
class SameTimeYesterday:
    """`naive_day`: the latest day."""

    def minimum(self, seasons: Seasons, horizon: int) -> int:
        return seasons.day if seasons.day > 1 else 1 << 40

    def paths(self, batch: Batch, cutoffs: tuple[int, ...], horizon: int) -> Paths:
        day = batch.seasons.day
        return {"naive_day": np.stack([repeated(batch.raw[:, :c], day, horizon) for c in cutoffs])}


@dataclass(frozen=True, slots=True)
class SameTimeLastWeek:
    """`naive_week`: the latest week; `naive_week_shifted`: the same, moved to the level of the latest day."""

    def minimum(self, seasons: Seasons, horizon: int) -> int:
        return 1 << 40 if seasons.week is None else seasons.week + seasons.day

    def paths(self, batch: Batch, cutoffs: tuple[int, ...], horizon: int) -> Paths:
        day, week = batch.seasons.day, batch.seasons.longest
        plain, shifted = [], []
        for cutoff in cutoffs:
            plain.append(repeated(batch.raw[:, :cutoff], week, horizon))
            latest = batch.bent[:, cutoff - day : cutoff]
            before = batch.bent[:, cutoff - week - day : cutoff - week]
            shift = (latest - before).mean(1, keepdims=True)
            shifted.append(batch.unbent(repeated(batch.bent[:, :cutoff], week, horizon) + shift, cutoff))
        return {"naive_week": np.stack(plain), "naive_week_shifted": np.stack(shifted)}
