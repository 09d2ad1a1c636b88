"""Ensemble: members, their past errors, the combination and its bands, for one batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.forecasters.combination import mean_errors, member_errors, member_weights, weighted_median
from models.forecasters.conformal import Bands, Residuals, apart
from models.forecasters.fresh_jump import FreshJump, moves
from models.forecasters.ladder import Rung
from models.forecasters.members.batch import Batch
from models.forecasters.preparation import Prepared

_GRID = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99)
"""Levels between which a distribution is taken to be straight where two are mixed."""
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
    """(cutoffs, n, horizon) size of errors expected at each slot."""
    bands: Bands
    jumps: tuple[FreshJump, ...]
    """Per cutoff."""

    def quantiles(self, batch: Batch, levels: tuple[float, ...]) -> FloatArray:
        """(cutoffs, n, horizon, levels) what would have been forecast."""
        made = zip(self.path, self.spread, self.jumps, strict=True)
        return np.stack([spread_out(batch, self.bands, *one, levels) for one in made])


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
    errors = mean_errors(sums, counts, every) if every else np.zeros((len(names), n))
    now = weighted_median(paths[:, 0], member_weights(errors, power))
    past = np.empty((len(every), n, horizon))
    for i in every:
        weights = member_weights(mean_errors(sums, counts, apart(rung.offsets, i, horizon)), power)
        past[i] = weighted_median(paths[:, 1 + i], weights)

    day = batch.seasons.day
    steps = np.arange(horizon)
    phase = np.array([(t - offset + steps) % day for offset in rung.offsets], np.intp).reshape(-1, horizon)
    error = np.where((bound > 0) & (actual < past), np.nan, actual - past)
    bands = Bands.of(Residuals(error, past, rung.offsets, phase, day, batch.teaches, _least_error(batch)))
    spread = bands.spread(now, (t + steps) % day)
    newest = [batch.raw[:, cutoff - 1] for cutoff in cutoffs]
    unit = batch.seasons.recent / 7
    gone = np.array([moves(path, at, unit) for path, at in zip(past, newest[1:], strict=True)])
    jump = FreshJump.of(now, newest[0], gone, unit)
    quantiles = spread_out(batch, bands, now, spread, jump, levels)
    backtest = None
    if every:
        jumps = tuple(FreshJump.of(past[i], newest[1 + i], np.delete(gone, i, axis=0), unit) for i in every)
        past_spread = np.stack([bands.spread(past[i], phase[i], i) for i in every])
        naive = {name: paths[names.index(name), 1:].astype(float) for name in NAIVES if name in names}
        backtest = Backtest(actual, past, naive, past_spread, bands, jumps)
    return Combined(quantiles, backtest, names)


def spread_out(
    batch: Batch,
    bands: Bands,
    path: FloatArray,
    spread: FloatArray,
    jump: FreshJump,
    levels: tuple[float, ...],
) -> FloatArray:
    """(n, horizon, levels) the path with its bands, mixed with where a fresh jump has left demand."""
    if not (jump.share > 0).any():
        return banded(batch, path, spread, bands.quantiles(levels))
    grid = tuple(sorted({*_GRID, *levels}))
    return jump.mixed(banded(batch, path, spread, bands.quantiles(grid)), grid, levels)


def banded(batch: Batch, path: FloatArray, spread: FloatArray, shares: FloatArray) -> FloatArray:
    """(n, horizon, levels) the path moved by each level's (n, levels) share of the spread.

    Nothing leaves the range of the history by more than that range.
    """
    low, high = batch.raw.min(1)[:, None, None], batch.raw.max(1)[:, None, None]
    floor = np.where(low < 0, low - (high - low), 0.0)
    moved = path[:, :, None] + spread[:, :, None] * shares[:, None, :]
    ceiling = np.maximum(high + (high - low), path[:, :, None])
    out: FloatArray = np.maximum.accumulate(np.clip(moved, floor, ceiling), axis=2)
    return out


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
