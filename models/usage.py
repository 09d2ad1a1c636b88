"""What a metric did lately and over the year, as the few numbers findings are made from."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from data.panel import DAY, HOUR, FloatArray, Panel

SATURATED = 0.98
"""Utilization from which demand counts as cut off: true demand is unknown and larger."""
HOT = 0.95
"""Share of capacity from which a day's peak counts as too high."""
BUSY = 0.25
"""Share of capacity above which a day's peak shows that somebody uses the resource."""

LEAST_HOURS = 72
"""Reported hours of a window of which all hours count, under which nothing is said."""
_LEAST_OF_FEW = 8
_LEAST_HABIT = 3


@dataclass(frozen=True, slots=True)
class Usage:
    """One metric of one resource; amounts in the metric's unit, NaN where there is nothing to say."""

    resource: str
    metric: str
    capacity: float
    """What is held now: the last known capacity. 0 = switched off."""
    reported_hours: int
    """In the window."""
    window_hours: int
    countable_hours: int
    """Hours of the window that count for size and shortage: all, unless the inventory names some."""
    countable_days: int
    """Days of the window with such an hour."""
    silent_hours: float
    """Hours since the end of the last reported hour; infinite where nothing was ever reported."""
    missed_hours: float
    """Of the silent hours those that count."""
    history_days: float
    """From the first reported slot, of the hourly or the daily history, to the end."""
    mean: float
    p95: float
    """Of the hours' means."""
    peak: float
    """Highest value of the window."""
    robust_peak: float
    """Highest day of the window when its single highest day is left out."""
    year_peak: float
    """Highest value of all history."""
    robust_year_peak: float
    """As `year_peak`, without the one highest day."""
    last: float
    """Last reported value."""
    saturated_share: float
    """Share of reported hours whose peak is at least 98 % of the capacity held now."""
    hot_days: int
    """Days of the window with a peak of at least 95 % of capacity."""
    hot_weeks: int
    """Weeks of the window with such a day, counted back from its end."""
    hot_days_last_week: int
    above_usable_days: int
    """Days with a peak above usable capacity."""
    above_usable_last_week: int
    quiet_share: float
    """Share of reported hours with a mean under the quiet level."""
    off_hours: int
    """Hours in a row, up to the end, with a capacity of 0."""
    busy_days_ago: float
    """Days since the last day with a peak above a quarter of capacity; infinite where there was none."""
    grown: float
    """Rise of the daily peak over the year or what there is of it, per year; NaN under 90 days of history."""
    hours: FloatArray
    """(reported,) peaks of the window's reported hours."""
    whole: Usage | None = None
    """What it did in all hours, where only some count; None = all count."""

    @property
    def utilization(self) -> float:
        """p95 over capacity; NaN where either is unknown."""
        return self.p95 / self.capacity if self.capacity > 0 else float("nan")

    @property
    def all_hours(self) -> Usage:
        """What it did, whether or not an hour counts."""
        return self if self.whole is None else self.whole

    @property
    def countable_share(self) -> float:
        """Share of the window's hours that count; what asks for so many hours asks for that share of them."""
        return self.countable_hours / self.window_hours if self.window_hours else 1.0

    @property
    def is_sparse(self) -> bool:
        """Whether too few of the hours that count were reported to judge by."""
        # A few hours a week are few at any coverage: a working day of them, or half of what there is.
        least = min(_LEAST_OF_FEW, self.countable_hours / 2)
        return self.reported_hours < max(LEAST_HOURS * self.countable_share, least, 1)

    def days_of_habit(self, days: int) -> int:
        """That many days of the window, in proportion to those that count; one bad day, which may lie in two
        stretches of 24 hours, is never enough."""
        every = math.ceil(self.window_hours / 24)
        if self.countable_days >= every:
            return days
        return min(days, max(_LEAST_HABIT, math.ceil(days * self.countable_days / every)))


def usage(
    hourly: Panel,
    daily: Panel | None,
    as_of: datetime,
    *,
    window_days: int,
    reserve: float,
    quiet_level: FloatArray,
) -> list[Usage]:
    """One answer per series of `hourly`, in its order.

    Args:
        hourly: hourly panel of one metric; its end may lie before `as_of`, then the rest is silence.
        daily: the long history of the same resources in any order; may lack some of them.
        as_of: end of the newest complete hour measured.
        window_days: days of hourly history that count as lately.
        reserve: share of capacity that is kept free.
        quiet_level: (n,) mean demand under which an hour counts as quiet.
    """
    if len(hourly) == 0:
        return []
    if hourly.step != HOUR or (daily is not None and daily.step != DAY):
        raise ValueError("usage needs an hourly panel and, where there is one, a daily panel")
    late = max(0.0, (as_of - hourly.end) / HOUR)
    window = min(hourly.slots, window_days * 24)
    recent = hourly.between(hourly.slots - window, hourly.slots)
    held = _last(hourly.capacity)
    demand, peak = recent.demand, np.fmax(recent.demand, recent.peak)
    reported = np.isfinite(demand)
    count = reported.sum(1)
    mean, p95 = _mean(demand, reported), _quantile(demand, 0.95)

    every_day = by_day(np.fmax(hourly.demand, hourly.peak))
    days = every_day[:, -math.ceil(window / 24) :]
    with np.errstate(invalid="ignore"):
        known = held > 0
        limit = np.where(known, held, np.inf)[:, None]
        saturated = (peak >= SATURATED * limit).sum(1) / np.maximum(count, 1)
        hot = days >= HOT * limit
        warm = days > (1 - reserve) * limit
        quiet = (demand < quiet_level[:, None]).sum(1) / np.maximum(count, 1)
    weeks = -(-days.shape[1] // 7)
    hot_weeks = np.zeros(len(hourly), int)
    for week in range(weeks):
        last = days.shape[1] - 7 * week
        hot_weeks += hot[:, max(0, last - 7) : last].any(1)

    long = _long(hourly, daily)
    tops = _tops(days)
    year_tops = _tops(np.concatenate([long.peaks[:, : days_before(daily, hourly)], every_day], axis=1))
    off = _run_of_zeros(hourly.capacity)
    silent = _silent_hours(hourly) + late
    first = np.fmax(long.days, _age_days(hourly))
    return [
        Usage(
            key.subject,
            key.metric,
            float(held[i]),
            int(count[i]),
            window,
            window,
            math.ceil(window / 24),
            float(silent[i]),
            float(silent[i]),
            float(first[i]),
            float(mean[i]),
            float(p95[i]),
            float(tops[i, 0]),
            float(tops[i, 1] if np.isfinite(tops[i, 1]) else tops[i, 0]),
            float(year_tops[i, 0]),
            float(year_tops[i, 1] if np.isfinite(year_tops[i, 1]) else year_tops[i, 0]),
            float(_last(demand[i : i + 1])[0]),
            float(saturated[i]),
            int(hot[i].sum()),
            int(hot_weeks[i]),
            int(hot[i, -7:].sum()),
            int(warm[i].sum()),
            int(warm[i, -7:].sum()),
            float(quiet[i]),
            int(off[i]),
            _days_since_busy(long.peaks[i], every_day[i], BUSY * held[i]),
            float(long.grown[i]),
            peak[i][reported[i]],
        )
        for i, key in enumerate(hourly.keys)
    ]


def in_counted_hours(whole: Usage, counted: Usage, counts: NDArray[np.bool_], late: float = 0.0) -> Usage:
    """What a metric did in the hours that count; whether it is used at all is still said by all hours.

    Daily peaks know no hours: the long history says how old the series is, not how high it went.

    Args:
        counted: what it did where the hours that do not count are unreported.
        counts: (t,) which slots of the hourly panel count.
        late: hours between the panel's end and now.
    """
    kept = ("silent_hours", "history_days", "off_hours", "busy_days_ago", "grown", "last")
    window = counts[len(counts) - whole.window_hours :]
    hours, days = int(window.sum()), int((by_day(np.where(window, 1.0, np.nan)[None]) == 1).sum())
    missed = whole.silent_hours
    if math.isfinite(missed):
        since = counts[len(counts) - round(missed - late) :]
        missed = int(since.sum()) + late * hours / max(whole.window_hours, 1)
    return replace(
        counted,
        countable_hours=hours,
        countable_days=days,
        missed_hours=missed,
        whole=whole,
        **{name: getattr(whole, name) for name in kept},
    )


@dataclass(frozen=True, slots=True)
class _Long:
    peaks: FloatArray
    """(n, days) daily peaks; no columns where there is no daily panel."""
    days: FloatArray
    grown: FloatArray


def _long(hourly: Panel, daily: Panel | None) -> _Long:
    n = len(hourly)
    if daily is None or len(daily) == 0:
        return _Long(np.full((n, 1), np.nan), np.zeros(n), np.full(n, np.nan))
    place = {key: row for row, key in enumerate(daily.keys)}
    rows = np.array([place.get(key, -1) for key in hourly.keys])
    peaks = np.where((rows >= 0)[:, None], np.fmax(daily.demand, daily.peak)[rows], np.nan)
    reported = np.isfinite(peaks)
    seen = reported.any(1)
    begun = np.where(seen, reported.argmax(1), peaks.shape[1])
    days = (peaks.shape[1] - begun).astype(float)
    grown = np.full(n, np.nan)
    for i in np.flatnonzero(days >= 90):
        row = peaks[i, begun[i] :]
        early, late = row[:28][np.isfinite(row[:28])], row[-28:][np.isfinite(row[-28:])]
        if len(early) and len(late):
            grown[i] = (np.median(late) - np.median(early)) * 365 / (len(row) - 28)
    return _Long(peaks, days, grown)


def _last(values: FloatArray) -> FloatArray:
    """(n,) the last finite value of each row; NaN where there is none."""
    finite = np.isfinite(values)
    at = values.shape[1] - 1 - finite[:, ::-1].argmax(1)
    return np.where(finite.any(1), values[np.arange(len(values)), at], np.nan)


def _mean(values: FloatArray, reported: np.ndarray) -> FloatArray:
    count = reported.sum(1)
    total = np.where(reported, values, 0.0).sum(1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _quantile(values: FloatArray, level: float) -> FloatArray:
    """(n,) quantile of the finite values of each row: one sort, since nanquantile loops over rows."""
    ordered = np.sort(values, axis=1)
    count = np.isfinite(values).sum(1)
    place = level * np.maximum(count - 1, 0)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    rows = np.arange(len(values))
    share = place - low
    return np.where(count > 0, (1 - share) * ordered[rows, low] + share * ordered[rows, high], np.nan)


def by_day(peak: FloatArray) -> FloatArray:
    """(n, days) highest hour of each stretch of 24 hours counted back from the end; NaN = none reported."""
    days = -(-peak.shape[1] // 24)
    padded = np.full((len(peak), days * 24), np.nan)
    padded[:, days * 24 - peak.shape[1] :] = peak
    highest: FloatArray = np.fmax.reduce(padded.reshape(len(peak), days, 24), axis=2)
    return highest


def _tops(days: FloatArray) -> FloatArray:
    """(n, 3) the three highest days, NaN last."""
    if days.shape[1] < 3:
        days = np.concatenate([days, np.full((len(days), 3 - days.shape[1]), np.nan)], axis=1)
    filled = np.where(np.isfinite(days), days, -np.inf)
    top = np.sort(np.partition(filled, -3, axis=1)[:, -3:], axis=1)[:, ::-1]
    return np.where(np.isfinite(top), top, np.nan)


def _run_of_zeros(capacity: FloatArray) -> np.ndarray:
    """(n,) slots in a row, up to the end, that say 0; slots that say nothing do not end the run."""
    on = np.isfinite(capacity) & (capacity > 0)
    off = (capacity == 0).any(1) & ~np.where(on.any(1), _last(capacity) > 0, False)
    since = np.where(on.any(1), on[:, ::-1].argmax(1), capacity.shape[1])
    return np.where(off, since, 0)


def _silent_hours(panel: Panel) -> FloatArray:
    reported = np.isfinite(panel.demand)
    return np.where(reported.any(1), reported[:, ::-1].argmax(1).astype(float), np.inf)


def _age_days(panel: Panel) -> FloatArray:
    reported = np.isfinite(panel.demand)
    return np.where(reported.any(1), (panel.slots - reported.argmax(1)) / 24.0, 0.0)


def days_before(daily: Panel | None, hourly: Panel) -> int:
    """Days of the daily history that end before the hourly one starts: later ones would count twice."""
    if daily is None or len(daily) == 0:
        return 0
    return min(max(0, (hourly.start - daily.start) // DAY), daily.slots)


def _days_since_busy(daily: FloatArray, recent: FloatArray, level: float) -> float:
    """Days since a peak above `level`, looking at the recent days first and then at the long history."""
    if not np.isfinite(level):
        return float("inf")
    ago = [int((row > level)[::-1].argmax()) for row in (recent, daily) if (row > level).any()]
    return float(min(ago, default=float("inf")))
