"""Reads what a fan chart draws: demand, forecast, capacity, exhaustion and events of one metric."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from dashboard.estate import Estate
from dashboard.figures.fan import Fan
from data.reading import Grain, Scope
from data.series import UNITS, Window

SPANS = {"14": "14 days", "90": "90 days", "365": "a year"}
"""How far ahead a chart may look; beyond 14 days it draws daily peaks rather than hourly wiggles."""

DEFAULT_SPAN = "90"

_QUANTILES = ("q05", "q25", "q50", "q75", "q95")


def read_fan(
    estate: Estate,
    scope: Scope,
    subject: str,
    metric: str,
    span: str = DEFAULT_SPAN,
    event_names: Sequence[str] = (),
    other: float | None = None,
) -> Fan:
    """Two thirds of history, one third of forecast, as far as both reach.

    Args:
        scope: `resource` or `service`.
        span: a key of `SPANS`.
        event_names: whose events are drawn: the subject, its service, its site.
        other: a recommended size to compare with.
    """
    days = int(span)
    grain: Grain = "hour" if days <= 14 else "day"
    end = estate.as_of
    start = end - timedelta(days=2 * days)
    snapshot = estate.snapshot
    demand = snapshot.demand(subject, metric, grain=grain, window=Window(start, end), scope=scope)
    points = snapshot.forecast(subject, metric, grain=grain, scope=scope)
    points = points.filter(pl.col("ts") < end + timedelta(days=days)).sort("ts")

    slots = _regular(demand, grain)
    row = exhaustion_of(estate, scope, subject, metric)
    usable = row["usable"] if row else None
    events = (
        snapshot.frame("page_events", names=list(event_names), start=start, end=end) if event_names else None
    )
    return Fan(
        unit=UNITS.get(metric, ""),
        grain=grain,
        ts=slots["ts"],
        # The line is what the forecast continues: hourly means, or daily peaks.
        line=slots["mean"] if grain == "hour" else slots["max"],
        low=slots["mean"],
        high=slots["max"],
        capacity=slots["capacity"],
        today=end,
        ahead=_times(points["ts"]),
        quantiles={name: points[name].cast(pl.Float64).to_numpy() for name in _QUANTILES}
        if len(points)
        else {},
        usable=usable,
        dates=(row["date_low"], row["date_mid"], row["date_high"]) if row else (None, None, None),
        events=[
            (event["ts"].replace(tzinfo=None), f"{event['kind']}: {event['description'] or event['subject']}")
            for event in (events.iter_rows(named=True) if events is not None else ())
        ],
        other=other,
    )


def exhaustion_of(estate: Estate, scope: str, subject: str, metric: str) -> dict[str, Any] | None:
    """The row of `exhaustion` about one metric of a subject, or None."""
    rows = estate.exhaustion.filter(
        (pl.col("scope") == scope) & (pl.col("subject") == subject) & (pl.col("metric") == metric)
    )
    return rows.row(0, named=True) if len(rows) else None


def metrics_of(estate: Estate, scope: str, subject: str) -> list[str]:
    """The metrics a subject has a forecast or a finding for, in the order people expect."""
    frames = [estate.forecast_series.filter((pl.col("scope") == scope) & (pl.col("subject") == subject))]
    whose = [subject]
    if scope == "service":
        whose = estate.resources.filter(pl.col("service") == subject)["resource"].to_list()
    frames.append(estate.metric_findings.filter(pl.col("resource").is_in(whose)))
    names = {name for frame in frames for name in frame["metric"].to_list()}
    order = list(UNITS)
    return sorted(names, key=lambda name: order.index(name) if name in order else len(order))


def _regular(demand: pl.DataFrame, grain: str) -> dict[str, Any]:
    """Demand with a slot for every hour or day between its first and last: gaps become NaN."""
    if demand.is_empty():
        return {
            name: np.empty(0, "datetime64[us]" if name == "ts" else float)
            for name in ("ts", "mean", "max", "capacity")
        }
    every = "1h" if grain == "hour" else "1d"
    slots = demand.sort("ts").upsample("ts", every=every)
    return {"ts": _times(slots["ts"])} | {
        name: slots[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        for name in ("mean", "max", "capacity")
    }


def _times(column: pl.Series) -> Any:
    if column.dtype == pl.Date:
        column = column.cast(pl.Datetime("us"))
    return column.dt.replace_time_zone(None).dt.cast_time_unit("us").to_numpy()
