"""Reads rollups into a Panel."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import duckdb
import numpy as np
import polars as pl

from data.capacity import on_grid
from data.panel import DAY, HOUR, Panel
from data.query import naive, run
from data.reach import REACH_DAYS, REACH_LEVELS, Reach
from data.series import SeriesKey, Window

Grain = Literal["hour", "day"]
Statistic = Literal["mean", "p95", "max"]
Scope = Literal["resource", "service"]

STEPS: dict[str, timedelta] = {"hour": HOUR, "day": DAY}


def read_panel(
    connection: duckdb.DuckDBPyConnection,
    grain: Grain,
    *,
    metrics: Sequence[str] | None = None,
    subjects: Sequence[str] | None = None,
    window: Window | None = None,
    statistic: Statistic = "mean",
) -> Panel:
    """One row per series, sorted by resource and metric; see `Store.panel`."""
    if grain not in STEPS or statistic not in ("mean", "p95", "max"):
        raise ValueError(
            f"grain is 'hour' or 'day', statistic 'mean', 'p95' or 'max'; not {grain!r}, {statistic!r}"
        )
    step = STEPS[grain]
    chosen = {"metrics": metrics, "subjects": subjects}
    rows = run(
        connection,
        f"panel_{grain}",
        {
            **chosen,
            "statistic": statistic,
            "start": window.start if window else None,
            "until": window.end if window else None,
        },
    )
    series = run(connection, "panel_series", {**chosen, "ids": rows["series_id"].unique().to_list()})
    places = np.full(int(series["series_id"].to_numpy().max(initial=0)) + 1, -1)
    places[series["series_id"].to_numpy()] = np.arange(series.height)
    ticks = step // timedelta(microseconds=1)
    micros = rows["ts"].to_physical().to_numpy()
    if window:
        start = _floor(window.start, step)
        slots = -(-(window.end - start) // step)
    elif rows.height:
        start = datetime.fromtimestamp(int(micros.min()) / 1e6, UTC)
        slots = int((micros.max() - micros.min()) // ticks) + 1
    else:
        start, slots = datetime(1970, 1, 1, tzinfo=UTC), 0
    demand = np.full((series.height, slots), np.nan)
    peak = np.full((series.height, slots), np.nan)
    origin = np.datetime64(naive(start), "us")
    if rows.height:
        place = places[rows["series_id"].to_numpy()]
        slot = (micros - origin.astype(np.int64)) // ticks
        demand[place, slot] = rows["value"].to_numpy()
        peak[place, slot] = rows["peak"].to_numpy()
    times = origin + np.arange(slots + 1) * np.timedelta64(step, "us")
    return Panel(
        tuple(SeriesKey(r, m) for r, m in series.select("resource", "metric").iter_rows()),
        start,
        step,
        demand,
        peak,
        _capacity(connection, series["series_id"].to_list(), places, times),
    )


def _floor(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - datetime(1970, 1, 1, tzinfo=UTC)) % step


def _capacity(
    connection: duckdb.DuckDBPyConnection, ids: list[int], places: np.ndarray, times: np.ndarray
) -> np.ndarray:
    rows = run(connection, "panel_capacity", {"ids": ids})
    nothing = (np.array([], "datetime64[us]"), np.array([], float))
    histories = [nothing] * len(ids)
    for (series_id,), history in rows.group_by("series_id", maintain_order=True):
        starts = history["valid_from"].dt.replace_time_zone(None).to_numpy()
        histories[places[series_id]] = (starts, history["capacity"].cast(float).to_numpy())
    return on_grid(histories, times)


def reach_of(rows: pl.DataFrame, otherwise: datetime) -> Reach:
    """The reach in rows of the query `reach_of`, as far ahead as they go; from `otherwise` without any."""
    furthest = rows["day"].max()
    days = tuple(day for day in REACH_DAYS if not isinstance(furthest, int) or day <= furthest)
    place = rows.select("subject", "metric").unique(maintain_order=True).with_row_index("row")
    amounts = np.full((place.height, len(days), len(REACH_LEVELS)), np.nan)
    if rows.height:
        row = rows.join(place, on=["subject", "metric"], maintain_order="left")["row"].to_numpy()
        day = np.searchsorted(days, rows["day"].to_numpy())
        amounts[row, day] = rows["amounts"].list.to_array(len(REACH_LEVELS)).to_numpy()
    first = rows["start"].min()
    start = datetime.combine(first, datetime.min.time(), UTC) if isinstance(first, date) else otherwise
    keys = tuple(SeriesKey(subject, metric) for _, subject, metric in place.iter_rows())
    return Reach(keys, start, days, REACH_LEVELS, amounts)
