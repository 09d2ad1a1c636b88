"""Conformal bands: as wide as the errors the same forecast made at past cutoffs.

Split conformal prediction (Vovk et al. 2005; Lei et al. 2018, JASA 113) with scaled residuals: an error is
divided by how large the path is, how large the series' errors are, how they grow with the horizon, and how
they vary over the day. What is left has one set of quantiles over all regular series of a batch, and one of
each series' own; the band takes a mean of both that trusts the own ones more, the more errors there were.

How much more recent errors count than old ones is decided by the batch itself: by which of a few half-lives
the older errors foretell the newer ones best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray

_PRIOR_ERRORS = 30.0
"""Independent past errors at which measured quantiles count as much as the prior's."""
_OWN_ERRORS = 100.0
"""Independent past errors of a series at which its own quantiles count as much as the batch's."""
_LEVEL_OF_ERRORS = 5.0
"""How many mean errors are added to a path before errors are taken to be proportional to it."""
_HALF_LIVES = (np.inf, 7.0, 3.0)
"""Days after which a past error counts half; the first is taken unless another foretells better."""
_SHAPE_BELIEVED = 0.5
"""Share of the measured daily course of errors that goes into a band."""


def apart(offsets: tuple[int, ...], cutoff: int, horizon: int) -> list[int]:
    """The cutoffs that may judge the forecast from `cutoff`: those that share no slot with it, if any."""
    every = range(len(offsets))
    reach = min(horizon, offsets[cutoff])
    clear = [j for j in every if abs(offsets[j] - offsets[cutoff]) >= reach]
    return clear or [j for j in every if j != cutoff] or [cutoff]


@dataclass(frozen=True, slots=True)
class Residuals:
    """Errors of the combined forecast, each made without the cutoff it is scored at."""

    error: FloatArray
    """(cutoffs, n, horizon) actual minus path; NaN where nothing was scored."""
    path: FloatArray
    """(cutoffs, n, horizon)"""
    offsets: tuple[int, ...]
    """Slots between each cutoff and the end of the history, nearest first."""
    phase: NDArray[np.intp]
    """(cutoffs, horizon) slot within the day."""
    day: int
    teaches: NDArray[np.bool_]
    """(n,)"""
    least: FloatArray
    """(n,) smallest believable mean error."""


@dataclass(frozen=True, slots=True)
class Bands:
    """What past errors say about the next: fitted once, asked for any levels."""

    residuals: Residuals
    added: FloatArray
    """(n,) what is added to a path before errors are proportional to it: a few mean errors."""
    sums: FloatArray
    """(cutoffs, n) sum of the sizes of relative errors"""
    counts: FloatArray
    """(cutoffs, n) how many there are"""
    daily_sums: FloatArray
    """(cutoffs, day, n) the same by time of day"""
    daily_counts: FloatArray
    growth: FloatArray
    """(horizon,) size of errors per slot ahead relative to the series' own"""
    half_life: float
    """Days"""

    @classmethod
    def of(cls, residuals: Residuals) -> Bands:
        seen = np.isfinite(residuals.error)
        size = np.where(seen, np.abs(residuals.error), 0.0)
        mean = size.sum((0, 2)) / np.maximum(seen.sum((0, 2)), 1)
        added = np.maximum(_LEVEL_OF_ERRORS * mean, residuals.least)
        share = size / (np.abs(residuals.path) + added[None, :, None])
        sums, counts = share.sum(2), seen.sum(2).astype(float)
        growth = _growth(np.where(seen, share, np.nan), sums, counts, residuals)
        # What is left to compare is the size beyond what the horizon explains.
        share = share / growth
        sums = share.sum(2)
        slots = (residuals.phase[:, None, :] == np.arange(residuals.day)[None, :, None]).astype(float)
        daily_sums = slots @ share.transpose(0, 2, 1)
        daily_counts = slots @ seen.transpose(0, 2, 1).astype(float)
        half_life = _best_half_life(sums, counts, residuals)
        return cls(residuals, added, sums, counts, daily_sums, daily_counts, growth, half_life)

    def spread(self, path: FloatArray, phase: NDArray[np.intp], cutoff: int | None = None) -> FloatArray:
        """(n, horizon) expected size of errors of a path whose slots have the given phases.

        With `cutoff`, as it would have been expected there: without the errors made from there.
        """
        rest = self.residuals
        weights = _recency(rest, self.half_life, cutoff)
        size = _scale(self.sums, self.counts, weights)
        shape = self._over_the_day(weights, size)
        wide: FloatArray = (
            (np.abs(path) + self.added[:, None]) * (size[:, None] * self.growth) * shape[:, phase]
        )
        return wide

    def _over_the_day(self, weights: FloatArray, size: FloatArray) -> FloatArray:
        """(n, day) relative size of errors by time of day, five slots together, half of it believed."""
        n, day = len(size), self.residuals.day
        if day < 4 or not len(weights):
            return np.ones((n, day))
        sums, counts = np.tensordot(weights, self.daily_sums, 1), np.tensordot(weights, self.daily_counts, 1)
        near = range(-2, 3)
        total = np.sum([np.roll(sums, k, 0) for k in near], 0)
        number = np.sum([np.roll(counts, k, 0) for k in near], 0)
        shape = np.where(number > 0, total / np.maximum(number, 1e-12) / size, 1.0)
        shape /= np.maximum(shape.mean(0), 1e-9)
        blend: FloatArray = (1 - _SHAPE_BELIEVED + _SHAPE_BELIEVED * shape).T
        return blend


@dataclass(frozen=True, slots=True)
class Shares:
    """Quantiles of errors in units of their spread, sorted once and asked for any levels."""

    pool: FloatArray
    """Errors of all series that teach, ascending."""
    own: FloatArray
    """(n, cutoffs x horizon) errors of each series, ascending, NaN last."""
    independent: float
    """How many errors of the pool count as independent."""
    own_independent: FloatArray
    """(n,)"""

    @classmethod
    def of(cls, errors: FloatArray, teaches: NDArray[np.bool_]) -> Self:
        """From (cutoffs, n, horizon) errors divided by their spread; NaN is left out."""
        cutoffs, n, _ = errors.shape
        rows = teaches if teaches.any() else np.ones(n, bool)
        pool = errors[:, rows]
        own = np.sort(errors.transpose(1, 0, 2).reshape(n, -1), axis=1)
        # Errors of one path go together: a path counts as two.
        counted = 2.0 * np.isfinite(errors).any(2).sum(0)
        return cls(np.sort(pool[np.isfinite(pool)]), own, 2.0 * cutoffs * int(rows.sum()), counted)

    def at(self, levels: tuple[float, ...]) -> FloatArray:
        """(n, levels) quantiles; 0 at one half: the path is the median."""
        prior, half = laplace_quantiles(levels), np.asarray(levels)
        shared = prior
        if self.pool.size:
            measured = _sorted_quantiles(self.pool[None, :], np.array([self.pool.size]), levels)[0]
            total = self.independent + _PRIOR_ERRORS
            shared = (self.independent * measured + _PRIOR_ERRORS * prior) / total
        count = np.isfinite(self.own).sum(1)
        weight = np.where(count > 0, self.own_independent / (self.own_independent + _OWN_ERRORS), 0.0)[
            :, None
        ]
        own = np.zeros((len(count), len(levels)))
        if self.own.shape[1]:
            own = np.where(count[:, None] > 0, _sorted_quantiles(self.own, count, levels), 0.0)
        mixed = (1 - weight) * shared + weight * own
        out: FloatArray = np.where(half < 0.5, np.minimum(mixed, 0.0), np.maximum(mixed, 0.0))
        return np.where(half == 0.5, 0.0, out)


def _recency(residuals: Residuals, half_life: float, cutoff: int | None) -> FloatArray:
    """(cutoffs,) weight of each past cutoff, seen from now or from one of them."""
    offsets = np.asarray(residuals.offsets, float)
    if cutoff is None:
        age, chosen = offsets, np.ones(len(offsets), bool)
    else:
        age = np.abs(offsets - offsets[cutoff])
        chosen = np.isin(np.arange(len(offsets)), apart(residuals.offsets, cutoff, residuals.error.shape[2]))
    if not len(offsets):
        return offsets
    age = (age - age[chosen].min()) / residuals.day
    weights: FloatArray = np.where(chosen, 0.5 ** (age / half_life), 0.0)
    return weights


def _scale(sums: FloatArray, counts: FloatArray, weights: FloatArray) -> FloatArray:
    """(n,) weighted mean size of relative errors; of all cutoffs where the weighted ones say nothing."""
    total, number = weights @ sums, weights @ counts
    everything = sums.sum(0) / np.maximum(counts.sum(0), 1.0)
    scale = np.where(number > 0, total / np.maximum(number, 1e-12), everything)
    # A series that stood still at the weighted cutoffs, but not at all of them, may move again.
    kept: FloatArray = np.maximum(scale, np.maximum(0.05 * everything, 1e-3))
    return kept


def _best_half_life(sums: FloatArray, counts: FloatArray, residuals: Residuals) -> float:
    """The half-life whose scale, from older cutoffs only, makes the newer errors likeliest (Laplace)."""
    offsets, horizon = residuals.offsets, residuals.error.shape[2]
    rows = residuals.teaches if residuals.teaches.any() else np.ones(len(residuals.teaches), bool)
    best, lowest = _HALF_LIVES[0], np.inf
    for half_life in _HALF_LIVES:
        loss, seen = 0.0, 0.0
        for i in range(len(offsets)):
            older = np.array([o - offsets[i] >= min(horizon, offsets[i]) for o in offsets])
            if older.sum() < 2:
                continue
            age = np.where(older, np.asarray(offsets, float) - offsets[i], np.inf)
            age = (age - age.min()) / residuals.day
            weights = np.where(older, 0.5 ** (np.where(older, age, 0.0) / half_life), 0.0)
            scale = _scale(sums, counts, weights)[rows]
            number = counts[i][rows]
            surprise = sums[i][rows] / scale + number * np.log(scale)
            loss += float(surprise.sum())
            seen += float(number.sum())
        if seen and loss / seen < lowest:
            best, lowest = half_life, loss / seen
    return best


def _sorted_quantiles(ordered: FloatArray, count: NDArray[np.intp], levels: tuple[float, ...]) -> FloatArray:
    """(n, levels) quantiles of the first (n,) `count` of each row of ascending values."""
    last = np.maximum(count, 1)[:, None] - 1
    place = np.asarray(levels) * last
    low = np.floor(place).astype(np.intp)
    high = np.minimum(low + 1, last)
    rows = np.arange(len(ordered))[:, None]
    value: FloatArray = ordered[rows, low] + (place - low) * (ordered[rows, high] - ordered[rows, low])
    return value


def _growth(share: FloatArray, sums: FloatArray, counts: FloatArray, residuals: Residuals) -> FloatArray:
    """(horizon,) mean size of errors per slot ahead relative to the series' own, smoothed; never 0."""
    horizon = share.shape[2]
    rows = residuals.teaches if residuals.teaches.any() else np.ones(share.shape[1], bool)
    if not len(share):
        return np.ones(horizon)
    own = np.maximum(sums.sum(0) / np.maximum(counts.sum(0), 1.0), 1e-3)
    # One wild error must not make an hour of the horizon uncertain for every series.
    relative = np.minimum(share[:, rows] / own[rows][None, :, None], 8.0)
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
    return np.maximum(smooth, 0.05)


def laplace_quantiles(levels: tuple[float, ...]) -> FloatArray:
    """Quantiles of a Laplace error of mean absolute size 1: what is assumed before anything was measured."""
    p = np.asarray(levels, float)
    quantiles: FloatArray = np.where(p < 0.5, np.log(2 * p), -np.log(2 * (1 - p)))
    return quantiles
