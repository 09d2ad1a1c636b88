"""A small estate, published: four services, ten resources, every state once. Made by hand, the same every time."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from data.migrate import migrate
from data.reach import REACH_DAYS, REACH_LEVELS

AS_OF = datetime(2026, 11, 20, tzinfo=UTC)
"""End of the newest hour measured: days are counted from 19 November, the last day with measurements."""

RUN = "20261120T001500-test"
OLD = datetime(2025, 1, 1)
HOURS, DAYS = 60 * 24, 300

SERVICES = [
    ("orders-db", "data", "Ada", 1, "Orders of the shop"),
    ("web", "shop", "Ben", 1, "The shop's pages"),
    ("batch", "data", "Ada", 3, "Nightly jobs"),
    ("edge", "network", "Cy", 2, "Links between sites"),
]

# resource, kind, service, provider, site, instance type, status, severity, reasons, because, cost, unused
RESOURCES = [
    ("orders-db-1", "database", "orders-db", "on_premises", "fra-1", None, "under_provisioned", 3,
     "storage:exhausts_soon", "storage reaches 2,000 GiB on 27 December", 2400, 0),
    ("orders-db-2", "database", "orders-db", "on_premises", "fra-1", None, "right_sized", 0, "",
     "peaks stay under usable capacity and above half of it", 2400, 0),
    ("web-1", "vm", "web", "aws", "eu-central-1", "m7i.2xlarge", "over_provisioned", 1, "cpu:p95_below_half",
     "p95 is 1.3 of 8 cores", 340, 170),
    ("web-2", "vm", "web", "aws", "eu-central-1", "m7i.2xlarge", "over_provisioned", 1, "cpu:p95_below_half",
     "p95 is 1.4 of 8 cores", 340, 170),
    ("web-3", "vm", "web", "aws", "eu-central-1", "m7i.large", "at_risk", 2, "cpu:may_exhaust",
     "24 % chance to reach usable capacity within 90 days", 85, 0),
    ("batch-1", "vm", "batch", "azure", "westeurope", "D4s_v5", "idle", 1, "cpu:no_demand",
     "no hour above 1 % of capacity in 28 days", 160, 160),
    ("batch-2", "vm", "batch", "azure", "westeurope", "D4s_v5", "unknown", 1, "cpu:short_history",
     "not enough history (9 of 14 days)", 160, None),
    ("link-fra-ams", "link", "edge", "on_premises", "fra-1", None, "at_risk", 2, "network_out:may_exhaust",
     "56 % chance to reach usable capacity within 90 days", 900, 0),
    ("lost-1", "vm", None, "azure", "westeurope", None, "unknown", 1, "cpu:silent",
     "silent for 12 days", None, None),
    ("=cmd|evil'", "vm", None, None, None, None, "right_sized", 0, "", "peaks fit", 12, 0),
]  # fmt: skip

# resource, metric, capacity, mean level, growth per day, status
SERIES = [
    ("orders-db-1", "cpu", 16, 7.0, 0.0, "right_sized"),
    ("orders-db-1", "storage", 2000, 900.0, 3.0, "under_provisioned"),
    ("orders-db-2", "cpu", 16, 6.5, 0.0, "right_sized"),
    ("orders-db-2", "storage", 4000, 1000.0, 1.0, "right_sized"),
    ("web-1", "cpu", 8, 0.9, 0.0, "over_provisioned"),
    ("web-2", "cpu", 8, 1.0, 0.0, "over_provisioned"),
    ("web-3", "cpu", 2, 1.1, 0.001, "at_risk"),
    ("web-1", "memory", 32, 14.0, 0.0, "right_sized"),
    ("batch-1", "cpu", 4, 0.01, 0.0, "idle"),
    ("batch-2", "cpu", 4, 1.0, 0.0, "unknown"),
    ("link-fra-ams", "network_out", 10_000, 5200.0, 6.0, "at_risk"),
    ("lost-1", "cpu", 2, 0.5, 0.0, "unknown"),
    ("=cmd|evil'", "cpu", 2, 1.0, 0.0, "right_sized"),
]

# scope, subject, metric, state, capacity, usable, demand, p28, p90, p365, low, mid, high (days), lead days
EXHAUSTION = [
    ("resource", "orders-db-1", "storage", "dated", 2000, 1800, 1797, 0.42, 0.86, 0.99, 12, 37, 80, 20),
    ("service", "orders-db", "storage", "dated", 6000, 5400, 3097, 0.05, 0.31, 0.55, 60, 300, None, 20),
    ("service", "orders-db", "cpu", "not_within_horizon", 32, 27.2, 15.0, 0.0, 0.0, 0.01, None, None, None, 20),
    ("resource", "web-3", "cpu", "not_before", 2, 1.7, 1.4, 0.06, 0.24, 0.48, 150, None, None, 1),
    ("service", "web", "cpu", "not_within_horizon", 18, 15.3, 3.4, 0.0, 0.0, 0.01, None, None, None, 1),
    ("resource", "link-fra-ams", "network_out", "dated", 10_000, 8_500, 7_900, 0.2, 0.56, 0.9, 20, 85, 200, 60),
    ("service", "edge", "network_out", "dated", 10_000, 8_500, 7_900, 0.2, 0.56, 0.9, 20, 85, 200, 60),
    ("resource", "batch-2", "cpu", "not_enough_history", 4, 3.4, 1.0, None, None, None, None, None, None, 1),
]

# resource, action, from, to, now, then, breach now, breach then, confidence, because
RECOMMENDATIONS = [
    ("orders-db-1", "buy", "2,000 GiB", "2,900 GiB", 2400, 2890, 0.4, 0.004, "high",
     "storage grows 3 GiB a day; 2,900 GiB last a year"),
    ("web-1", "resize_type", "8 cores, 32 GiB", "4 cores, 16 GiB", 340, 170, 0.0, 0.002, "high",
     "peaks at 1.9 cores and 15 GiB over 60 days"),
    ("web-2", "resize_type", "8 cores, 32 GiB", "4 cores, 16 GiB", 340, 170, 0.0, 0.002, "medium",
     "peaks at 2.1 cores over 60 days"),
    ("web-3", "resize_type", "2 cores, 8 GiB", "4 cores, 16 GiB", 85, 170, 0.03, 0.0, "medium",
     "peaks at 1.9 of 2 cores"),
    ("batch-1", "stop", "4 cores, 16 GiB", "nothing", 160, 0, 0.0, 0.0, "high", "no demand in 28 days"),
    ("link-fra-ams", "keep", "10 Gbit/s", "10 Gbit/s", 900, 900, 0.01, 0.01, "low", "it fits for now"),
]  # fmt: skip


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
            {"ts": datetime(2026, 10, 5, 9), "ends_at": None, "subject": "web", "kind": "deployment",
             "description": "Release 41"},
            {"ts": datetime(2026, 11, 2), "ends_at": datetime(2026, 11, 2, 3), "subject": "orders-db",
             "kind": "outage", "description": "Failover test"},
        ],
    )  # fmt: skip


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
            [{"series_id": number, "resource": resource, "metric": metric, "step_seconds": 300}],
        )
        _fill(
            connection,
            "capacities",
            [
                {"series_id": number, "valid_from": OLD, "valid_to": datetime(2026, 9, 1), "capacity": capacity * 0.75},
                {"series_id": number, "valid_from": datetime(2026, 9, 1), "valid_to": None, "capacity": float(capacity)},
            ],
        )  # fmt: skip
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
                "resource": resource, "metric": metric, "status": status, "reason": "because_tests_say_so",
                "because": f"{metric} is {status.replace('_', ' ')}", "capacity": float(capacity),
                "demand_mean": now, "demand_p95": now * 1.2, "demand_peak": now * 1.5, "saturated_share": 0.0,
                "size_lower": now * 1.2, "size_target": now * 1.5, "size_upper": now * 2.0, "expected_breach": 0.002,
            }
        )  # fmt: skip
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
                    **whose, "grain": grain, "made_by": "small", "refusal": None, "cutoff": AS_OF.replace(tzinfo=None),
                    "history_slots": 300, "scaled_error": 0.8, "relative_error": 0.06, "scaled_pinball": 0.3,
                    "coverage_80": 0.79, "coverage_90": 0.91, "bias": -0.01, "notes": "one level shift on 1 Sep",
                }
            )  # fmt: skip
            for i in range(slots):
                ts = AS_OF.replace(tzinfo=None) + i * step
                ahead = i * step / timedelta(days=1)
                middle = now * (1.3 if grain == "day" else 1.0) + growth * ahead
                spread = now * 0.1 * math.sqrt(1 + ahead / 10)
                row: dict[str, object] = {**whose, "grain": grain, "ts": ts}
                for name, z in (("q05", -1.6), ("q10", -1.3), ("q25", -0.7), ("q50", 0), ("q75", 0.7), ("q90", 1.3),
                                ("q95", 1.6)):  # fmt: skip
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
    names = ("resource", "action", "from_size", "to_size", "cost_now", "cost_then", "breach_now", "breach_then",
             "confidence", "because")  # fmt: skip
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
            {"resource": r[0], "monthly_cost": r[10], "currency": "EUR", "unused_cost": r[11],
             "basis": "unknown" if r[10] is None else "on_premises" if r[3] == "on_premises" else "catalog",
             "note": "no price known" if r[10] is None else None}
            for r in RESOURCES
        ],
    )  # fmt: skip
    _months(connection)
    _fill(
        connection,
        "replay_scores",
        [
            {"metric": "cpu", "policy": policy, "tier": None, "target_breach": target, "allocated": allocated,
             "breached_hours": breached, "breached_windows": 0.1, "worst_overshoot": 1.2, "changes": 3.0,
             "entity_windows": 400, "hold_days": 7}
            for policy, target, allocated, breached in (
                ("marginal", 0.005, 1.5, 0.004), ("marginal", 0.02, 1.3, 0.018), ("krr", None, 1.6, 0.012),
                ("vpa", None, 1.7, 0.015),
            )
        ],
    )  # fmt: skip


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
                {"month": date(year, month + 1, 1), "service": service, "provider": provider, "site": site,
                 "cost": cost, "low": cost * (1 - 0.01 * offset) if ahead else None,
                 "high": cost * (1 + 0.02 * offset) if ahead else None, "currency": "EUR", "is_forecast": ahead}
            )  # fmt: skip
    _fill(connection, "monthly_costs", rows)


def _jobs(connection: duckdb.DuckDBPyConnection) -> None:
    start = AS_OF.replace(tzinfo=None)
    steps = ("ingest", "rollup", "forecast", "decide", "publish")
    _fill(
        connection,
        "runs",
        [
            {"run_id": RUN, "step": step, "source": "bills.csv" if step == "ingest" else None,
             "started_at": start + timedelta(minutes=i), "finished_at": start + timedelta(minutes=i, seconds=40),
             "outcome": "partly" if step == "ingest" else "done", "rows_read": 1000, "rows_loaded": 990,
             "rows_rejected": 10 if step == "ingest" else 0, "message": f"{step} ended"}
            for i, step in enumerate(steps)
        ],
    )  # fmt: skip
    reasons = (("value is not a number", 7), ("unit 'furlong' is unknown", 3))
    _fill(
        connection,
        "rejected_counts",
        [
            {"run_id": RUN, "source": "bills.csv", "origin": "bills.csv", "reason": reason, "rows": count,
             "example": "web-1;cpu;<b>oops</b>", "rejected_at": start}
            for reason, count in reasons
        ],
    )  # fmt: skip


def _snapshot(connection: duckdb.DuckDBPyConnection, run_id: str) -> None:
    _fill(
        connection,
        "snapshot",
        [
            {"run_id": run_id, "as_of": AS_OF.replace(tzinfo=None),
             "published_at": AS_OF.replace(tzinfo=None) + timedelta(minutes=15), "program_version": "0.1.0",
             "currency": "EUR", "settings": "{}"}
        ],
    )  # fmt: skip
