"""A small estate, published: four services, ten resources, every state. Made by hand, always the same."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from data.migrate import migrate
from tests.small_estate_conclusions import write_conclusions
from tests.small_estate_rows import RESOURCES, SERIES, SERVICES
from tests.small_estate_tables import AS_OF, DAYS, HOURS, OLD, at, fill

RUN = "20261120T001500-test"


def publish_small_estate(folder: Path, run_id: str = RUN) -> Path:
    """Writes `folder/<run_id>.duckdb` and moves the pointer to it; returns the folder."""
    path = _new(folder, run_id)
    with duckdb.connect(str(path)) as connection:
        migrate(connection, path)
        _inventory(connection)
        _measurements(connection)
        write_conclusions(connection)
        _jobs(connection)
        _snapshot(connection, run_id)
    _point(folder, run_id)
    return folder


def publish_empty_estate(folder: Path, run_id: str = "20261120T001500-none") -> Path:
    """A published snapshot of a store in which nothing was ever measured."""
    path = _new(folder, run_id)
    with duckdb.connect(str(path)) as connection:
        migrate(connection, path)
        _snapshot(connection, run_id)
    _point(folder, run_id)
    return folder


def _new(folder: Path, run_id: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{run_id}.duckdb"


def _point(folder: Path, run_id: str) -> None:
    pointer = folder / "current.new"
    pointer.write_text(f"{run_id}.duckdb", encoding="utf-8")
    pointer.replace(folder / "current")


def _inventory(connection: duckdb.DuckDBPyConnection) -> None:
    names = ("service", "team", "owner", "tier", "description")
    fill(connection, "services", [dict(zip(names, row, strict=True), valid_from=OLD) for row in SERVICES])
    names = ("resource", "kind", "service", "provider", "site", "instance_type")
    rows = [dict(zip(names, row[:6], strict=True), lead_days=20, valid_from=OLD) for row in RESOURCES]
    fill(connection, "resources", rows)
    depends = [("web", "orders-db"), ("batch", "orders-db"), ("web", "edge")]
    fill(connection, "dependencies", [{"service": a, "depends_on": b, "valid_from": OLD} for a, b in depends])
    fill(
        connection,
        "events",
        [
            {
                "ts": at(2026, 10, 5, 9),
                "ends_at": None,
                "subject": "web",
                "kind": "deployment",
                "description": "Release 41",
            },
            {
                "ts": at(2026, 11, 2),
                "ends_at": at(2026, 11, 2, 3),
                "subject": "orders-db",
                "kind": "outage",
                "description": "Failover test",
            },
        ],
    )


def _wave(level: float, growth: float, ts: np.ndarray) -> np.ndarray:
    """Demand with a day and a week in it, and the given growth per day."""
    days = (ts - ts[-1]) / np.timedelta64(1, "D")
    season = 1 + 0.3 * np.sin(2 * math.pi * days) + 0.1 * np.sin(2 * math.pi * days / 7)
    flow = level * (1 + 0.0 * days) if growth >= 1 else level * season
    wave: np.ndarray = np.maximum(flow + growth * (days + DAYS), 0)
    return wave


def _measurements(connection: duckdb.DuckDBPyConnection) -> None:
    end = np.datetime64(AS_OF.replace(tzinfo=None), "us")
    service_of = {row[0]: row[2] for row in RESOURCES}
    parts: dict[str, list[pl.DataFrame]] = {"service_hour": [], "service_day": []}
    for number, (resource, metric, capacity, level, growth, _) in enumerate(SERIES, 1):
        silent = np.timedelta64(12 if resource == "lost-1" else 0, "D")
        hours = end - silent - np.arange(HOURS, 0, -1) * np.timedelta64(1, "h")
        days = (end - silent).astype("datetime64[D]") - np.arange(DAYS, 0, -1)
        fill(
            connection,
            "series",
            [
                {
                    "series_id": number,
                    "resource": resource,
                    "metric": metric,
                    "step_seconds": 300,
                    "first_ts": hours[0].astype(datetime),
                    "last_ts": hours[-1].astype(datetime),
                }
            ],
        )
        fill(
            connection,
            "capacities",
            [
                {
                    "series_id": number,
                    "valid_from": OLD,
                    "valid_to": at(2026, 9, 1),
                    "capacity": capacity * 0.75,
                },
                {
                    "series_id": number,
                    "valid_from": at(2026, 9, 1),
                    "valid_to": None,
                    "capacity": float(capacity),
                },
            ],
        )
        for table, column, ts in (("rollup_hour", "ts", hours), ("rollup_day", "day", days)):
            mean = _wave(level, growth, ts.astype("datetime64[h]"))
            if metric == "cpu" and table == "rollup_hour":
                mean = np.where(np.arange(HOURS) % 400 < 6, np.nan, mean)
            frame = pl.DataFrame(
                {
                    "series_id": np.full(len(ts), number, np.int32),
                    column: ts,
                    "mean": mean,
                    "p95": mean * 1.15,
                    "max": mean * 1.3,
                    "count": np.full(len(ts), 12 if column == "ts" else 288, np.int32),
                }
            ).filter(pl.col("mean").is_not_nan())
            connection.register("rows", frame.to_arrow())
            connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows")
            connection.unregister("rows")
            parts["service_hour" if column == "ts" else "service_day"].append(
                frame.rename({column: "ts"}).select(
                    pl.lit(service_of[resource]).alias("service"),
                    pl.lit(metric).alias("metric"),
                    pl.col("ts").cast(pl.Datetime("us")),
                    "mean",
                    "p95",
                    "max",
                    pl.lit(float(capacity)).alias("capacity"),
                )
            )
    for table, frames in parts.items():
        sums = (
            pl.concat(frames)
            .filter(pl.col("service").is_not_null())
            .group_by("service", "metric", "ts")
            .agg(pl.sum("mean", "p95", "max", "capacity"), pl.len().cast(pl.Int32).alias("members"))
        )
        connection.register("rows", sums.to_arrow())
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows")
        connection.unregister("rows")


def _jobs(connection: duckdb.DuckDBPyConnection) -> None:
    start = AS_OF.replace(tzinfo=None)
    steps = ("ingest", "rollup", "forecast", "decide", "publish")
    fill(
        connection,
        "runs",
        [
            {
                "run_id": RUN,
                "step": step,
                "source": "bills.csv" if step == "ingest" else None,
                "started_at": start + timedelta(minutes=i),
                "finished_at": start + timedelta(minutes=i, seconds=40),
                "outcome": "partly" if step == "ingest" else "done",
                "rows_read": 1000,
                "rows_loaded": 990,
                "rows_rejected": 10 if step == "ingest" else 0,
                "message": f"{step} ended",
            }
            for i, step in enumerate(steps)
        ],
    )
    reasons = (("value is not a number", 7), ("unit 'furlong' is unknown", 3))
    fill(
        connection,
        "rejected_counts",
        [
            {
                "run_id": RUN,
                "source": "bills.csv",
                "origin": "bills.csv",
                "reason": reason,
                "rows": count,
                "example": "web-1;cpu;<b>oops</b>",
                "rejected_at": start,
            }
            for reason, count in reasons
        ],
    )


def _snapshot(connection: duckdb.DuckDBPyConnection, run_id: str) -> None:
    fill(
        connection,
        "snapshot",
        [
            {
                "run_id": run_id,
                "as_of": AS_OF.replace(tzinfo=None),
                "published_at": AS_OF.replace(tzinfo=None) + timedelta(minutes=15),
                "program_version": "0.1.0",
                "currency": "EUR",
                "settings": "{}",
            }
        ],
    )
