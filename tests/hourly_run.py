"""A store with a few weeks of hours and an inventory written by hand, for jobs that work on it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console

from data.frames import CAPACITY_SCHEMA, RESOURCE_SCHEMA, SERVICE_SCHEMA, Batch, Inventory
from data.panel import FloatArray
from data.store import Store
from headroom.jobs.run import Run
from headroom.progress import Steps
from headroom.settings import DecideSettings, ForecastSettings, Settings

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def hours(days: int, height: float = 1.0, seed: int = 0) -> FloatArray:
    """(24 x days,) hourly demand that is twice as high by day, with a little noise."""
    hour = np.arange(24 * days)
    rng = np.random.default_rng(seed)
    demand: FloatArray = (
        height * (1 + ((hour % 24 >= 8) & (hour % 24 < 18))) * rng.uniform(0.9, 1.0, len(hour))
    )
    return demand


def samples(demand: Mapping[tuple[str, str], FloatArray], capacity: float | None = 8.0) -> pl.DataFrame:
    """(resource, metric) -> hourly demand from MONDAY on, NaN = unreported, as a sample frame."""
    frames = [
        pl.DataFrame(
            {
                "ts": [MONDAY + timedelta(hours=hour) for hour in np.flatnonzero(np.isfinite(row)).tolist()],
                "resource": name,
                "metric": metric,
                "value": row[np.isfinite(row)],
                "value_max": None,
                "capacity": capacity,
            },
            schema_overrides={
                "ts": pl.Datetime("us", "UTC"),
                "value_max": pl.Float64,
                "capacity": pl.Float64,
            },
        )
        for (name, metric), row in demand.items()
    ]
    return pl.concat(frames)


def inventory(
    resources: list[dict[str, object]], capacities: list[dict[str, object]] | None = None
) -> Inventory:
    """Resources as rows of RESOURCE_SCHEMA, of one service; capacities hold from MONDAY on."""
    rows = [{"kind": "vm", "service": "shop", "provider": "on_premises", **one} for one in resources]
    return Inventory(
        resources=pl.DataFrame(rows, schema=RESOURCE_SCHEMA),
        services=pl.DataFrame([{"service": "shop", "team": "web", "tier": 2}], schema=SERVICE_SCHEMA),
        capacities=pl.DataFrame(
            [{"valid_from": MONDAY, **one} for one in capacities or []], schema=CAPACITY_SCHEMA
        ),
    )


@contextmanager
def hourly_run(
    folder: Path,
    demand: Mapping[tuple[str, str], FloatArray],
    known: Inventory | None = None,
    *,
    capacity: float | None = 8.0,
    decide: DecideSettings | None = None,
    forecast: ForecastSettings | None = None,
) -> Iterator[Run]:
    """A run on a new store with these hours; what it says is in `said(run)`."""
    settings = Settings(
        decide=decide or DecideSettings(),
        forecast=forecast or ForecastSettings(),
        file=folder / "headroom.toml",
    )
    now = MONDAY + timedelta(days=400)
    with Store.open(folder / "headroom.duckdb") as store:
        if known is not None:
            store.record_inventory(known, run_id="r1", source="inventory", now=now)
        store.load(Batch(samples(demand, capacity)), run_id="r1", source="test", step_seconds=3600, now=now)
        store.refresh_rollups()
        console = Console(file=io.StringIO(), width=300, highlight=False)
        yield Run(settings, store, now, "r1", Steps(console))


def said(run: Run) -> str:
    """What the run told the console so far."""
    file = run.steps.console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()
