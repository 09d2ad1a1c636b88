"""What is kept of the simulation: daily, hourly and 5-minute samples, as frames in order of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.frames import SAMPLE_SCHEMA, UTC_TIME
from data.sample.demand import FINE_PER_HOUR, SeriesPlan, Simulated
from data.sample.shapes import Float32Array
from data.series import UNITS

_ROWS = 1_300_000
"""Rows a frame should not exceed much."""
_SIGNIFICANT = 4
"""Digits that are kept: what monitoring systems store, and what compresses."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The samples of one chunk of series. NaN = no sample."""

    subjects: tuple[str, ...]
    metrics: tuple[str, ...]
    decimals: NDArray[np.int64]
    """(n,) places after the point."""
    daily: Float32Array
    """(n, days before the hourly ones)"""
    daily_max: Float32Array
    hourly: Float32Array
    """(n, hours since the first hourly one, up to the 5-minute ones where there are such)"""
    hourly_max: Float32Array
    fine: Float32Array | None
    """(n, 5-minute slots since the first one); None = hourly to the end."""


@dataclass(frozen=True, slots=True)
class History:
    """All samples of the fleet; hours count from `start`."""

    start: datetime
    hourly_from: int
    fine_from: int
    hours: int
    chunks: tuple[Kept, ...]


def gather(
    plans: Sequence[SeriesPlan], simulated: Simulated, hourly_from: int, fine_from: int, *, is_fine: bool
) -> Kept:
    """Keeps of a chunk what is sampled at each age."""
    until = fine_from if is_fine else simulated.hourly.shape[1]
    level, peaks = simulated.hourly, simulated.peaks
    by_day = level[:, :hourly_from].reshape(len(plans), -1, 24)
    reported = np.isfinite(by_day)
    count = reported.sum(2)
    total = np.where(reported, by_day, 0).sum(2)
    day_peaks = peaks[:, :hourly_from].reshape(by_day.shape)
    unreported = count == 0
    daily = np.where(unreported, np.nan, total / np.maximum(count, 1)).astype(np.float32)
    daily_max = np.where(np.isfinite(day_peaks), day_peaks, -np.inf).max(2)
    daily_max[unreported] = np.nan
    usual = np.where(unreported, 0, daily).max(1)
    usual = np.maximum(usual, np.where(np.isfinite(level[:, -672:]), level[:, -672:], 0).max(1))
    digits = _SIGNIFICANT - 1 - np.floor(np.log10(np.maximum(usual, 1e-9)))
    return Kept(
        tuple(plan.subject for plan in plans),
        tuple(plan.metric for plan in plans),
        np.clip(digits, 1, 7).astype(np.int64),
        daily,
        daily_max.astype(np.float32),
        level[:, hourly_from:until].copy(),
        peaks[:, hourly_from:until].copy(),
        simulated.fine.copy() if is_fine else None,
    )


def frames(history: History) -> Iterator[pl.DataFrame]:
    """Every sample once: the daily ones, the hourly ones, then 5-minute beside hourly ones of the last days.

    SAMPLE_SCHEMA; every frame is sorted by time and begins after the one before it has ended.
    """
    series = sum(len(chunk.subjects) for chunk in history.chunks)
    days = history.hourly_from // 24
    for first, last in _stretches(days, series):
        yield _frame(history, 24, first, last, 0, lambda chunk: (chunk.daily, chunk.daily_max))

    recent = history.fine_from - history.hourly_from
    for first, last in _stretches(recent // 24, 24 * series):
        yield _frame(
            history, 1, 24 * first, 24 * last, history.hourly_from,
            lambda chunk: (chunk.hourly, chunk.hourly_max),
        )  # fmt: skip

    fine = sum(len(chunk.subjects) for chunk in history.chunks if chunk.fine is not None)
    per_day = 24 * (FINE_PER_HOUR * fine + series - fine)
    last_hours = history.hours - history.fine_from
    for first_day, last_day in _stretches(-(-last_hours // 24), per_day):
        first, last = 24 * first_day, min(24 * last_day, last_hours)
        yield pl.concat(
            [
                _frame(
                    history, 1 / FINE_PER_HOUR, FINE_PER_HOUR * first, FINE_PER_HOUR * last,
                    history.fine_from, lambda chunk: None if chunk.fine is None else (chunk.fine, None),
                ),
                _frame(
                    history, 1, recent + first, recent + last, history.hourly_from,
                    lambda chunk: (chunk.hourly, chunk.hourly_max) if chunk.fine is None else None,
                ),
            ]
        ).sort("ts", maintain_order=True)  # fmt: skip


def _stretches(slots: int, rows_per_slot: int) -> Iterator[tuple[int, int]]:
    """Cuts slots into as few equal stretches as keep a frame within bounds."""
    if slots < 1:
        return
    parts = max(1, round(slots * rows_per_slot / _ROWS))
    edges = np.linspace(0, slots, min(parts, slots) + 1).round().astype(int)
    yield from zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)


Columns = tuple[Float32Array, Float32Array | None]


def _frame(
    history: History,
    step_hours: float,
    first: int,
    last: int,
    from_hour: int,
    columns: Callable[[Kept], Columns | None],
) -> pl.DataFrame:
    """The samples of slots first to last (excluded) in the chunks having them; slot 0 is at `from_hour`."""
    values, highest, decimals = [], [], []
    subjects: list[str] = []
    metrics: list[str] = []
    for chunk in history.chunks:
        found = columns(chunk)
        if found is None:
            continue
        mean, peak = found
        values.append(mean[:, first:last])
        highest.append(np.full_like(values[-1], np.nan) if peak is None else peak[:, first:last])
        decimals.append(chunk.decimals)
        subjects += chunk.subjects
        metrics += chunk.metrics
    if not values:
        return pl.DataFrame(schema=SAMPLE_SCHEMA)
    scale = 10.0 ** np.concatenate(decimals)
    mean = (np.concatenate(values) * scale[:, None]).T
    peak = (np.concatenate(highest) * scale[:, None]).T
    slot, series = np.nonzero(np.isfinite(mean))
    start = np.datetime64(history.start.replace(tzinfo=None), "us")
    step = np.timedelta64(round(step_hours * 3600), "s")
    times = start + np.timedelta64(from_hour, "h") + (first + np.arange(last - first)) * step
    names = pl.DataFrame({"resource": subjects, "metric": metrics, "unit": [UNITS[m] for m in metrics]})
    divisor = scale[series]
    return names[series].select(
        pl.Series("ts", times[slot]).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(UTC_TIME),
        "resource",
        "metric",
        pl.Series("value", np.round(mean[slot, series]) / divisor),
        pl.Series("value_max", np.round(peak[slot, series]) / divisor).fill_nan(None),
        pl.lit(None, pl.Float64()).alias("capacity"),
        "unit",
    )
