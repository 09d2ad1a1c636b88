"""Hourly panels of the shared data that an operations forecast can be judged on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.panel import HOUR, FloatArray, Panel
from data.series import SeriesKey
from models.evaluation.losses import seasonal_scale

SHARED = Path(__file__).parents[2] / "shared" / "data"
_START = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class HourlySet:
    """One panel, a horizon, and how far before its end each cutoff lies."""

    name: str
    panel: Panel
    horizon: int
    offsets: tuple[int, ...]
    season: int | None = None

    def folds(self) -> Iterator[tuple[Panel, FloatArray, FloatArray, NDArray[np.bool_]]]:
        """History, what came (n, horizon), the series' scale, and which series can be scored."""
        for offset in self.offsets:
            cutoff = self.panel.slots - offset
            history = self.panel.until(cutoff)
            actual = np.full((len(self.panel), self.horizon), np.nan)
            came = self.panel.demand[:, cutoff : cutoff + self.horizon]
            actual[:, : came.shape[1]] = came
            scale = seasonal_scale(history.demand, 24)
            known = np.isfinite(history.demand)
            usable = np.isfinite(scale) & (known.sum(1) >= 200) & (known[:, -168:].sum(1) >= 84)
            usable &= 2 * np.isfinite(actual).sum(1) > self.horizon
            yield history, actual, scale, usable


def m4_hourly() -> Panel:
    """414 series of the training part, aligned at their ends."""
    rows = pl.read_parquet(SHARED / "m4_hourly_train.parquet").sort("entity", "step")
    parts = rows.partition_by("entity", maintain_order=True)
    return _aligned([(SeriesKey(p["entity"][0], "value"), p["value"].to_numpy()) for p in parts])


def hourly(name: str, metrics: tuple[str, ...] | None = None) -> Panel:
    """Hourly means of a set on one calendar."""
    rows = pl.read_parquet(SHARED / f"{name}.parquet")
    if metrics is not None:
        rows = rows.filter(pl.col("metric").is_in(metrics))
    hours = (
        rows.group_by("entity", "metric", pl.col("ts").dt.truncate("1h"))
        .agg(pl.col("value").mean(), pl.col("capacity").mean())
        .sort("entity", "metric", "ts")
    )
    start: datetime = hours["ts"].min()  # type: ignore[assignment]
    slot = (hours["ts"] - start).dt.total_hours().to_numpy()
    parts = hours.with_columns(slot=slot).partition_by("entity", "metric", maintain_order=True)
    demand = np.full((len(parts), int(slot.max()) + 1), np.nan)
    capacity = demand.copy()
    for i, part in enumerate(parts):
        demand[i, part["slot"].to_numpy()] = part["value"].to_numpy()
        capacity[i, part["slot"].to_numpy()] = part["capacity"].to_numpy()
    keys = [SeriesKey(part["entity"][0], part["metric"][0]) for part in parts]
    return Panel.of(keys, start, HOUR, demand, capacity=capacity)


def own_ends(panel: Panel, least: int = 200) -> Panel:
    """The same series, each moved to the end of the panel: for sets watched at different times."""
    rows = []
    for key, demand in zip(panel.keys, panel.demand, strict=True):
        at = np.flatnonzero(np.isfinite(demand))
        if at.size >= least:
            rows.append((key, demand[at[0] : at[-1] + 1]))
    return _aligned(rows)


def _aligned(rows: list[tuple[SeriesKey, FloatArray]]) -> Panel:
    longest = max(len(demand) for _, demand in rows)
    table = np.full((len(rows), longest), np.nan)
    for i, (_, demand) in enumerate(rows):
        table[i, longest - len(demand) :] = demand
    return Panel.of([key for key, _ in rows], _START, HOUR, table)


def hourly_sets(quick: bool) -> Iterator[HourlySet]:
    """The sets of the table; `quick` leaves out all but M4 and processor demand."""
    yield HourlySet("M4 Hourly (inner)", m4_hourly(), 48, (48, 96), season=24)
    for metric in ("cpu",) if quick else ("cpu", "memory", "network_in"):
        panel = hourly("bitbrains_rnd", (metric,))
        for horizon in (48,) if quick else (48, 168):
            offsets = (horizon, 2 * horizon, 3 * horizon)
            yield HourlySet(f"Bitbrains {metric}", panel, horizon, offsets)
    if quick:
        return
    kpis = own_ends(hourly("cdn_and_server_kpis"))
    yield HourlySet("CDN and server KPIs", kpis, 48, (48, 96))
    yield HourlySet("CDN and server KPIs", kpis, 168, (168, 336))
    yield HourlySet("NAB (short, spiky)", own_ends(hourly("nab_aws_cloudwatch"), 240), 24, (24, 48, 72))
    yield HourlySet("cloud monitoring", own_ends(hourly("microsoft_cloud_monitoring"), 240), 24, (24, 48, 72))
    yield HourlySet("GPU demand", hourly("alibaba_gpu_demand", ("gpu_requested",)), 168, (168, 336, 504))
    yield HourlySet("network links", own_ends(hourly("network_links")), 168, (168, 336, 504))
    requests = hourly("appserver_requests", ("requests",)).take([4])
    yield HourlySet("application server", requests, 168, (168, 336, 504))
