"""Ensemble: members, their past errors, the combination and its bands, for one batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.panel import FloatArray
from models.forecasters.combination import best_median, mean_errors, member_errors
from models.forecasters.conformal import Residuals
from models.forecasters.ladder import Rung
from models.forecasters.members.batch import Batch
from models.forecasters.preparation import Prepared

NAIVES = ("last_value", "naive_day", "naive_week")
"""Members that every forecast is measured against."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """What the ensemble would have said at past cutoffs, in units of the series' own size."""

    actual: FloatArray
    """(cutoffs, n, horizon); NaN is not scored."""
    path: FloatArray
    """(cutoffs, n, horizon) each made without the errors at its own cutoff."""
    naive: dict[str, FloatArray]
    """Member -> (cutoffs, n, horizon)."""
    spread: FloatArray
    """(cutoffs, n, horizon) size of errors expected at each slot, on the bent scale."""
    growth: FloatArray
    residuals: Residuals


@dataclass(frozen=True, slots=True)
class Combined:
    """Quantiles of one batch, in units of the series' own size, and how they would have done."""

    quantiles: FloatArray
    """(n, horizon, levels)"""
    backtest: Backtest | None
    """None where history is too short for a past cutoff."""
    members: tuple[str, ...]


def combined(part: Prepared, rung: Rung, horizon: int, levels: tuple[float, ...], best: int) -> Combined:
    """Runs the members of the rung from now and from its past cutoffs and combines them."""
    batch = part.batch
    n, t = len(batch), batch.slots
    cutoffs = (t, *(t - offset for offset in rung.offsets))
    members: dict[str, FloatArray] = {}
    for member in rung.members:
        members |= member.paths(batch, cutoffs, horizon)
    names = tuple(members)
    paths = np.stack([members.pop(name) for name in names])
    _mend(paths)
    actual, bound = _what_came(part, rung.offsets, horizon)
    sums, counts = member_errors(paths[:, 1:], actual, bound)
    every = list(range(len(rung.offsets)))
    errors = mean_errors(sums, counts, every) if every else np.zeros((len(names), n))
    now = best_median(paths[:, 0], errors, best)
    past = np.empty((len(every), n, horizon))
    for i in every:
        others = [j for j in every if j != i] or every
        past[i] = best_median(paths[:, 1 + i], mean_errors(sums, counts, others), best)

    day = batch.seasons.day
    steps = np.arange(horizon)
    phase = np.array([(t - offset + steps) % day for offset in rung.offsets], np.intp).reshape(-1, horizon)
    bent_actual = _bent(batch, np.where(np.isfinite(actual), actual, 0.0))
    error = np.where(np.isfinite(actual), bent_actual - _bent(batch, past), np.nan)
    error[(bound > 0) & (error < 0)] = np.nan
    residuals = Residuals(error, phase, day, batch.teaches, _least_error(batch))
    growth = residuals.growth()
    shares = residuals.quantiles(levels, growth)
    spread = residuals.spread(every, growth, (t + steps) % day)
    quantiles = banded(batch, now, spread, shares)
    backtest = None
    if every:
        past_spread = np.stack(
            [residuals.spread([j for j in every if j != i] or every, growth, phase[i]) for i in every]
        )
        naive = {name: paths[names.index(name), 1:] for name in NAIVES if name in names}
        backtest = Backtest(actual, past, naive, past_spread, growth, residuals)
    return Combined(quantiles, backtest, names)


def banded(batch: Batch, path: FloatArray, spread: FloatArray, shares: FloatArray) -> FloatArray:
    """(n, horizon, levels) the path moved by each level's share of the spread on the bent scale."""
    bent = _bent(batch, path)
    moved = bent[:, :, None] + spread[:, :, None] * shares
    # exp of more than this would be no amount any more
    moved = np.minimum(moved, bent.max(1)[:, None, None] + 50.0) if batch.logged.any() else moved
    logged = batch.logged[:, :, None]
    raw = np.where(logged, np.exp(np.where(logged, moved, 0.0)) - batch.offset[:, :, None], moved)
    floor = np.where(batch.raw.min(1) < 0, -np.inf, 0.0)[:, None, None]
    out: FloatArray = np.maximum.accumulate(np.maximum(raw, floor), axis=2)
    return out


def _bent(batch: Batch, raw: FloatArray) -> FloatArray:
    """Amounts on the scale on which errors are measured."""
    logs = np.log(np.where(batch.logged, np.maximum(raw, 0.0) + batch.offset, 1.0))
    out: FloatArray = np.where(batch.logged, logs, raw)
    return out


def _mend(paths: FloatArray) -> None:
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
    change = np.abs(np.diff(batch.bent, axis=1))
    both = (batch.weight[:, 1:] > 0) & (batch.weight[:, :-1] > 0)
    least: FloatArray = 0.2 * (change * both).sum(1) / np.maximum(both.sum(1), 1)
    return np.maximum(least, 1e-12)
