"""Forecasts of any file, without a store: measurements in, quantiles out.

INPUT (Parquet or CSV) has the columns `entity`, optionally `metric`, `ts` (UTC) or an integer `step`,
`value`, and optionally `capacity`. OUT has `entity`, `metric`, `ts` or `step`, `level`, `value`, `model`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from data.errors import ConfigError, SourceError, UnknownName
from data.outcome import Forecast
from data.panel import DAY, HOUR, Panel
from data.series import SeriesKey, Window
from headroom.file_knowledge import FileKnowledge
from headroom.series_file import read_series
from headroom.series_grid import HOUR_MICROS, Grid, Stamps, stamps_of
from models import fanout
from models.features.season_search import common_season
from models.forecaster import Forecaster
from models.forecasters import FORECASTERS
from models.forecasters.informed import Informed
from models.forecasters.planning import Planning

_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
"""Where integer steps are put in time; a Monday."""
_MOST_SLOTS = 150_000_000
"""Series x slots that are computed: 1.2 GB each for demand and capacity."""
DEFAULT_LEVELS = (0.025, 0.5, 0.975)


class RefusedSeries(NamedTuple):
    """A series that got the fallback's rows."""

    key: SeriesKey
    reason: str
    """Why, and what was used instead."""


@dataclass(frozen=True, slots=True)
class FileForecast:
    """What a forecast of a file came to."""

    out: Path
    series: int
    rows: int
    """Rows written."""
    models: tuple[str, ...]
    """Forecasters that were asked: more than one where the file holds several steps."""
    refused: tuple[RefusedSeries, ...]
    skipped: int
    """Rows without an entity or a time, or with a value that is no number."""
    duplicates: int
    """Rows that gave a slot a second value; the mean was taken."""

    def sentence(self) -> str:
        """One line for whoever asked."""
        said = f"{self.series} series, {self.rows} rows by {' and '.join(self.models)} in {self.out}"
        more = [
            f"{count} {what}"
            for count, what in (
                (len(self.refused), "series refused"),
                (self.skipped, "rows without an entity, a time or a readable value skipped"),
                (self.duplicates, "rows averaged into slots that already had a value"),
            )
            if count
        ]
        return "; ".join([said, *more])


@dataclass(frozen=True, slots=True)
class _Group:
    """Series of one step, aligned at their ends."""

    panel: Panel
    first: tuple[int, ...]
    """Per series the first slot ahead."""
    grids: tuple[Grid, ...] | None
    """Per series when its slots are; None for integer steps."""
    season: int | None


def forecast_file(
    input: Path,
    horizon: int,
    out: Path,
    season: int | None = None,
    levels: Sequence[float] = DEFAULT_LEVELS,
    model: str = "fleet",
    processes: int | None = None,
    known: FileKnowledge | None = None,
) -> FileForecast:
    """Reads a file, forecasts every series `horizon` slots past its end, and writes the quantiles.

    Args:
        input: Parquet or CSV.
        horizon: slots ahead.
        out: Parquet, or CSV by its suffix.
        season: slots of the short season; None = from the timestamps, or searched for where the
            file has integer steps.
        levels: in (0, 1), any order.
        model: a name in FORECASTERS; `fleet` leaves daily series to `planning`.
        processes: 1 stays in this process; None = one per processor.
        known: holidays, a clock, events; only where the file has timestamps.

    Raises:
        SourceUnavailable: the file cannot be read.
        SourceError: the file has other columns, or no usable row.
        ConfigError: horizon, levels or season make no sense, or `out` cannot be written.
        UnknownName: no such model.
    """
    asked = tuple(sorted(set(levels)))
    if horizon < 1:
        raise ConfigError(f"the horizon is at least 1, not {horizon}")
    if not asked or not all(0 < level < 1 for level in asked):
        raise ConfigError(f"levels lie between 0 and 1, not {', '.join(f'{v:g}' for v in asked) or 'none'}")
    if season is not None and season < 1:
        raise ConfigError(f"a season has at least 1 slot, not {season}")
    if model not in FORECASTERS:
        raise UnknownName("model", model, FORECASTERS)
    rows, slot, skipped, duplicates = read_series(input)
    stepped = slot == "step"
    if known and stepped:
        raise ConfigError(f"{input}: a country, a zone or events need timestamps; the file has integer steps")
    groups = (
        _stepped(rows, season, input) if stepped else _timed(rows, season, input, on_calendar=bool(known))
    )
    frames, refused, made = [], [], []
    for group in groups:
        name, forecaster = _forecaster(model, group)
        if known:
            forecaster = _told(forecaster, known, group.panel, horizon)
        forecast = fanout.forecast(forecaster, group.panel, horizon, asked, processes or os.cpu_count() or 1)
        frames.append(_rows(forecast, group, stepped))
        made.append(name)
        refused += [
            RefusedSeries(forecast.keys[i], f"{refusal.reason}; used {forecast.made_by[i]}")
            for i, refusal in sorted(forecast.refusals.items())
        ]
    written = pl.concat(frames).sort("entity", "metric", "step" if stepped else "ts", "level")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.suffix.lower() == ".csv":
            written.write_csv(out)
        else:
            written.write_parquet(out)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ConfigError(f"cannot write {out}: {str(error).splitlines()[0]}") from error
    series = sum(len(group.panel) for group in groups)
    models = tuple(dict.fromkeys(made))
    return FileForecast(out, series, written.height, models, tuple(refused), skipped, duplicates)


def _forecaster(model: str, group: _Group) -> tuple[str, Forecaster]:
    if model == "fleet" and group.panel.step == DAY and group.season is None and "planning" in FORECASTERS:
        return "planning", FORECASTERS["planning"]()
    try:
        made = FORECASTERS[model](season=group.season) if group.season is not None else FORECASTERS[model]()
    except TypeError:
        # A model without that setting finds its season itself.
        made = FORECASTERS[model]()
    return model, made


def _told(forecaster: Forecaster, known: FileKnowledge, panel: Panel, horizon: int) -> Forecaster:
    """The forecaster with what is known of the series of a panel."""
    window = Window(panel.start, panel.end + horizon * panel.step)
    told = known.of(sorted({key.subject for key in panel.keys}), window)
    if isinstance(forecaster, Planning):
        return replace(forecaster, known=told)
    return Informed(forecaster, told)


def _stepped(rows: pl.DataFrame, season: int | None, path: Path) -> list[_Group]:
    """One group: every series ends at the same slot of the panel, whatever its own last step is."""
    series = rows.partition_by("entity", "metric", maintain_order=True)
    slots = [part["step"].to_numpy() for part in series]
    panel = _panel(series, slots, [int(own[-1]) for own in slots], path)
    panel = replace(panel, start=_EPOCH, step=HOUR)
    found: int | None = season if season is not None else common_season(panel.demand)
    if found == 7:
        # Seven steps to the season are days of a week.
        panel, found = replace(panel, step=DAY), None
    return [_Group(panel, tuple(int(own[-1]) + 1 for own in slots), None, found)]


def _timed(rows: pl.DataFrame, season: int | None, path: Path, *, on_calendar: bool) -> list[_Group]:
    """One group per step found; series of a group that end about together share its end.

    `on_calendar`: only series that share an end are put together, since a holiday has a date.
    """
    by_step: dict[tuple[int, int], list[tuple[pl.DataFrame, Stamps, Grid]]] = {}
    for part in rows.partition_by("entity", "metric", maintain_order=True):
        stamps = stamps_of(part["ts"])
        grid = Grid.of(stamps)
        by_step.setdefault((grid.step, grid.months), []).append((part, stamps, grid))
    if (0, 0) in by_step:
        # A single row has no step of its own.
        single = by_step.pop((0, 0))
        step, months = max(by_step, key=lambda step: len(by_step[step]), default=(HOUR_MICROS, 0))
        by_step.setdefault((step, months), []).extend(
            (part, stamps, Grid.at(int(stamps[0]), step, months)) for part, stamps, _ in single
        )
    groups = []
    for (step, months), series in sorted(by_step.items()):
        if months and on_calendar:
            raise ConfigError(f"{path}: a country, a zone or events need hours or days; the file has months")
        slots = [grid.slots(stamps) for _, stamps, grid in series]
        newest = max(int(own[-1]) for own in slots)
        near = max(1, int(7 * DAY / timedelta(microseconds=step)))
        ends = [newest if newest - int(own[-1]) <= near else int(own[-1]) for own in slots]
        kept: dict[int, list[int]] = {}
        for i, end in enumerate(ends):
            # Days have weekdays: only series that end together may share a calendar.
            together = on_calendar or step >= DAY / timedelta(microseconds=1)
            kept.setdefault(end if together else 0, []).append(i)
        of_year = 12 // months if months and 12 % months == 0 and months < 12 else None
        for chosen in kept.values():
            panel = _panel(
                [series[i][0] for i in chosen], [slots[i] for i in chosen], [ends[i] for i in chosen], path
            )
            # The end of the panel is the newest end; a series that ended earlier is moved up to it.
            last = max(chosen, key=lambda i: ends[i])
            start = series[last][2].placed(ends[last] + 1) - panel.slots * timedelta(microseconds=step)
            panel = replace(panel, start=start, step=timedelta(microseconds=step))
            first, grids = tuple(ends[i] + 1 for i in chosen), tuple(series[i][2] for i in chosen)
            groups.append(_Group(panel, first, grids, of_year if season is None else season))
    return groups


def _panel(series: list[pl.DataFrame], slots: list[Stamps], ends: list[int], path: Path) -> Panel:
    """All series aligned at their ends, each from its first slot to its end; placed in time by the caller.

    Raises SourceError when a far-off stamp would make it larger than a machine can hold.
    """
    sizes = [end - int(own[0]) + 1 for own, end in zip(slots, ends, strict=True)]
    longest = max(sizes)
    keys = [SeriesKey(part["entity"][0], part["metric"][0]) for part in series]
    if longest * len(series) > _MOST_SLOTS:
        i = sizes.index(longest)
        column = "ts" if "ts" in series[i].columns else "step"
        raise SourceError(
            f"{path}: {keys[i]} goes from {series[i][column][0]} to {series[i][column][-1]}, {longest:,}"
            f" slots ({len(series):,} series), more than can be computed; is a {column} wrong?"
        )
    demand, capacity = np.full((len(series), longest), np.nan), np.full((len(series), longest), np.nan)
    for i, (part, own, end) in enumerate(zip(series, slots, ends, strict=True)):
        place = own - (end + 1 - longest)
        for grid, name in ((demand, "value"), (capacity, "capacity")):
            value = part[name].fill_null(float("nan")).to_numpy().astype(float)
            seen = np.isfinite(value)
            total = np.bincount(place[seen], value[seen], minlength=longest)
            count = np.bincount(place[seen], minlength=longest)
            grid[i] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return Panel.of(keys, _EPOCH, HOUR, demand, capacity=capacity)


def _rows(forecast: Forecast, group: _Group, stepped: bool) -> pl.DataFrame:
    """One row per series, slot and level; NULL where not even a fallback was possible."""
    n, horizon, levels = forecast.quantiles.shape
    each = horizon * levels
    slot = np.asarray(group.first, np.int64)[:, None] + np.arange(horizon)[None]
    if group.grids is not None:
        slot = np.stack([grid.stamps(own) for grid, own in zip(group.grids, slot, strict=True)])
    slots = np.broadcast_to(slot[:, :, None], (n, horizon, levels)).reshape(-1)
    level = np.broadcast_to(np.asarray(forecast.levels), (n, horizon, levels)).reshape(-1)
    row = pl.Series(np.repeat(np.arange(n), each))
    names = pl.DataFrame(
        {
            "entity": [key.subject for key in forecast.keys],
            "metric": [key.metric for key in forecast.keys],
            "model": list(forecast.made_by),
        },
        schema={"entity": pl.String, "metric": pl.String, "model": pl.String},
    )[row]
    time = pl.Series("step", slots) if stepped else pl.Series("ts", slots).cast(pl.Datetime("us", "UTC"))
    value = pl.Series("value", forecast.quantiles.reshape(-1)).fill_nan(None)
    return pl.DataFrame(
        [names["entity"], names["metric"], time, pl.Series("level", level), value, names["model"]]
    )
