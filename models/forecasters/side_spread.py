"""Side spread: how far errors go above and below a path now, foretold by what demand did lately.

The mean size of past errors is slow: a series that was moved is quiet again long before its errors are. So
the logarithm of the errors' size, above the path and below it, is regressed over all series and past cutoffs
of a batch on how demand moved over the latest day, three days, week and since it began, on how far it was
from the path's own day over a day, a week and four, and on how far the members of the ensemble disagree
(multiplicative heteroscedasticity: Harvey 1976, Econometrica 44; conformal errors in units of their foretold
size: Papadopoulos et al. 2011, J. Artificial Intelligence Research 40). Measured in
`benchmarks/forecasting.py`: scaled pinball falls by 1 to 2 % in the mean over series, by 4 to 7 % in the
median.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.forecasters.members.batch import Batch

BELIEVED = 0.7
"""Share of what the regression says, on the logarithmic scale."""
_FARTHEST = np.log(6.0)
"""No side gets wider or narrower than by this factor before `BELIEVED`."""
_RIDGE = 20.0
"""Penalty of the coefficients; a batch has some hundred to a thousand errors."""
_FEWEST = 10
"""Errors below which nothing is learnt."""
_LEAST_SHARE = 0.1
"""Added to a mean error before the logarithm, in units of the expected one."""
_DAYS = (1, 7, 28)
"""Latest days whose distance from the path is looked at."""


@dataclass(frozen=True, slots=True)
class SideSpread:
    """Factors of the expected size of errors, from now (first) and from every past cutoff."""

    above: FloatArray
    """(1 + cutoffs, n)"""
    below: FloatArray
    """(1 + cutoffs, n)"""

    @classmethod
    def none(cls, cutoffs: int, n: int) -> Self:
        """Both sides as they are."""
        return cls(np.ones((1 + cutoffs, n)), np.ones((1 + cutoffs, n)))

    @classmethod
    def of(
        cls,
        batch: Batch,
        cutoffs: tuple[int, ...],
        paths: FloatArray,
        disagreement: FloatArray,
        spread: FloatArray,
        error: FloatArray,
        least: FloatArray,
    ) -> Self:
        """Learns both sides from the errors made at past cutoffs.

        Args:
            batch: n series.
            cutoffs: the end of history, then every past cutoff.
            paths: (1 + cutoffs, n, horizon) combined paths.
            disagreement: (1 + cutoffs, n) mean distance of the members from the path.
            spread: (1 + cutoffs, n, horizon) expected size of errors.
            error: (cutoffs, n, horizon) actual minus path; NaN where nothing was scored.
            least: (n,) smallest believable mean error.
        """
        count, n, horizon = paths.shape
        seen = np.isfinite(error)
        teaches = batch.teaches if batch.teaches.any() else np.ones(n, bool)
        taught = (seen.sum(2) > horizon // 4) & teaches
        if min(cutoffs) < 2 * _unit(batch) or taught.sum() < _FEWEST:
            return cls.none(count - 1, n)
        usual = np.log(spread.mean(2))
        either = np.stack([*_moves(batch, cutoffs), disagreement], 2)
        above, below = _distances(batch, cutoffs, paths)
        sides = []
        for side in (error, -error):
            size = np.where(seen, np.maximum(side, 0.0) / spread[1:], 0.0).sum(2) / np.maximum(seen.sum(2), 1)
            known = np.concatenate([either, above, below], 2)
            ratio = np.log(known + 0.2 * least[None, :, None]) - usual[:, :, None]
            foretold = _foretold(ratio, np.log(size + _LEAST_SHARE), taught)
            sides.append(np.exp(BELIEVED * np.clip(foretold, -_FARTHEST, _FARTHEST)))
        return cls(*sides)

    def times(self, at: int, shares: FloatArray) -> FloatArray:
        """(n, levels) shares of the spread, those above 0 and those below each times its side."""
        out: FloatArray = shares * np.where(shares > 0, self.above[at][:, None], self.below[at][:, None])
        return out

    def undone(self, at: int, errors: FloatArray) -> FloatArray:
        """(n, horizon) errors divided by their side."""
        out: FloatArray = errors / np.where(errors > 0, self.above[at][:, None], self.below[at][:, None])
        return out


def _foretold(known: FloatArray, size: FloatArray, taught: NDArray[np.bool_]) -> FloatArray:
    """(origins, n) regression of (cutoffs, n) `size` on (origins, n, k) `known`, about the mean size."""
    rows, wanted = known[1:][taught], size[taught]
    centre = rows.mean(0)
    rows = rows - centre
    gram = rows.T @ rows + _RIDGE * np.eye(rows.shape[1])
    out: FloatArray = (known - centre) @ np.linalg.solve(gram, rows.T @ (wanted - wanted.mean()))
    return out


def _unit(batch: Batch) -> int:
    """Slots that count as a day."""
    return batch.seasons.day if batch.seasons.day > 1 else max(1, batch.seasons.recent // 7)


def _moves(batch: Batch, cutoffs: tuple[int, ...]) -> list[FloatArray]:
    """Each (1 + cutoffs, n): mean change from day to day at four ages, and spread of a week and a day."""
    unit = _unit(batch)
    both = (batch.weight[:, unit:] > 0) & (batch.weight[:, :-unit] > 0)
    change = np.abs(batch.raw[:, unit:] - batch.raw[:, :-unit]) * both
    moved = np.cumsum(np.pad(change, ((0, 0), (1, 0))), axis=1)
    known = np.cumsum(np.pad(both, ((0, 0), (1, 0))), axis=1)
    out: list[list[FloatArray]] = []
    for cutoff in cutoffs:
        last = cutoff - unit
        row: list[FloatArray] = []
        for days in (None, 7, 3, 1):
            first = 0 if days is None else max(0, last - days * unit)
            number: NDArray[np.intp] = known[:, last] - known[:, first]
            mean = (moved[:, last] - moved[:, first]) / np.maximum(number, 1)
            # Where nothing was reported lately, what was before stands for it.
            row.append(np.where(number > 0, mean, row[-1] if row else 0.0))
        for days in (7, 1):
            latest = batch.raw[:, max(0, cutoff - days * unit) : cutoff]
            row.append(np.abs(latest - np.median(latest, axis=1, keepdims=True)).mean(1))
        out.append(row)
    return [np.stack([row[k] for row in out]) for k in range(len(out[0]))]


def _distances(batch: Batch, cutoffs: tuple[int, ...], paths: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(1 + cutoffs, n, 3) mean distance above and below the mean day of the path, at three ages."""
    unit, n = _unit(batch), len(batch)
    above: list[FloatArray] = []
    below: list[FloatArray] = []
    for cutoff, path in zip(cutoffs, paths, strict=True):
        whole = path.shape[1] // unit
        day = (
            path[:, : whole * unit].reshape(n, whole, unit).mean(1) if whole else path.mean(1, keepdims=True)
        )
        days = min(_DAYS[-1], cutoff // unit)
        slots = slice(cutoff - days * unit, cutoff)
        trust = batch.weight[:, slots].reshape(n, days, unit) > 0
        away = (batch.raw[:, slots].reshape(n, days, unit) - day[:, None, :]) * trust
        number, over = trust.sum(2), np.maximum(away, 0.0).sum(2)
        under = over - away.sum(2)
        for found, total in ((above, over), (below, under)):
            found.append(
                np.stack([total[:, -k:].sum(1) / np.maximum(number[:, -k:].sum(1), 1) for k in _DAYS], 1)
            )
    return np.stack(above), np.stack(below)
