"""The planning grain: daily demand up to a year ahead, as quantiles, sample paths and reach."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.outcome import Forecast
from data.panel import DAY, FloatArray, Panel
from data.reach import REACH_DAYS, REACH_LEVELS, Reach
from data.series import STOCKS
from models.planning.bands import Calibration, at_levels, sort_samples
from models.planning.conformal import learn
from models.planning.draws import seeds
from models.planning.growth import SteadyGrowth
from models.planning.mixture import Mixture
from models.planning.outlook import Outlook
from models.planning.preparation import Prepared, block_lengths, prepare
from models.planning.purges import Cycles

MADE_BY = "planning"
GROWING = "planning (steady growth)"
CLEANED = "planning (regular clean-up)"
CONSTANT = "planning (constant)"
FALLBACK = "recent days (fallback)"
NO_FALLBACK = "none"
_CHUNK = 50
_POOL = 96
"""Series that teach the pooled members and lend their past; more changed nothing on the measured sets."""
_CALIBRATION_POOL = 64


@dataclass(frozen=True, slots=True)
class _Chunk:
    rows: NDArray[np.int64]
    """Rows of the panel."""
    paths: NDArray[np.float32]
    """(len(rows), samples, horizon)"""
    centre: FloatArray
    """(len(rows), horizon)"""
    calibration: Calibration
    stock: bool
    floor: NDArray[np.bool_]
    """(len(rows),) series that have never been negative."""
    made_by: list[str]
    cyclic: NDArray[np.bool_] | None = None
    """(len(rows),) series whose bands are the paths' own; None = none of them."""

    def quantiles(self, levels: tuple[float, ...]) -> FloatArray:
        """(len(rows), horizon, len(levels))"""
        answer = self.calibration.quantiles(self.paths, self.centre, levels, self.stock)
        if self.cyclic is not None and self.cyclic.any():
            answer[self.cyclic] = at_levels(sort_samples(self.paths[self.cyclic]), levels)
        answer[self.floor] = np.maximum(answer[self.floor], 0)
        return answer


def plan(
    history: Panel,
    horizon: int,
    levels: tuple[float, ...],
    *,
    samples: int = 200,
    seed: int,
    stocks: Collection[str] = STOCKS,
    outlook: Outlook | None = None,
) -> Forecast:
    """Forecasts every series of a daily panel and keeps the sample paths.

    Args:
        history: n daily series; the statistic planned for (p95 or peak) is their demand.
        horizon: days ahead, at least 1.
        levels: rising quantile levels.
        samples: paths per series; n x samples x horizon x 4 bytes are kept.
        seed: the same seed gives the same bytes, whatever the order of the series.
        stocks: metrics that accumulate; they get no logarithm and two members with a weak trend.
        outlook: what is known of the days ahead beside the history (`models.planning.informed`).

    Raises ValueError for a panel whose step is not a day, or an outlook of other series or days.
    """
    paths = np.full((len(history), samples, horizon), np.nan, np.float32)

    def keep(chunk: _Chunk) -> None:
        paths[chunk.rows] = chunk.paths

    return replace(_planned(history, horizon, levels, samples, seed, stocks, outlook, keep), paths=paths)


def plan_bands(
    history: Panel,
    horizon: int,
    levels: tuple[float, ...],
    *,
    samples: int = 200,
    seed: int,
    stocks: Collection[str] = STOCKS,
    outlook: Outlook | None = None,
) -> Forecast:
    """As `plan`, but only the quantiles are kept."""
    return _planned(history, horizon, levels, samples, seed, stocks, outlook, lambda chunk: None)


def plan_and_reach(
    history: Panel,
    horizon: int,
    levels: tuple[float, ...],
    *,
    samples: int = 200,
    seed: int,
    stocks: Collection[str] = STOCKS,
    lasting: int = 1,
    outlook: Outlook | None = None,
) -> tuple[Forecast, Reach]:
    """As `plan`, but paths are dropped chunk by chunk and only their running maximum's quantiles are kept.

    `lasting` is for how many days running a flow must hold a level to have reached it: with 3, one
    day's burst exhausts nothing. Stocks have reached what they touch.
    """
    days = tuple(d for d in REACH_DAYS if d <= horizon)
    amounts = np.full((len(history), len(days), len(REACH_LEVELS)), np.nan)

    def keep(chunk: _Chunk) -> None:
        stock = np.array([history.keys[int(row)].metric in stocks for row in chunk.rows])
        held = chunk.paths if stock.all() else lasted(chunk.paths, lasting)
        held = np.where(stock[:, None, None], chunk.paths, held) if stock.any() else held
        amounts[chunk.rows] = _reached(held, days)

    forecast = _planned(history, horizon, levels, samples, seed, stocks, outlook, keep)
    return forecast, Reach(history.keys, history.end, days, REACH_LEVELS, amounts)


def _planned(
    history: Panel,
    horizon: int,
    levels: tuple[float, ...],
    samples: int,
    seed: int,
    stocks: Collection[str],
    outlook: Outlook | None,
    keep: Callable[[_Chunk], None],
) -> Forecast:
    """The quantiles of every series; `keep` takes from each chunk what else is wanted of its paths."""
    if history.step != DAY:
        raise ValueError(f"planning needs a daily panel, not one of {history.step}")
    if horizon < 1 or samples < 2:
        raise ValueError(f"horizon {horizon} and samples {samples} must be at least 1 and 2")
    ahead = Outlook.plain(len(history), horizon) if outlook is None else outlook
    if ahead.factor.shape != (len(history), horizon):
        raise ValueError(f"an outlook of {ahead.factor.shape} is not for {len(history)} series x {horizon}")
    prepared = prepare(history)
    answer = np.full((len(history), horizon, len(levels)), np.nan)
    made_by = [MADE_BY] * len(history)
    for chunk in _chunks(history, prepared, horizon, samples, seed, stocks, ahead):
        answer[chunk.rows] = chunk.quantiles(levels)
        for row, maker in zip(chunk.rows, chunk.made_by, strict=True):
            made_by[row] = maker
        keep(chunk)
    # Refused series get the spread of their last reported days, the same for every day.
    for row in prepared.refusals:
        made_by[row] = NO_FALLBACK
    for row, recent in prepared.recent.items():
        made_by[row] = FALLBACK
        answer[row] = ahead.on_quantiles(row, np.quantile(recent, levels))
    return Forecast(
        history.keys, history.end, history.step, levels, answer, tuple(made_by), prepared.refusals
    )


def reach_of(forecast: Forecast) -> Reach:
    """The reach of a forecast that holds its paths; rows without paths are NaN.

    Raises ValueError for a forecast without paths.
    """
    if forecast.paths is None:
        raise ValueError("a forecast without sample paths has no reach")
    days = tuple(d for d in REACH_DAYS if d <= forecast.horizon)
    return Reach(forecast.keys, forecast.start, days, REACH_LEVELS, _reached(forecast.paths, days))


def lasted(paths: NDArray[np.float32], days: int) -> NDArray[np.float32]:
    """(n, samples, horizon) the level that a path holds from each day on for `days` days running.

    So a limit counts as reached on the first of those days; at the end of the horizon fewer days decide.
    """
    if days <= 1:
        return paths
    held = paths.copy()
    for ahead in range(1, days):
        np.minimum(held[:, :, :-ahead], paths[:, :, ahead:], out=held[:, :, :-ahead])
    return held


def growing_series(history: Panel, stocks: Collection[str] = STOCKS) -> NDArray[np.bool_]:
    """(n,) series that `plan` follows along a trend, because that paid in their own past."""

    def growing(demand: FloatArray, stock: bool) -> NDArray[np.bool_]:
        return SteadyGrowth.of(demand, stock).steady

    return _asked(history, stocks, growing)


def cleaned_series(history: Panel, stocks: Collection[str] = STOCKS) -> NDArray[np.bool_]:
    """(n,) stocks that are cleaned up regularly, and are planned to go on being so."""

    def cleaned(demand: FloatArray, stock: bool) -> NDArray[np.bool_]:
        return np.array([stock and Cycles.of(row) is not None for row in demand])

    return _asked(history, stocks, cleaned)


def _asked(
    history: Panel, stocks: Collection[str], answer: Callable[[FloatArray, bool], NDArray[np.bool_]]
) -> NDArray[np.bool_]:
    """(n,) the answer for each series' usable history; False where there is none."""
    prepared = prepare(history)
    lengths = block_lengths(prepared.days)
    found = np.zeros(len(history), bool)
    stock = np.array([key.metric in stocks for key in history.keys], bool)
    for length in np.unique(lengths[lengths > 0]):
        for of_kind in (True, False):
            rows = np.flatnonzero((lengths == length) & (stock == of_kind))
            if len(rows):
                found[rows] = answer(prepared.filled[rows, -length:], of_kind)
    return found


def _reached(paths: NDArray[np.float32], days: tuple[int, ...]) -> FloatArray:
    """(n, len(days), levels) quantiles of the running maximum."""
    highest = np.maximum.accumulate(paths, axis=2)[:, :, np.array(days) - 1]
    return at_levels(sort_samples(highest), REACH_LEVELS)


def _chunks(
    history: Panel,
    prepared: Prepared,
    horizon: int,
    samples: int,
    seed: int,
    stocks: Collection[str],
    outlook: Outlook,
) -> Iterator[_Chunk]:
    """Paths of all series that can be planned, in chunks of one metric and length.

    Everything a chunk shares is learned from a pool that is chosen by name, so neither the order of the
    series nor the cut into chunks changes any of them.
    """
    lengths = block_lengths(prepared.days)
    own = seeds(history.keys, seed)
    metrics = np.array([key.metric for key in history.keys])
    order = np.lexsort((own, metrics))
    scale = np.ones(len(own))
    floor = np.zeros(len(own), bool)
    moving = np.zeros(len(own), bool)
    for row in np.flatnonzero(lengths):
        stretch = prepared.filled[row, -lengths[row] :]
        moving[row] = stretch.max() > stretch.min()
        floor[row] = stretch.min() >= 0
        scale[row] = np.abs(stretch).mean() or 1.0

    for rows in _cut(np.flatnonzero((lengths > 0) & ~moving)):
        level = prepared.filled[rows, -1]
        paths = np.empty((len(rows), samples, horizon), np.float32)
        paths[:] = level[:, None, None]
        centre = np.repeat(level[:, None], horizon, 1)
        paths, centre = outlook.onto(rows, paths, centre, own[rows], floor[rows])
        yield _Chunk(rows, paths, centre, Calibration.none(), True, floor[rows], [CONSTANT] * len(rows))

    for metric in np.unique(metrics[moving]):
        stock = str(metric) in stocks
        same = order[(metrics[order] == metric) & moving[order]]
        longest = int(lengths[same].max())
        teachers = same[prepared.days[same] >= longest][:_CALIBRATION_POOL]
        calibration = learn(
            prepared.filled[teachers, -longest:] / scale[teachers, None],
            prepared.reported[teachers, -longest:],
            horizon,
            stock,
            own[teachers],
        )
        for length in np.unique(lengths[same]):
            teachers = same[prepared.days[same] >= length]
            # What moved only before that stretch is constant in it, and has nothing to teach.
            stretches = prepared.filled[teachers, -length:]
            teachers = teachers[stretches.max(1) > stretches.min(1)][:_POOL]
            mixture = Mixture.fit(prepared.filled[teachers, -length:] / scale[teachers, None], horizon, stock)
            for rows in _cut(same[lengths[same] == length]):
                demand = prepared.filled[rows, -length:] / scale[rows, None]
                drawn = mixture.draw(demand, own[rows], samples)
                paths = drawn.paths * scale[rows, None, None].astype(np.float32)
                centre = drawn.centre * scale[rows, None]
                paths, centre = outlook.onto(rows, paths, centre, own[rows], floor[rows])
                made_by = [
                    GROWING if growing else CLEANED if cyclic else MADE_BY
                    for growing, cyclic in zip(drawn.growing, drawn.cyclic, strict=True)
                ]
                yield _Chunk(rows, paths, centre, calibration, stock, floor[rows], made_by, drawn.cyclic)


def _cut(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for first in range(0, len(rows), _CHUNK):
        yield rows[first : first + _CHUNK]
