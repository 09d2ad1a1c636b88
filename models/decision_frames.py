"""Decisions as rows of the tables `findings`, `metric_findings`, `recommendations`, `resource_costs`."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from data.decision import Finding
from data.recommendation import Recommendation, ResourceCost
from data.series import Metric

_MONEY = pl.Decimal(18, 2)
FINDING_SCHEMA: dict[str, pl.DataType] = {
    "resource": pl.String(),
    "status": pl.String(),
    "severity": pl.Int32(),
    "reasons": pl.String(),
    "because": pl.String(),
}
METRIC_FINDING_SCHEMA: dict[str, pl.DataType] = {
    "resource": pl.String(),
    "metric": pl.String(),
    "status": pl.String(),
    "reason": pl.String(),
    "because": pl.String(),
    "capacity": pl.Float64(),
    "demand_mean": pl.Float64(),
    "demand_p95": pl.Float64(),
    "demand_peak": pl.Float64(),
    "saturated_share": pl.Float64(),
    "size_lower": pl.Float64(),
    "size_target": pl.Float64(),
    "size_upper": pl.Float64(),
    "expected_breach": pl.Float64(),
}
RECOMMENDATION_SCHEMA: dict[str, pl.DataType] = {
    "resource": pl.String(),
    "action": pl.String(),
    "from_type": pl.String(),
    "to_type": pl.String(),
    "from_size": pl.String(),
    "to_size": pl.String(),
    "target_cpu": pl.Float64(),
    "target_memory": pl.Float64(),
    "target_storage": pl.Float64(),
    "target_network": pl.Float64(),
    "cost_now": _MONEY,
    "cost_then": _MONEY,
    "saving": _MONEY,
    "currency": pl.String(),
    "breach_now": pl.Float64(),
    "breach_then": pl.Float64(),
    "confidence": pl.String(),
    "policy": pl.String(),
    "buy_by": pl.Date(),
    "because": pl.String(),
}
RESOURCE_COST_SCHEMA: dict[str, pl.DataType] = {
    "resource": pl.String(),
    "monthly_cost": _MONEY,
    "currency": pl.String(),
    "basis": pl.String(),
    "unused_cost": _MONEY,
    "note": pl.String(),
}


def decision_frames(
    findings: Sequence[Finding],
    recommendations: Sequence[Recommendation],
    costs: Sequence[ResourceCost],
    monthly: pl.DataFrame,
) -> dict[str, pl.DataFrame]:
    """Table -> frame with that table's columns in their order."""
    return {
        "findings": _frame(
            FINDING_SCHEMA,
            [(f.resource, str(f.status), f.severity, ", ".join(f.reasons), f.because) for f in findings],
        ),
        "metric_findings": _frame(
            METRIC_FINDING_SCHEMA,
            [
                (
                    m.resource,
                    m.metric,
                    str(m.status),
                    m.reason,
                    m.because,
                    m.capacity,
                    m.demand_mean,
                    m.demand_p95,
                    m.demand_peak,
                    m.saturated_share,
                    *((m.size.lower, m.size.target, m.size.upper) if m.size else (None, None, None)),
                    m.size.expected_breach if m.size else None,
                )
                for f in findings
                for m in f.metrics
            ],
        ),
        "recommendations": _frame(RECOMMENDATION_SCHEMA, [recommendation_row(r) for r in recommendations]),
        "resource_costs": _frame(
            RESOURCE_COST_SCHEMA,
            [
                (c.resource, c.monthly_cost, c.currency, str(c.basis), c.unused_cost, c.note or None)
                for c in costs
            ],
        ),
        "monthly_costs": monthly,
    }


def recommendation_row(advice: Recommendation) -> tuple[object, ...]:
    """A row of the table `recommendations`."""
    rates = [advice.targets[m] for m in (Metric.NETWORK_IN, Metric.NETWORK_OUT) if m in advice.targets]
    return (
        advice.resource,
        str(advice.action),
        advice.from_type,
        advice.to_type,
        advice.from_size,
        advice.to_size,
        advice.targets.get(Metric.CPU),
        advice.targets.get(Metric.MEMORY),
        advice.targets.get(Metric.STORAGE),
        max(rates, default=None),
        advice.cost_now,
        advice.cost_then,
        advice.saving,
        advice.currency,
        advice.breach_now,
        advice.breach_then,
        advice.confidence,
        advice.policy,
        advice.buy_by,
        advice.because,
    )


def _frame(schema: dict[str, pl.DataType], rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=schema, orient="row")
