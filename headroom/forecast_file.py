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

from data.errors import ConfigError, SourceError, SourceUnavailable, UnknownName
from data.outcome import Forecast
from data.panel import DAY, HOUR, FloatArray, Panel
from data.series import SeriesKey, Window
from headroom.file_knowledge import FileKnowledge
from models import fanout
from models.features.season_search import common_season
from models.forecaster import Forecaster
from models.forecasters import FORECASTERS
from models.forecasters.informed import Informed
from models.forecasters.planning import Planning

_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
"""Where integer steps are put in time; a Monday."""
_MONTH = timedelta(days=28)
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
    last: tuple[int, ...]
    """Per series the slot after its last: a step, or microseconds since 1970."""
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
        ConfigError: horizon, levels or season make no sense.
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
    rows, skipped, duplicates = _read(input)
    stepped = "step" in rows.columns
    if known and stepped:
        raise ConfigError(f"{input}: a country, a zone or events need timestamps; the file has integer steps")
    groups = _stepped(rows, season) if stepped else _timed(rows, season, on_calendar=bool(known))
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
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".csv":
        written.write_csv(out)
    else:
        written.write_parquet(out)
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


def _read(path: Path) -> tuple[pl.DataFrame, int, int]:
    """Rows with entity, metric, ts (microseconds, UTC) or step, value, capacity; skipped and double rows."""
    try:
        if path.suffix.lower() == ".csv":
            frame = pl.read_csv(path, try_parse_dates=True, infer_schema_length=10_000)
        else:
            frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceUnavailable(f"cannot read {path}: {str(error).splitlines()[0]}") from error
    names = set(frame.columns)
    if not {"entity", "value"} <= names or not names & {"ts", "step"}:
        raise SourceError(
            f"{path}: columns are {', '.join(frame.columns)}; entity, value and ts or step are needed"
        )
    slot = "ts" if "ts" in names else "step"
    columns = [
        pl.col("entity").cast(pl.String),
        (pl.col("metric").cast(pl.String) if "metric" in names else pl.lit("value")).alias("metric"),
        _instant(frame.schema["ts"], path) if slot == "ts" else _step(frame.schema["step"], path),
        pl.col("value").cast(pl.Float64, strict=False),
        (pl.col("capacity").cast(pl.Float64, strict=False) if "capacity" in names else pl.lit(None))
        .cast(pl.Float64)
        .alias("capacity"),
    ]
    rows = frame.select(columns)
    unreadable = rows["value"].null_count() - frame["value"].null_count()
    placed = rows.filter(
        pl.col("entity").is_not_null() & pl.col("metric").is_not_null() & pl.col(slot).is_not_null()
    )
    skipped = unreadable + rows.height - placed.height
    if placed.is_empty():
        raise SourceError(f"{path}: no row has an entity and a {slot}")
    single = placed.group_by("entity", "metric", slot).agg(
        pl.col("value").fill_nan(None).mean(), pl.col("capacity").fill_nan(None).mean()
    )
    return single.sort("entity", "metric", slot), skipped, placed.height - single.height


def _instant(dtype: pl.DataType, path: Path) -> pl.Expr:
    column = pl.col("ts")
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is None:
            return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        return column.dt.convert_time_zone("UTC").cast(pl.Datetime("us", "UTC"))
    if dtype == pl.Date:
        return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if dtype == pl.String:
        return column.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    raise SourceError(
        f"{path}: ts is {dtype}, expected a timestamp; integer slots go into a column named step"
    )


def _step(dtype: pl.DataType, path: Path) -> pl.Expr:
    if not dtype.is_integer():
        raise SourceError(f"{path}: step is {dtype}, expected an integer")
    return pl.col("step").cast(pl.Int64)


def _stepped(rows: pl.DataFrame, season: int | None) -> list[_Group]:
    """One group: every series ends at the same slot of the panel, whatever its own last step is."""
    series = rows.partition_by("entity", "metric", maintain_order=True)
    grids = [_grid(part["step"].to_numpy(), 0, 1, part) for part in series]
    panel = _panel(series, grids, _EPOCH, HOUR)
    found: int | None = season if season is not None else common_season(panel.demand)
    if found == 7:
        # Seven steps to the season are days of a week.
        panel, found = replace(panel, step=DAY), None
    last = tuple(int(part["step"].max()) + 1 for part in series)  # type: ignore[arg-type]
    return [_Group(panel, last, found)]


def _timed(rows: pl.DataFrame, season: int | None, *, on_calendar: bool) -> list[_Group]:
    """One group per step found; series of a group that end about together share its end.

    `on_calendar`: only series that share an end are put together, since a holiday has a date.
    """
    by_step: dict[int, list[pl.DataFrame]] = {}
    for part in rows.partition_by("entity", "metric", maintain_order=True):
        by_step.setdefault(_step_of(part["ts"]), []).append(part)
    if len(by_step) > 1 and 0 in by_step:
        # A single row has no step of its own.
        common = max((step for step in by_step if step), key=lambda step: len(by_step[step]))
        by_step[common] += by_step.pop(0)
    groups = []
    for step, series in sorted(by_step.items()):
        step = step or int(HOUR / timedelta(microseconds=1))
        slots = [np.round(part["ts"].dt.epoch("us").to_numpy() / step).astype(np.int64) for part in series]
        newest = max(int(own[-1]) for own in slots)
        near = max(1, int(7 * DAY / timedelta(microseconds=step)))
        ends = [newest if newest - int(own[-1]) <= near else int(own[-1]) for own in slots]
        kept: dict[int, list[int]] = {}
        for i, end in enumerate(ends):
            # Days have weekdays: only series that end together may share a calendar.
            together = on_calendar or step >= DAY / timedelta(microseconds=1)
            kept.setdefault(end if together else 0, []).append(i)
        for chosen in kept.values():
            after = [ends[i] + 1 for i in chosen]
            grids = [_grid(slots[i], ends[i] - int(slots[i][-1]), 1, series[i]) for i in chosen]
            width = timedelta(microseconds=step)
            # The end of the panel is the newest end; a series that ended earlier is moved up to it.
            longest = max(len(demand) for demand, _ in grids)
            start = datetime(1970, 1, 1, tzinfo=UTC) + (max(after) - longest) * width
            panel = _panel([series[i] for i in chosen], grids, start, width)
            groups.append(_Group(panel, tuple(slot * step for slot in after), season))
    return groups


def _step_of(ts: pl.Series) -> int:
    """Microseconds between most of its stamps, as a round step where it is near one; 0 = unknown."""
    stamps = ts.dt.epoch("us").to_numpy()
    if len(stamps) < 2:
        return 0
    typical = float(np.median(np.diff(stamps)))
    seconds = max(1, round(typical / 1e6))
    for round_step in (60, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 604800):
        if abs(seconds - round_step) <= 0.05 * round_step:
            return round_step * 1_000_000
    return seconds * 1_000_000


def _grid(
    slots: np.ndarray[tuple[int], np.dtype[np.int64]], after: int, step: int, part: pl.DataFrame
) -> tuple[FloatArray, FloatArray]:
    """Demand and capacity of one series from its first slot to its last and `after` more."""
    place = (slots - int(slots[0])) // step
    size = int(place[-1]) + 1 + after
    out = []
    for name in ("value", "capacity"):
        value = part[name].fill_null(float("nan")).to_numpy().astype(float)
        seen = np.isfinite(value)
        total = np.bincount(place[seen], value[seen], minlength=size)
        count = np.bincount(place[seen], minlength=size)
        out.append(np.where(count > 0, total / np.maximum(count, 1), np.nan))
    return out[0], out[1]


def _panel(
    series: list[pl.DataFrame], grids: list[tuple[FloatArray, FloatArray]], start: datetime, step: timedelta
) -> Panel:
    longest = max(len(demand) for demand, _ in grids)
    demand, capacity = np.full((len(grids), longest), np.nan), np.full((len(grids), longest), np.nan)
    for i, (own, held) in enumerate(grids):
        demand[i, longest - len(own) :], capacity[i, longest - len(own) :] = own, held
    keys = [SeriesKey(part["entity"][0], part["metric"][0]) for part in series]
    return Panel.of(keys, start, step, demand, capacity=capacity)


def _rows(forecast: Forecast, group: _Group, stepped: bool) -> pl.DataFrame:
    """One row per series, slot and level; NULL where not even a fallback was possible."""
    n, horizon, levels = forecast.quantiles.shape
    each = horizon * levels
    width = 1 if stepped else int(group.panel.step / timedelta(microseconds=1))
    slot = np.asarray(group.last, np.int64)[:, None, None] + width * np.arange(horizon)[None, :, None]
    slots = np.broadcast_to(slot, (n, horizon, levels)).reshape(-1)
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
