"""A small estate, published: four services, ten resources, every state. Made by hand, always the same."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from data.migrate import migrate
from data.reach import REACH_DAYS, REACH_LEVELS
from tests.small_estate_rows import EXHAUSTION, RECOMMENDATIONS, RESOURCES, SERIES, SERVICES

AS_OF = datetime(2026, 11, 20, tzinfo=UTC)
"""End of the newest hour measured: days are counted from 19 November, the last day with measurements."""


def at(year: int, month: int, day: int, hour: int = 0) -> datetime:
    """UTC without its zone, as TIMESTAMP columns hold it."""
    return datetime(year, month, day, hour, tzinfo=UTC).replace(tzinfo=None)


RUN = "20261120T001500-test"
OLD = at(2025, 1, 1)
HOURS, DAYS = 60 * 24, 300


def publish_small_estate(folder: Path, run_id: str = RUN) -> Path:
    """Writes `folder/<run_id>.duckdb` and moves the pointer to it; returns the folder."""
    path = _new(folder, run_id)
    with duckdb.connect(str(path)) as connection:
        migrate(connection, path)
        _inventory(connection)
        _measurements(connection)
        _conclusions(connection)
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


def _fill(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, object]]) -> None:
    frame = pl.DataFrame(rows, infer_schema_length=None)
    connection.register("rows", frame.to_arrow())
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows")
    connection.unregister("rows")


def _inventory(connection: duckdb.DuckDBPyConnection) -> None:
    names = ("service", "team", "owner", "tier", "description")
    _fill(connection, "services", [dict(zip(names, row, strict=True), valid_from=OLD) for row in SERVICES])
    names = ("resource", "kind", "service", "provider", "site", "instance_type")
    rows = [dict(zip(names, row[:6], strict=True), lead_days=20, valid_from=OLD) for row in RESOURCES]
    _fill(connection, "resources", rows)
    depends = [("web", "orders-db"), ("batch", "orders-db"), ("web", "edge")]
    _fill(
        connection, "dependencies", [{"service": a, "depends_on": b, "valid_from": OLD} for a, b in depends]
    )
    _fill(
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
        _fill(
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
        _fill(
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


def _conclusions(connection: duckdb.DuckDBPyConnection) -> None:
    points: list[dict[str, object]] = []
    made: list[dict[str, object]] = []
    reach: list[dict[str, object]] = []
    findings: list[dict[str, object]] = []
    service_of = {row[0]: row[2] for row in RESOURCES}
    subjects: dict[tuple[str, str, str], tuple[float, float]] = {}
    for resource, metric, capacity, level, growth, status in SERIES:
        now = level + growth * DAYS
        findings.append(
            {
                "resource": resource,
                "metric": metric,
                "status": status,
                "reason": "because_tests_say_so",
                "because": f"{metric} is {status.replace('_', ' ')}",
                "capacity": float(capacity),
                "demand_mean": now,
                "demand_p95": now * 1.2,
                "demand_peak": now * 1.5,
                "saturated_share": 0.0,
                "size_lower": now * 1.2,
                "size_target": now * 1.5,
                "size_upper": now * 2.0,
                "expected_breach": 0.002,
            }
        )
        if resource in ("lost-1", "batch-2"):
            continue
        for scope, subject in (("resource", resource), ("service", service_of[resource])):
            if subject is not None:
                before = subjects.get((scope, subject, metric), (0.0, 0.0))
                subjects[scope, subject, metric] = (before[0] + now, before[1] + growth)
    for (scope, subject, metric), (now, growth) in subjects.items():
        whose = {"scope": scope, "subject": subject, "metric": metric}
        for grain, slots, step in (("hour", 14 * 24, timedelta(hours=1)), ("day", 365, timedelta(days=1))):
            made.append(
                {
                    **whose,
                    "grain": grain,
                    "made_by": "small",
                    "refusal": None,
                    "cutoff": AS_OF.replace(tzinfo=None),
                    "history_slots": 300,
                    "scaled_error": 0.8,
                    "relative_error": 0.06,
                    "scaled_pinball": 0.3,
                    "coverage_80": 0.79,
                    "coverage_90": 0.91,
                    "bias": -0.01,
                    "notes": "one level shift on 1 Sep",
                }
            )
            for i in range(slots):
                ts = AS_OF.replace(tzinfo=None) + i * step
                ahead = i * step / timedelta(days=1)
                middle = now * (1.3 if grain == "day" else 1.0) + growth * ahead
                spread = now * 0.1 * math.sqrt(1 + ahead / 10)
                row: dict[str, object] = {**whose, "grain": grain, "ts": ts}
                for name, z in (
                    ("q05", -1.6),
                    ("q10", -1.3),
                    ("q25", -0.7),
                    ("q50", 0),
                    ("q75", 0.7),
                    ("q90", 1.3),
                    ("q95", 1.6),
                ):
                    row[name] = max(middle + z * spread, 0.0)
                points.append(row)
        for day in REACH_DAYS:
            middle, spread = now * 1.3 + growth * day, now * 0.1 * math.sqrt(1 + day / 10)
            amounts = [max(middle + (p - 0.5) * 4 * spread, 0.0) for p in REACH_LEVELS]
            reach.append({**whose, "start": AS_OF.date(), "day": day, "amounts": amounts})
    _fill(connection, "forecast_points", points)
    _fill(connection, "forecast_series", made)
    _fill(connection, "reach", reach)
    _fill(connection, "metric_findings", findings)
    _fill(
        connection,
        "findings",
        [
            {"resource": r[0], "status": r[6], "severity": r[7], "reasons": r[8], "because": r[9]}
            for r in RESOURCES
        ],
    )
    names = ("scope", "subject", "metric", "state", "capacity", "usable", "demand_now", "p28", "p90", "p365")
    rows: list[dict[str, object]] = []
    for entry in EXHAUSTION:
        low, mid, high, lead = entry[10:]
        dates = [None if ahead is None else _day(ahead) for ahead in (low, mid, high)]
        rows.append(
            dict(
                zip(names, entry[:10], strict=True),
                date_low=dates[0],
                date_mid=dates[1],
                date_high=dates[2],
                order_by=None if dates[1] is None else dates[1] - timedelta(days=lead),
                lead_days=lead,
                because=f"demand {entry[6]:,} against {entry[5]:,} usable",
                assumes="the trend of the last 90 days goes on",
            )
        )
    _fill(connection, "exhaustion", rows)
    names = (
        "resource",
        "action",
        "from_size",
        "to_size",
        "cost_now",
        "cost_then",
        "breach_now",
        "breach_then",
        "confidence",
        "because",
    )
    _fill(
        connection,
        "recommendations",
        [
            dict(
                zip(names, row, strict=True),
                from_type="m7i.2xlarge" if row[1] == "resize_type" else None,
                to_type="m7i.xlarge" if row[1] == "resize_type" else None,
                saving=row[4] - row[5],
                currency="EUR",
                policy="headroom",
                target_cpu=4.0,
                target_storage=2900.0 if row[1] == "buy" else None,
                buy_by=_day(17) if row[1] == "buy" else None,
            )
            for row in RECOMMENDATIONS
        ],
    )
    _fill(
        connection,
        "resource_costs",
        [
            {
                "resource": r[0],
                "monthly_cost": r[10],
                "currency": "EUR",
                "unused_cost": r[11],
                "basis": "unknown"
                if r[10] is None
                else "on_premises"
                if r[3] == "on_premises"
                else "catalog",
                "note": "no price known" if r[10] is None else None,
            }
            for r in RESOURCES
        ],
    )
    _months(connection)
    _fill(
        connection,
        "replay_scores",
        [
            {
                "metric": "cpu",
                "policy": policy,
                "tier": tier,
                "target_breach": target,
                "allocated": allocated * (1.1 if tier == 1 else 1.0),
                "breached_hours": breached * (0.5 if tier == 1 else 1.0),
                "breached_windows": 0.1,
                "worst_overshoot": 1.2,
                "changes": 0.3,
                "refused": 0.0,
                "entity_windows": 400,
                "hold_days": 7,
            }
            for tier in (1, 3, None)
            for policy, target, allocated, breached in (
                ("marginal", 0.005, 0.5, 0.004),
                ("marginal", 0.02, 0.4, 0.018),
                ("krr", None, 0.6, 0.012),
                ("vpa", None, 0.7, 0.015),
            )
        ],
    )
    rules = [(0.99, 0.0, 0.45, 0.02), (0.99, 0.5, 0.6, 0.004), (1.0, 1.0, 0.9, 0.0)]
    _fill(
        connection,
        "replay_rules",
        [
            {
                "metric": "cpu",
                "tier": tier,
                "hold_days": 7,
                "window_days": 14,
                "level": level,
                "margin": margin,
                "allocated": allocated,
                "breached_hours": breached,
                "entity_windows": 400,
            }
            for tier in (1, 3, None)
            for level, margin, allocated, breached in rules
        ],
    )


def _day(ahead: int) -> date:
    return AS_OF.date() - timedelta(days=1) + timedelta(days=ahead)


def _months(connection: duckdb.DuckDBPyConnection) -> None:
    rows: list[dict[str, object]] = []
    for offset in range(-11, 13):
        year, month = divmod(2026 * 12 + 10 + offset, 12)
        for service, provider, site, cost in (
            ("orders-db", "on_premises", "fra-1", 4800),
            ("web", "aws", "eu-central-1", 765),
            ("batch", "azure", "westeurope", 320),
            ("edge", "on_premises", "fra-1", 900),
            (None, None, None, 12),
        ):
            cost = round(cost * (1 + 0.01 * offset), 2)
            ahead = offset > 0
            rows.append(
                {
                    "month": date(year, month + 1, 1),
                    "service": service,
                    "provider": provider,
                    "site": site,
                    "cost": cost,
                    "low": cost * (1 - 0.01 * offset) if ahead else None,
                    "high": cost * (1 + 0.02 * offset) if ahead else None,
                    "currency": "EUR",
                    "is_forecast": ahead,
                }
            )
    _fill(connection, "monthly_costs", rows)


def _jobs(connection: duckdb.DuckDBPyConnection) -> None:
    start = AS_OF.replace(tzinfo=None)
    steps = ("ingest", "rollup", "forecast", "decide", "publish")
    _fill(
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
    _fill(
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
    _fill(
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
