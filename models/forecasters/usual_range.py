"""Usual range: what demand was at a time of day, as quantiles, averaged into a forecast where that pays.

A path with bands around it says little about bursts that come at any time; the empirical distribution of the
latest week, or of the latest eight, does, and needs no model. Where demand has moved to another level, so
does that of the latest four weeks once every day of them is moved to the level of the latest. So the
quantiles of all three are averaged into those of the forecast level by level (quantile averaging: Ratcliff
1979, Psychological Bulletin 86; Lichtendahl, Grushka-Cockayne & Winkler 2013, Management Science 59), with
the weights that would have been best at the past cutoffs of all series of the batch that were spread as wide
over those eight weeks; a series that would have lost by them keeps more of its own. The median stays the
path. Measured in `benchmarks/forecasting.py`: scaled pinball falls by 1 to 9 % at a week ahead and by 2 to
5 % at two days.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.forecasters.members.batch import Batch

LEARNT_LEVELS = (0.025, 0.1, 0.25, 0.75, 0.9, 0.975)
"""Levels at which weights are learnt; between them they are interpolated, at one half they are 0."""


@dataclass(frozen=True, slots=True)
class Span:
    """What of the history a range is made of."""

    days: int
    """The latest so many."""
    around: int
    """How many slots before and after count as the same time of day."""
    moved: bool
    """Whether every day is moved by what its median is from that of the latest day."""


RANGES = (Span(7, 2, moved=False), Span(28, 0, moved=True), Span(56, 0, moved=False))
"""The last one also says how wide a series is spread."""
_STEP, _MOST = 0.15, 0.9
"""Weights are tried in such steps, up to this sum."""
_CLASSES = 6
"""Series are taken together by how wide they were spread at a time of day, in changes from day to day."""
_FEWEST = 20
"""Series below which a class takes the weights of all."""
_PRIOR_ERRORS = 4.0
"""Paths (series times cutoffs) at which a learnt weight is believed by half."""
_LARGEST = 15.0
"""A mean loss of a path counts at most so many mean changes from day to day."""
_TRUST = 4.0
"""Power of the loss without over the loss with averaging, for a series that would have lost by it."""


def ranges_at(
    batch: Batch, cutoff: int, levels: tuple[float, ...], rows: NDArray[np.intp] | None = None
) -> FloatArray:
    """(ranges, n, day, levels) quantiles by slots after the cutoff, from what was before it, of some rows."""
    history = batch.raw if rows is None else batch.raw[rows]
    day, n = batch.seasons.day, len(history)
    out = np.empty((len(RANGES), n, day, len(levels)))
    for k, span in enumerate(RANGES):
        days = min(span.days, cutoff // day)
        folded = history[:, cutoff - days * day : cutoff].astype(np.float32).reshape(n, days, day)
        if span.moved:
            folded = _moved(folded)
        around = range(-span.around, span.around + 1)
        near = np.concatenate([np.roll(folded, shift, 2) for shift in around], 1)
        ordered = np.sort(near.transpose(0, 2, 1), axis=2)
        # Hazen's positions: the i-th of m values is the quantile (i - 1/2) / m.
        place = np.clip(np.asarray(levels) * ordered.shape[2] - 0.5, 0.0, ordered.shape[2] - 1.0)
        low = place.astype(np.intp)
        high = np.minimum(low + 1, ordered.shape[2] - 1)
        out[k] = ordered[:, :, low] + (place - low) * (ordered[:, :, high] - ordered[:, :, low])
    return out


def _moved(folded: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, days, day) slots, each day's moved to the median of the latest; below 0 only where some were."""
    half = folded.shape[2] // 2
    ordered = np.sort(folded, axis=2)
    level = (ordered[:, :, half] + ordered[:, :, -1 - half]) / 2
    floor = np.where(ordered[:, :, 0].min(1) < 0, -np.inf, 0.0).astype(np.float32)[:, None, None]
    return np.maximum(folded + (level[:, -1:] - level)[:, :, None], floor)


@dataclass(frozen=True, slots=True)
class UsualRange:
    """How much of the usual ranges goes into each series' quantiles."""

    weights: FloatArray
    """(n, ranges, learnt levels)"""

    @classmethod
    def none(cls, n: int) -> Self:
        """Nothing is averaged in."""
        return cls(np.zeros((n, len(RANGES), len(LEARNT_LEVELS))))

    def take(self, rows: NDArray[np.intp]) -> Self:
        """The weights of some of the series."""
        return replace(self, weights=self.weights[rows])

    @classmethod
    def of(
        cls,
        actual: FloatArray,
        own: FloatArray,
        usual: FloatArray,
        scale: FloatArray,
        teaches: NDArray[np.bool_],
    ) -> Self:
        """Learns the weights.

        Args:
            actual: (cutoffs, n, slots) what came at slots after past cutoffs; NaN is not scored.
            own: (cutoffs, n, slots, learnt levels) what would have been forecast.
            usual: (ranges, cutoffs, n, slots, learnt levels)
            scale: (n,) mean change from day to day.
            teaches: (n,)
        """
        n = len(scale)
        teachers = np.flatnonzero(teaches) if teaches.any() else np.arange(n)
        wide = np.ptp(usual[-1][..., [0, -1]], axis=3).mean((0, 2)) / scale
        edges = np.quantile(wide[teachers], np.arange(1, _CLASSES) / _CLASSES)
        kind = np.searchsorted(edges, wide)
        weights = np.zeros((n, len(RANGES), len(LEARNT_LEVELS)))
        for j, level in enumerate(LEARNT_LEVELS):
            miss, away = actual - own[..., j], usual[..., j] - own[..., j]
            for of_kind in range(_CLASSES):
                rows = teachers[kind[teachers] == of_kind]
                rows = rows if rows.size >= _FEWEST else teachers
                best = _best_weights(miss[:, rows], away[:, :, rows], level, scale[rows])
                paths = len(actual) * rows.size
                weights[kind == of_kind, :, j] = best * paths / (paths + _PRIOR_ERRORS)
        return cls(weights * _trust(actual, own, usual, weights)[:, None, None])

    def averaged(self, quantiles: FloatArray, usual: FloatArray, levels: tuple[float, ...]) -> FloatArray:
        """(n, horizon, levels) quantiles with their shares of (ranges, n, day, levels) usual ones.

        The levels hold one half; what is below the median stays below it.
        """
        if not self.weights.any():
            return quantiles
        horizon, share = quantiles.shape[1], self._at(levels).astype(quantiles.dtype)
        usual = usual.astype(quantiles.dtype, copy=False)
        day = usual.shape[2]
        mixed: FloatArray = quantiles * (1 - share.sum(1))[:, None, :]
        for k in range(len(usual)):
            if share[:, k].any():
                part = usual[k] * share[:, k][:, None, :]
                for first in range(0, horizon, day):
                    mixed[:, first : first + day] += part[:, : horizon - first]
        half = levels.index(0.5)
        middle = quantiles[:, :, half, None]
        np.minimum(mixed[:, :, :half], middle, out=mixed[:, :, :half])
        np.maximum(mixed[:, :, half:], middle, out=mixed[:, :, half:])
        # Weights differ between levels, so quantiles may cross; those of most series do not.
        crossed = (mixed[:, :, 1:] < mixed[:, :, :-1]).any((1, 2))
        mixed[crossed] = np.sort(mixed[crossed], axis=2)
        return mixed

    def _at(self, levels: tuple[float, ...]) -> FloatArray:
        """(n, ranges, levels) weights."""
        below = sum(level < 0.5 for level in LEARNT_LEVELS)
        knots = np.array([*LEARNT_LEVELS[:below], 0.5, *LEARNT_LEVELS[below:]])
        known = np.insert(self.weights, below, 0.0, axis=2)
        place = np.clip(np.asarray(levels), knots[0], knots[-1])
        high = np.clip(np.searchsorted(knots, place), 1, len(knots) - 1)
        part = (place - knots[high - 1]) / (knots[high] - knots[high - 1])
        out: FloatArray = (1 - part) * known[:, :, high - 1] + part * known[:, :, high]
        return out


def _best_weights(miss: FloatArray, away: FloatArray, level: float, scale: FloatArray) -> FloatArray:
    """(ranges,) weights with the lowest loss, by stepping along one range after the other."""
    seen = np.isfinite(miss)
    miss, number = np.where(seen, miss, 0.0), np.maximum(seen.sum(2), 1) * scale
    away = np.where(seen, away, 0.0)

    def loss(weights: FloatArray) -> float:
        left = miss - np.tensordot(weights, away, 1)
        # max(p e, (p - 1) e) = p e - min(e, 0)
        mean = (level * left.sum(2) - np.minimum(left, 0.0).sum(2)) / number
        return float(np.minimum(mean, _LARGEST).sum())

    best = np.zeros(len(away))
    lowest = loss(best)
    for k in range(len(away)):
        while best.sum() + _STEP <= _MOST + 1e-9:
            tried = best.copy()
            tried[k] += _STEP
            found = loss(tried)
            if found >= lowest * (1 - 1e-4):
                break
            best, lowest = tried, found
    return best


def _trust(actual: FloatArray, own: FloatArray, usual: FloatArray, weights: FloatArray) -> FloatArray:
    """(n,) 1 where averaging would have paid at the series' own past cutoffs, less where not."""
    mixed = own * (1 - weights.sum(1))[None, :, None, :]
    for k in range(len(usual)):
        mixed += usual[k] * weights[:, k][None, :, None, :]
    p = np.asarray(LEARNT_LEVELS)
    losses = []
    for quantiles in (own, mixed):
        above = np.nan_to_num(actual[..., None] - quantiles)
        losses.append(np.maximum(p * above, (p - 1) * above).sum((0, 2, 3)))
    ratio = np.where(losses[1] > 0, losses[0] / np.where(losses[1] > 0, losses[1], 1.0), 1.0)
    trust: FloatArray = np.minimum(ratio, 1.0) ** _TRUST
    return trust
