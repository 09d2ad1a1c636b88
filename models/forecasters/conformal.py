"""Conformal bands: as wide as the errors the same forecast made at past cutoffs.

Split conformal prediction (Vovk et al. 2005; Lei et al. 2018, JASA 113) with scaled residuals: an error is divided by
how large the path is, how large the series' errors are, how they grow with the horizon, and how they vary over the
day. What is left has one set of quantiles over all regular series of a batch, and one of each
series' own; the band takes a mean of both that trusts the own ones more, the more errors there were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray

_PRIOR_ERRORS = 30.0
"""Independent past errors at which measured quantiles count as much as the prior's."""
_OWN_ERRORS = 12.0
"""Independent past errors of a series at which its own quantiles count as much as the batch's."""
_LEVEL_OF_ERRORS = 1.0
"""How many mean errors are added to a path before errors are taken to be proportional to it."""


@dataclass(frozen=True, slots=True)
class Residuals:
    """Errors of the combined forecast, each made without the cutoff it is scored at."""

    error: FloatArray
    """(cutoffs, n, horizon) actual minus path; NaN where nothing was scored."""
    path: FloatArray
    """(cutoffs, n, horizon)"""
    phase: NDArray[np.intp]
    """(cutoffs, horizon) slot within the day."""
    day: int
    teaches: NDArray[np.bool_]
    """(n,)"""
    least: FloatArray
    """(n,) smallest believable mean error."""

    def added(self) -> FloatArray:
        """(n,) what is added to a path before errors are proportional to it: about the mean error."""
        seen = np.isfinite(self.error)
        count = np.maximum(seen.sum((0, 2)), 1)
        mean = np.where(seen, np.abs(self.error), 0.0).sum((0, 2)) / count
        added: FloatArray = np.maximum(_LEVEL_OF_ERRORS * mean, self.least)
        return added

    def relative(self) -> FloatArray:
        """(cutoffs, n, horizon) errors as shares of path and `added`."""
        share: FloatArray = self.error / (np.abs(self.path) + self.added()[None, :, None])
        return share


@dataclass(frozen=True, slots=True)
class Bands:
    """What past errors say about the next: fitted once, asked for any levels."""

    residuals: Residuals
    share: FloatArray
    """(cutoffs, n, horizon) relative errors"""
    growth: FloatArray
    """(horizon,)"""

    @classmethod
    def of(cls, residuals: Residuals) -> Bands:
        share = residuals.relative()
        return cls(residuals, share, _growth(share, residuals))

    def spread(self, cutoffs: list[int], path: FloatArray, phase: NDArray[np.intp]) -> FloatArray:
        """(n, horizon) expected size of errors of a path whose slots have the given phases."""
        size = _scale(self.share, cutoffs)[:, None] * self.growth
        size = size * _over_the_day(self.share, self.residuals, cutoffs)[:, phase]
        wide: FloatArray = size * (np.abs(path) + self.residuals.added()[:, None])
        return wide

    def quantiles(self, levels: tuple[float, ...]) -> FloatArray:
        """(n, levels) quantiles of errors in units of their spread; 0 at one half: the path is the median."""
        prior = laplace_quantiles(levels)
        n, cutoffs = self.share.shape[1], list(range(len(self.share)))
        if not cutoffs:
            return np.tile(prior, (n, 1))
        rest = self.residuals
        unit = [
            rest.error[i] / self.spread([j for j in cutoffs if j != i] or cutoffs, rest.path[i], rest.phase[i])
            for i in cutoffs
        ]
        errors = np.stack(unit)
        rows = rest.teaches if rest.teaches.any() else np.ones(n, bool)
        pool = errors[:, rows]
        pool = pool[np.isfinite(pool)]
        shared = prior
        if pool.size:
            # Errors of one path go together: a path counts as two.
            independent = 2.0 * len(cutoffs) * int(rows.sum())
            shared = (independent * np.quantile(pool, levels) + _PRIOR_ERRORS * prior) / (independent + _PRIOR_ERRORS)
        own = _own_quantiles(errors, levels)
        known = np.isfinite(own).all(1)
        weight = 2.0 * np.isfinite(errors).any(2).sum(0)
        weight = np.where(known, weight / (weight + _OWN_ERRORS), 0.0)[:, None]
        mixed = (1 - weight) * shared + weight * np.where(known[:, None], own, 0.0)
        half = np.asarray(levels)
        out: FloatArray = np.where(half < 0.5, np.minimum(mixed, 0.0), np.maximum(mixed, 0.0))
        return np.where(half == 0.5, 0.0, out)


def _own_quantiles(errors: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    """(n, levels) quantiles of each series' errors over (cutoffs, n, horizon), NaN ones left out."""
    n = errors.shape[1]
    ordered = np.sort(errors.transpose(1, 0, 2).reshape(n, -1), axis=1)
    count = np.isfinite(ordered).sum(1)
    place = np.asarray(levels)[None, :] * (np.maximum(count, 1) - 1)[:, None]
    low = np.floor(place).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(count, 1)[:, None] - 1)
    rows = np.arange(n)[:, None]
    value: FloatArray = ordered[rows, low] + (place - low) * (ordered[rows, high] - ordered[rows, low])
    return value


def _scale(share: FloatArray, cutoffs: list[int]) -> FloatArray:
    """(n,) mean absolute relative error over some cutoffs."""
    some = np.abs(share[cutoffs])
    seen = np.isfinite(some)
    mean = np.where(seen, some, 0.0).sum((0, 2)) / np.maximum(seen.sum((0, 2)), 1)
    scale: FloatArray = np.maximum(mean, 1e-3)
    return scale


def _growth(share: FloatArray, residuals: Residuals) -> FloatArray:
    """(horizon,) size of errors per slot ahead relative to the series' scale, smoothed."""
    horizon = share.shape[2]
    rows = residuals.teaches if residuals.teaches.any() else np.ones(share.shape[1], bool)
    if not len(share):
        return np.ones(horizon)
    relative = np.abs(share[:, rows]) / _scale(share, list(range(len(share))))[rows][None, :, None]
    # One wild error must not make an hour of the horizon uncertain for every series.
    relative = np.minimum(relative, 8.0)
    seen = np.isfinite(relative)
    count = seen.sum((0, 1))
    mean = np.where(seen, relative, 0.0).sum((0, 1)) / np.maximum(count, 1)
    known = np.flatnonzero(count)
    if not known.size:
        return np.ones(horizon)
    reach = int(known[-1]) + 1
    mean = np.interp(np.arange(horizon), known, mean[known])
    width = max(1, min(7, horizon // 4 * 2 + 1))
    smooth = np.convolve(np.pad(mean[:reach], width // 2, "edge"), np.ones(width) / width, "valid")
    if reach < horizon:
        # Beyond what was scored, errors are taken to grow like those of a random walk.
        smooth = np.concatenate([smooth, smooth[-1] * np.sqrt(np.arange(reach + 1, horizon + 1) / reach)])
    return smooth


def _over_the_day(
    share: FloatArray, residuals: Residuals, cutoffs: list[int], weight: float = 0.5
) -> FloatArray:
    """(n, day) relative size of errors by time of day, half of it believed."""
    n, day = share.shape[1], residuals.day
    if day < 4 or not cutoffs:
        return np.ones((n, day))
    sums, counts = np.zeros((day, n)), np.zeros((day, n))
    for i in cutoffs:
        error = np.abs(share[i]).T
        seen = np.isfinite(error)
        slots_of_phase = (np.arange(day)[:, None] == residuals.phase[i]).astype(float)
        sums += slots_of_phase @ np.where(seen, error, 0.0)
        counts += slots_of_phase @ seen
    wide = range(-2, 3)
    total = np.sum([np.roll(sums, k, 0) for k in wide], 0)
    number = np.sum([np.roll(counts, k, 0) for k in wide], 0)
    shape = np.where(number > 0, total / np.maximum(number, 1) / _scale(share, cutoffs), 1.0)
    shape /= np.maximum(shape.mean(0), 1e-9)
    blend: FloatArray = (1 - weight + weight * shape).T
    return blend


def laplace_quantiles(levels: tuple[float, ...]) -> FloatArray:
    """Quantiles of a Laplace error of mean absolute size 1: what is assumed before anything was measured."""
    p = np.asarray(levels, float)
    quantiles: FloatArray = np.where(p < 0.5, np.log(2 * p), -np.log(2 * (1 - p)))
    return quantiles
