"""Ensemble: members, their past errors, the combination and its bands, for one batch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.forecasters.combination import (
    disagreement,
    mean_errors,
    member_errors,
    member_weights,
    weighted_median,
)
from models.forecasters.conformal import Bands, Residuals, Shares, apart
from models.forecasters.distributions import Distributions
from models.forecasters.fresh_jump import FreshJump, moves
from models.forecasters.ladder import Rung
from models.forecasters.members.batch import Batch
from models.forecasters.preparation import Prepared
from models.forecasters.side_spread import SideSpread
from models.forecasters.usual_range import LEARNT_LEVELS, UsualRange, ranges_at

_DAYS_OF_A_RANGE = 7
"""Days of history before the earliest cutoff without which no usual range is averaged in."""
NAIVES = ("last_value", "naive_day", "naive_week")
"""Members that every forecast is measured against."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """What the ensemble would have said at past cutoffs, in units of the series' own size."""

    actual: FloatArray
    """(cutoffs, n, horizon); NaN is not scored."""
    naive: dict[str, FloatArray]
    """Member -> (cutoffs, n, horizon)."""
    distributions: Distributions

    def quantiles(self, levels: tuple[float, ...]) -> FloatArray:
        """(cutoffs, n, horizon, levels) what would have been forecast."""
        return np.stack([self.distributions.at(1 + i, levels) for i in range(len(self.actual))])


@dataclass(frozen=True, slots=True)
class Combined:
    """Quantiles of one batch, in units of the series' own size, and how they would have done."""

    quantiles: FloatArray
    """(n, horizon, levels)"""
    backtest: Backtest | None
    """None where history is too short for a past cutoff."""
    members: tuple[str, ...]


def combined(part: Prepared, rung: Rung, horizon: int, levels: tuple[float, ...], power: float) -> Combined:
    """Runs the members of the rung from now and from its past cutoffs and combines them."""
    batch = part.batch
    n, t = len(batch), batch.slots
    cutoffs = (t, *(t - offset for offset in rung.offsets))
    members: dict[str, FloatArray] = {}
    for member in rung.members:
        members |= member.paths(batch, cutoffs, horizon)
    names = tuple(members)
    # Single precision: paths are the bulk of the memory, and no forecast is good to seven digits.
    paths = np.empty((len(names), len(cutoffs), n, horizon), np.float32)
    for m, name in enumerate(names):
        paths[m] = members.pop(name)
    _mend(paths)
    actual, bound = _what_came(part, rung.offsets, horizon)
    sums, counts = member_errors(paths[:, 1:], actual, bound)
    every = list(range(len(rung.offsets)))
    path = np.empty((len(cutoffs), n, horizon))
    scatter = np.empty((len(cutoffs), n))
    for k in range(len(cutoffs)):
        chosen = every if k == 0 else apart(rung.offsets, k - 1, horizon)
        errors = mean_errors(sums, counts, chosen) if chosen else np.zeros((len(names), n))
        weights = member_weights(errors, power)
        path[k] = weighted_median(paths[:, k], weights)
        scatter[k] = disagreement(paths[:, k], path[k], weights)

    naive = {name: paths[names.index(name), 1:].astype(float) for name in NAIVES if name in names}
    del paths
    made = _distributions(batch, cutoffs, path, scatter, np.where(bound > 0, actual, np.nan), actual)
    backtest = Backtest(actual, naive, made) if every else None
    return Combined(made.at(0, levels), backtest, names)


def _distributions(
    batch: Batch,
    cutoffs: tuple[int, ...],
    path: FloatArray,
    scatter: FloatArray,
    bound: FloatArray,
    actual: FloatArray,
) -> Distributions:
    """Learns from past errors; `bound` is (cutoffs, n, horizon) what demand was at least, NaN = as it was."""
    count, n, horizon = path.shape
    every, day, t = range(count - 1), batch.seasons.day, batch.slots
    offsets = tuple(t - cutoff for cutoff in cutoffs[1:])
    phase = (np.array(cutoffs)[:, None] + np.arange(horizon)) % day
    # A path above what demand was at least is no error.
    error = np.where(bound < path[1:], np.nan, actual - path[1:])
    least = _least_error(batch)
    bands = Bands.of(Residuals(error, path[1:], offsets, phase[1:], day, batch.teaches, least))
    spread = np.stack(
        [bands.spread(path[0], phase[0]), *(bands.spread(path[1 + i], phase[1 + i], i) for i in every)]
    )
    sides = SideSpread.of(batch, cutoffs, path, scatter, spread, error, least)
    units = [sides.undone(1 + i, error[i] / spread[1 + i]) for i in every]
    shares = Shares.of(np.stack(units) if units else np.empty((0, n, horizon)), batch.teaches)
    unit = batch.seasons.recent / 7
    newest = [batch.raw[:, cutoff - 1] for cutoff in cutoffs]
    gone = np.array([moves(path[1 + i], newest[1 + i], unit) for i in every]).reshape(-1, n)
    jumps = (
        FreshJump.of(path[0], newest[0], gone, unit),
        *(FreshJump.of(path[1 + i], newest[1 + i], np.delete(gone, i, axis=0), unit) for i in every),
    )
    low, high = batch.raw.min(1), batch.raw.max(1)
    made = Distributions(batch, cutoffs, path, spread, sides, shares, jumps, UsualRange.none(n), low, high)
    if day == 1 or not every or min(cutoffs) < _DAYS_OF_A_RANGE * day:
        return made
    # Beyond a week, every fifth slot: it comes to every time of the day.
    ahead = np.arange(0, horizon, 1 if horizon <= 7 * day or day % 5 == 0 else 5)
    own = np.stack([made.plain(1 + i, LEARNT_LEVELS, ahead=ahead) for i in every])
    usual = np.stack(
        [ranges_at(batch, cutoff, LEARNT_LEVELS)[:, :, ahead % day] for cutoff in cutoffs[1:]], 1
    )
    scale = np.maximum(_daily_change(batch), least)
    learnt = UsualRange.of(actual[:, :, ahead], own, usual, scale, batch.teaches)
    return replace(made, usual=learnt)


def _mend(paths: NDArray[np.float32]) -> None:
    """Writes the first member (the last value) over every path that is not finite throughout."""
    broken = ~np.isfinite(paths).all(3)
    for m, o, row in np.argwhere(broken):
        paths[m, o, row] = paths[0, o, row]


def _what_came(part: Prepared, offsets: tuple[int, ...], horizon: int) -> tuple[FloatArray, FloatArray]:
    """(cutoffs, n, horizon) what followed each cutoff, NaN = unscored; and 1 where it is a lower bound."""
    n, t = part.scored.shape
    actual = np.full((len(offsets), n, horizon), np.nan)
    bound = np.zeros((len(offsets), n, horizon))
    for i, offset in enumerate(offsets):
        length = min(horizon, offset)
        span = slice(t - offset, t - offset + length)
        actual[i, :, :length] = np.where(part.scored[:, span], part.batch.raw[:, span], np.nan)
        bound[i, :, :length] = part.batch.censored[:, span]
    return actual, bound


def _least_error(batch: Batch) -> FloatArray:
    """(n,) a small part of how demand usually moves: a series that stood still lately may move again."""
    change = np.abs(np.diff(batch.raw, axis=1))
    both = (batch.weight[:, 1:] > 0) & (batch.weight[:, :-1] > 0)
    least: FloatArray = 0.2 * (change * both).sum(1) / np.maximum(both.sum(1), 1)
    return np.maximum(least, 1e-12)


def _daily_change(batch: Batch) -> FloatArray:
    """(n,) mean absolute change from day to day over reported slots."""
    day = batch.seasons.day
    both = (batch.weight[:, day:] > 0) & (batch.weight[:, :-day] > 0)
    change = np.abs(batch.raw[:, day:] - batch.raw[:, :-day]) * both
    mean: FloatArray = change.sum(1) / np.maximum(both.sum(1), 1)
    return mean
