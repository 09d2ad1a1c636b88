"""Fan-out: one forecast over several processes, the same answer as over one.

Rows are put into the order of their names and cut into partitions whose size does not depend on the number of
processes, so what series learn from each other is the same however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import polars as pl
from joblib import Parallel, delayed

from data.outcome import Forecast, Refusal
from data.panel import Panel
from models.forecaster import Forecaster
from models.worker_memory import keep_freed_memory

PARTITION = 512
"""Series per task: two chunks of the fleet ensemble; small enough to keep processes evenly busy."""

T = TypeVar("T")
Part = TypeVar("Part")


class ScoringForecaster(Forecaster, Protocol):
    """A forecaster that can hand out the scores of its own backtest."""

    def forecast_scored(
        self, history: Panel, horizon: int, levels: tuple[float, ...]
    ) -> tuple[Forecast, pl.DataFrame, pl.DataFrame]:
        """The forecast, its scores and the diagnostics of the histories."""
        ...


def partitions(history: Panel, size: int = PARTITION) -> list[list[int]]:
    """Rows in the order of metric and subject, cut into partitions of about `size`."""
    order = sorted(range(len(history)), key=lambda i: (history.keys[i].metric, history.keys[i].subject, i))
    parts = max(1, round(len(order) / size))
    return [[int(i) for i in part] for part in np.array_split(order, parts) if len(part)]


def fan_out(work: Callable[[Part], T], parts: Sequence[Part], processes: int = 1) -> Iterator[tuple[Part, T]]:
    """Yields every part with what `work` made of it, in order, as it becomes ready.

    Args:
        work: a function that can be sent to another process; one BLAS thread is used inside it.
        processes: 1 stays in this process.
    """
    if processes <= 1 or len(parts) <= 1:
        for part in parts:
            yield part, _limited(work, part)
        return
    tasks = (delayed(_in_worker)(work, part) for part in parts)
    # One thread per process: more only get into each other's way (+50 % CPU measured with two on two).
    done = Parallel(n_jobs=processes, backend="loky", inner_max_num_threads=1, return_as="generator")(tasks)
    yield from zip(parts, done, strict=True)


def _in_worker(work: Callable[[Part], T], part: Part) -> T:
    keep_freed_memory()
    return _limited(work, part)


def _limited(work: Callable[[Part], T], part: Part) -> T:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1):
        return work(part)


def forecast(
    forecaster: Forecaster, history: Panel, horizon: int, levels: tuple[float, ...], processes: int = 1
) -> Forecast:
    """Forecasts every series of a panel with `processes` processes; 1 stays in this one."""
    rows = partitions(history)
    parts = _mapped(forecaster.forecast, history, rows, horizon, levels, processes)
    return _joined(parts, rows, history, horizon, levels)


def forecast_scored(
    forecaster: ScoringForecaster,
    history: Panel,
    horizon: int,
    levels: tuple[float, ...],
    processes: int = 1,
) -> tuple[Forecast, pl.DataFrame, pl.DataFrame]:
    """The same with the scores and diagnostics of `Fleet.forecast_scored`."""
    rows = partitions(history)
    parts = _mapped(forecaster.forecast_scored, history, rows, horizon, levels, processes)
    joined = _joined([part[0] for part in parts], rows, history, horizon, levels)
    if not parts:
        return forecaster.forecast_scored(history, horizon, levels)
    return joined, pl.concat([part[1] for part in parts]), pl.concat([part[2] for part in parts])


def _mapped(
    ask: Callable[[Panel, int, tuple[float, ...]], T],
    history: Panel,
    rows: list[list[int]],
    horizon: int,
    levels: tuple[float, ...],
    processes: int,
) -> list[T]:
    parts = [_Ask(history.take(part), horizon, levels) for part in rows]
    return [answer for _, answer in fan_out(partial(_asked, ask), parts, processes)]


class _Ask(NamedTuple):
    history: Panel
    horizon: int
    levels: tuple[float, ...]


def _asked(ask: Callable[[Panel, int, tuple[float, ...]], T], part: _Ask) -> T:
    return ask(part.history, part.horizon, part.levels)


def _joined(
    parts: list[Forecast], rows: list[list[int]], history: Panel, horizon: int, levels: tuple[float, ...]
) -> Forecast:
    quantiles = np.full((len(history), horizon, len(levels)), np.nan)
    made_by = [""] * len(history)
    refusals: dict[int, Refusal] = {}
    draws = [part.paths for part in parts if part.paths is not None]
    paths = None
    if draws and len(draws) == len(parts):
        paths = np.empty((len(history), *draws[0].shape[1:]), np.float32)
    for part, index in zip(parts, rows, strict=True):
        quantiles[index] = part.quantiles
        if paths is not None and part.paths is not None:
            paths[index] = part.paths
        for k, i in enumerate(index):
            made_by[i] = part.made_by[k]
            if k in part.refusals:
                refusals[i] = part.refusals[k]
    return Forecast(
        history.keys, history.end, history.step, tuple(levels), quantiles, tuple(made_by), refusals, paths
    )
