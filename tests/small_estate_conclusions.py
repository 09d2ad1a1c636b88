"""What was concluded about the small estate: forecasts, findings, advice, costs and a replay."""

from __future__ import annotations

import math
from datetime import date, timedelta

import duckdb

from data.reach import REACH_DAYS, REACH_LEVELS
from tests.small_estate_rows import EXHAUSTION, RECOMMENDATIONS, RESOURCES, SERIES
from tests.small_estate_tables import AS_OF, DAYS, day_ahead, fill


def write_conclusions(connection: duckdb.DuckDBPyConnection) -> None:
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
    fill(connection, "forecast_points", points)
    fill(connection, "forecast_series", made)
    fill(connection, "reach", reach)
    fill(connection, "metric_findings", findings)
    fill(
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
        dates = [None if ahead is None else day_ahead(ahead) for ahead in (low, mid, high)]
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
    fill(connection, "exhaustion", rows)
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
    fill(
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
                buy_by=day_ahead(17) if row[1] == "buy" else None,
            )
            for row in RECOMMENDATIONS
        ],
    )
    fill(
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
    fill(
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
    fill(
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
    fill(connection, "monthly_costs", rows)
