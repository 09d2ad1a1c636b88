"""Daily panels of the shared data that a planning forecast can be judged on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.panel import DAY, FloatArray, Panel
from data.series import SeriesKey
from models.planning.preparation import fill

FOLDER = Path(__file__).parents[1].parent / "shared" / "data"


@dataclass(frozen=True, slots=True)
class PlanningSet:
    """Series that are planned together, and at which cutoffs."""

    name: str
    stock: bool
    horizon: int
    first: int
    """Days of history at the first cutoff."""
    every: int
    """Days between cutoffs."""
    keys: tuple[SeriesKey, ...]
    demand: FloatArray
    """(n, t); NaN = not reported."""
    capacity: FloatArray
    """(n,)"""
    start: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    """Of the first day."""

    def cutoffs(self, most: int) -> list[int]:
        """At most about `most` cutoffs, each with a whole horizon after it."""
        every = range(self.demand.shape[1] - self.horizon, self.first - 1, -self.every)
        return list(every)[:: max(1, -(-len(every) // most))]

    def before(self, cutoff: int) -> Panel:
        """The history at a cutoff, gaps as they are."""
        return Panel.of(self.keys, self.start, DAY, self.demand[:, :cutoff])

    def filled(self, cutoff: int) -> FloatArray:
        """(n, cutoff) the history with gaps filled from itself, for methods that know no gaps."""
        return np.array([fill(row[:cutoff]) for row in self.demand])


def planning_sets() -> Iterator[PlanningSet]:
    """Every set that is there. Constant and mostly missing series are left out, as on the planning page."""
    nersc = _read("nersc_cscratch_storage")
    if nersc is not None:
        used = pl.col("metric") == "storage"
        yield from _set("storage", nersc.filter(used), "max", 90, 200, 7, stock=True)
        yield from _set("storage I/O", nersc.filter(~used), "max", 90, 200, 14)
    requests = _read("appserver_requests")
    if requests is not None:
        cluster = pl.col("entity") == "as-cluster"
        yield from _set("app server", requests.filter(cluster), "p95", 365, 400, 42, least=12)
        yield from _set("app hosts", requests.filter(~cluster), "max", 365, 400, 42)
    views = _read("wikipedia_pageviews_daily")
    if views is not None:
        for name in views["entity"].unique().sort():
            short = name.rsplit("/", 1)[-1][:12]
            yield from _set(f"wiki {short}", views.filter(pl.col("entity") == name), "max", 365, 600, 84)
    links = _read("network_links")
    if links is not None:
        link = links.filter(pl.col("entity") == "cesnet/ip-103")
        yield from _set("link", link, "p95", 90, 70, 7, least=12)
    gpus = _read("alibaba_gpu_demand")
    if gpus is not None:
        kept = gpus.filter(pl.col("day") < pl.date(2024, 7, 2))
        yield from _set("gpu", kept, "p95", 90, 90, 7, least=12)
    machines = _read("bitbrains_rnd")
    if machines is not None:
        inside = machines.filter(pl.col("day").is_between(pl.date(2013, 7, 1), pl.date(2013, 9, 28)))
        for metric in ("cpu", "memory", "network_in"):
            some = inside.filter(pl.col("metric") == metric)
            yield from _set(f"vm {metric}", some, "p95", 28, 48, 7, least=6, value="value_max")
    shop = _read("microsoft_cloud_monitoring")
    if shop is not None:
        rate = shop.filter(pl.col("entity").str.contains("ecommerce"))
        yield from _set("e-commerce", rate, "p95", 90, 90, 14, least=6)
    taxi = _read("nab_aws_cloudwatch")
    if taxi is not None:
        rides = taxi.filter(pl.col("entity").str.contains("taxi"))
        yield from _set("taxi", rides, "p95", 90, 70, 14, least=12)


def _read(name: str) -> pl.DataFrame | None:
    path = FOLDER / f"{name}.parquet"
    return pl.read_parquet(path).with_columns(day=pl.col("ts").dt.date()) if path.exists() else None


def _set(
    name: str,
    samples: pl.DataFrame,
    statistic: str,
    horizon: int,
    first: int,
    every: int,
    *,
    stock: bool = False,
    least: int = 1,
    value: str = "value",
) -> Iterator[PlanningSet]:
    """The daily p95 or maximum of each series; days with under `least` samples are unreported."""
    of_day = pl.col(value).quantile(0.95, "linear") if statistic == "p95" else pl.col(value).max()
    daily = (
        samples.group_by("entity", "metric", "day")
        .agg(of_day.alias("demand"), pl.len().alias("count"), pl.col("capacity").median())
        .filter(pl.col("count") >= least)
        .sort("entity", "metric", "day")
    )
    if not daily.height:
        return
    seen = daily["day"].to_list()
    begin, end = min(seen), max(seen)
    days = (end - begin).days + 1
    keys, rows, capacity = [], [], []
    for (entity, metric), series in daily.group_by(["entity", "metric"], maintain_order=True):
        row = np.full(days, np.nan)
        place = (series["day"] - begin).dt.total_days().to_numpy()
        row[place] = series["demand"].to_numpy()
        if _usable(row):
            keys.append(SeriesKey(str(entity), "storage" if stock else str(metric)))
            rows.append(row)
            capacity.append(float(series["capacity"].median() or np.nan))  # type: ignore[arg-type]
    if rows:
        demand = np.array(rows)[:, -1750:]
        start = datetime(end.year, end.month, end.day, tzinfo=UTC) - (demand.shape[1] - 1) * DAY
        yield PlanningSet(name, stock, horizon, first, every, tuple(keys), demand, np.array(capacity), start)


def _usable(row: FloatArray) -> bool:
    known: NDArray[np.bool_] = np.isfinite(row)
    if known.mean() < 0.85 or known[:7].sum() < 4 or known[-7:].sum() < 4:
        return False
    level = float(np.median(np.abs(row[known])))
    return level > 1e-9 and bool((np.abs(np.diff(row[known])) > 1e-9 * level).mean() >= 0.3)
