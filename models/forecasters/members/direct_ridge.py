"""Direct ridge regression: the next slots as a linear map of the last two weeks, one map for all series.

A global direct multi-step forecaster (Ben Taieb et al. 2012, Expert Systems with Applications 39;
Montero-Manso & Hyndman 2021, Int. J. Forecasting 37). Windows are centred on their own latest week.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.features.seasons import Seasons
from models.forecasters.members.batch import Batch, Paths
from models.forecasters.members.standard import Standard

_LONGEST_WINDOW = 720
"""Slots; a longer window (two weeks of five minutes) would need more coefficients than there is history."""


@dataclass(frozen=True, slots=True)
class DirectRidge:
    """`direct`: two weeks in, the horizon out, on the bent scale."""

    ridge: float = 50.0
    """Penalty per teaching series."""
    windows: int = 20
    """How many past windows teach at the earliest cutoff, a day apart."""

    def minimum(self, seasons: Seasons, horizon: int) -> int:
        window = 2 * seasons.recent
        if window > _LONGEST_WINDOW or seasons.day == 1:
            return 1 << 40
        return window + horizon + 2 * seasons.day

    def paths(self, batch: Batch, cutoffs: tuple[int, ...], horizon: int) -> Paths:
        day, recent = batch.seasons.day, batch.seasons.recent
        window, earliest = 2 * recent, min(cutoffs)
        standard = Standard.of_bent(batch, earliest)
        values = standard.values.astype(np.float32)
        known = np.cumsum(np.pad(batch.weight > 0, ((0, 0), (1, 0))), axis=1, dtype=np.intp)
        teaching = np.flatnonzero(batch.teaches)
        gram, cross = np.zeros((window, window)), np.zeros((window, horizon))
        # Ends of training targets lie a day apart, counted back from the end of the history.
        ends = np.arange(batch.slots, window + horizon - 1, -day, dtype=np.intp)[::-1]
        ends = ends[ends > earliest - horizon - day * self.windows]
        out = np.empty((len(cutoffs), len(batch), horizon))
        done = 0
        for at in np.argsort(cutoffs):
            cutoff = cutoffs[at]
            upto = int(np.searchsorted(ends, cutoff, side="right"))
            new = ends[done:upto]
            if done == 0:
                new = new[-self.windows :]
            done = upto
            if new.size and teaching.size:
                x, y = _windows(values, known, teaching, new, window, horizon, recent)
                gram += x.T @ x
                cross += x.T @ y
            penalty = self.ridge * max(int(teaching.size), 1) * np.eye(window)
            coefficients = np.linalg.solve(gram + penalty, cross)
            latest = values[:, cutoff - window : cutoff].astype(float)
            centre = latest[:, -recent:].mean(1, keepdims=True)
            path = (latest - centre) @ coefficients + centre
            out[at] = batch.unbent(standard.back(path), cutoff)
        return {"direct": out}


def _windows(
    values: NDArray[np.float32],
    known: NDArray[np.intp],
    teaching: NDArray[np.intp],
    ends: NDArray[np.intp],
    window: int,
    horizon: int,
    recent: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Centred windows and what followed them; only those of which nine tenths were reported."""
    before, after = [], []
    for end in ends:
        begin, middle = end - horizon - window, end - horizon
        enough = (known[teaching, end] - known[teaching, begin]) >= 0.9 * (window + horizon)
        rows = teaching[enough]
        x = values[rows, begin:middle]
        centre = x[:, -recent:].mean(1, keepdims=True)
        before.append(x - centre)
        after.append(values[rows, middle:end] - centre)
    return np.concatenate(before), np.concatenate(after)
