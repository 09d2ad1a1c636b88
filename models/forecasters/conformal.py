"""Conformal bands: as wide as the errors the same forecast made at past cutoffs.

Split conformal prediction (Vovk et al. 2005; Lei et al. 2018, JASA 113) with scaled residuals: an error is
divided by how large the series' errors are, how errors grow with the horizon, and how they vary over the day.
The standardised errors of all regular series of a batch share one set of quantiles, of which each series
takes its own multiple.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray

_PRIOR_ERRORS = 30.0
"""Independent past errors at which measured quantiles count as much as the prior's."""


@dataclass(frozen=True, slots=True)
class Residuals:
    """Errors of the combined forecast on the bent scale, each made without the cutoff it is scored at."""

    values: FloatArray
    """(cutoffs, n, horizon) actual minus path; NaN where nothing was scored."""
    phase: NDArray[np.intp]
    """(cutoffs, horizon) slot within the day."""
    day: int
    teaches: NDArray[np.bool_]
    """(n,)"""
    least: FloatArray
    """(n,) smallest believable mean error."""

    def scale(self, cutoffs: list[int]) -> FloatArray:
        """(n,) mean absolute error over some cutoffs."""
        some = np.abs(self.values[cutoffs])
        seen = np.isfinite(some)
        count = seen.sum((0, 2))
        mean = np.where(seen, some, 0.0).sum((0, 2)) / np.maximum(count, 1)
        scale: FloatArray = np.maximum(mean, self.least)
        return scale

    def growth(self) -> FloatArray:
        """(horizon,) size of errors per slot ahead relative to the series' scale, smoothed."""
        horizon = self.values.shape[2]
        rows = self._rows()
        relative = (
            np.abs(self.values[:, rows]) / self.scale(list(range(len(self.values))))[rows][None, :, None]
        )
        # One wild error must not make an hour of the horizon uncertain for every series.
        relative = np.minimum(relative, 8.0)
        seen = np.isfinite(relative)
        count = seen.sum((0, 1))
        mean = np.where(seen, relative, 0.0).sum((0, 1)) / np.maximum(count, 1)
        known = count >= 1
        if not known.any():
            return np.ones(horizon)
        reach = int(np.flatnonzero(known)[-1]) + 1
        mean = np.interp(np.arange(horizon), np.flatnonzero(known), mean[known])
        width = max(1, min(7, horizon // 4 * 2 + 1))
        smooth = np.convolve(np.pad(mean[:reach], width // 2, "edge"), np.ones(width) / width, "valid")
        if reach < horizon:
            # Beyond what was scored, errors are taken to grow like those of a random walk.
            beyond = smooth[-1] * np.sqrt(np.arange(reach + 1, horizon + 1) / reach)
            smooth = np.concatenate([smooth, beyond])
        return smooth

    def over_the_day(self, cutoffs: list[int], weight: float = 0.5) -> FloatArray:
        """(n, day) relative size of errors by time of day, half of it believed."""
        n = self.values.shape[1]
        if self.day < 4:
            return np.ones((n, self.day))
        sums, counts = np.zeros((self.day, n)), np.zeros((self.day, n))
        for i in cutoffs:
            error = np.abs(self.values[i]).T
            seen = np.isfinite(error)
            slots_of_phase = (np.arange(self.day)[:, None] == self.phase[i]).astype(float)
            sums += slots_of_phase @ np.where(seen, error, 0.0)
            counts += slots_of_phase @ seen
        wide = range(-2, 3)
        total = np.sum([np.roll(sums, k, 0) for k in wide], 0)
        number = np.sum([np.roll(counts, k, 0) for k in wide], 0)
        scale = self.scale(cutoffs)
        shape = np.where(number > 0, total / np.maximum(number, 1) / scale, 1.0)
        shape /= np.maximum(shape.mean(0), 1e-9)
        blend: FloatArray = (1 - weight + weight * shape).T
        return blend

    def spread(self, cutoffs: list[int], growth: FloatArray, phase: NDArray[np.intp]) -> FloatArray:
        """(n, horizon) expected size of errors for a forecast whose slots have the given phases."""
        size = self.scale(cutoffs)[:, None] * growth
        wide: FloatArray = size * self.over_the_day(cutoffs)[:, phase]
        return wide

    def _rows(self) -> NDArray[np.bool_]:
        return self.teaches if self.teaches.any() else np.ones(len(self.teaches), bool)

    def quantiles(self, levels: tuple[float, ...], growth: FloatArray) -> FloatArray:
        """(levels,) quantiles of the standardised errors; 0 at one half, so that the path is the median."""
        prior = laplace_quantiles(levels)
        cutoffs = list(range(len(self.values)))
        if not cutoffs:
            return prior
        rows = self._rows()
        pool = []
        for i in cutoffs:
            others = [j for j in cutoffs if j != i] or cutoffs
            pool.append((self.values[i] / self.spread(others, growth, self.phase[i]))[rows])
        errors = np.concatenate(pool).ravel()
        errors = errors[np.isfinite(errors)]
        if errors.size == 0:
            return prior
        measured = np.quantile(errors, levels)
        # Errors of one path go together: a path counts as two.
        independent = 2.0 * len(cutoffs) * int(rows.sum())
        mixed = (independent * measured + _PRIOR_ERRORS * prior) / (independent + _PRIOR_ERRORS)
        half = np.asarray(levels)
        return np.where(half < 0.5, np.minimum(mixed, 0.0), np.where(half > 0.5, np.maximum(mixed, 0.0), 0.0))


def laplace_quantiles(levels: tuple[float, ...]) -> FloatArray:
    """Quantiles of a Laplace error of mean absolute size 1: what is assumed before anything was measured."""
    p = np.asarray(levels, float)
    quantiles: FloatArray = np.where(p < 0.5, np.log(2 * p), -np.log(2 * (1 - p)))
    return quantiles
