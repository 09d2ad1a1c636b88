"""Drift: forecasts of a subject have become much worse than their backtest promised.

The rule asks for two signs, so that few alarms are raised: the error is a multiple of the promised one, and
the 90 % band does not hold either. It opens at a high bar and closes at a low one (hysteresis), so that a
subject near the bar does not go on and off. In a week of the sample fleet it opened for 5 of about 1,000
subjects: three services of a site whose monitoring was down when they were forecast, a volume that was
purged, and one that only drifted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from data.frames import EVENT_SCHEMA

ACCURACY_DRIFT = "accuracy_drift"
"""Kind of the event."""


@dataclass(frozen=True, slots=True)
class DriftRule:
    """When drift opens and when it closes again."""

    opens_at: float = 2.0
    """Measured over promised error from which it opens."""
    closes_at: float = 1.4
    """Ratio below which it closes."""
    least_excess: float = 0.05
    """Share of demand by which the error must exceed the promised one: twice almost nothing is no alarm."""
    opens_below: float = 0.7
    """Share of slots within the 90 % band under which it opens."""
    closes_above: float = 0.8
    """Share from which it closes, whatever the error."""
    least_hours: int = 72
    """Compared hours of a forecast, at least; days of a daily one are a tenth of that."""

    def judged(self, actuals: pl.DataFrame) -> pl.DataFrame:
        """The newest forecast of each series that has enough slots and a backtest, with `opens` and `closes`.

        Args:
            actuals: rows of `forecast_actuals` of one verifying run.
        """
        least = pl.when(pl.col("grain") == "hour").then(self.least_hours).otherwise(self.least_hours // 10)
        ratio = pl.col("relative_error") / pl.col("expected_error")
        return (
            actuals.filter(
                pl.col("slots") >= least, pl.col("expected_error") > 0, pl.col("relative_error").is_not_null()
            )
            .sort("age_days")
            .unique(["grain", "scope", "subject", "metric"], keep="first", maintain_order=True)
            .with_columns(
                ratio=ratio,
                opens=(ratio >= self.opens_at)
                & (pl.col("relative_error") - pl.col("expected_error") >= self.least_excess)
                & (pl.col("coverage_90") < self.opens_below),
                closes=(ratio < self.closes_at) | (pl.col("coverage_90") >= self.closes_above),
            )
        )


def drift_events(
    actuals: pl.DataFrame, still_open: pl.DataFrame, rule: DriftRule | None = None
) -> pl.DataFrame:
    """Events to record, with the columns of EVENT_SCHEMA: newly opened ones, and open ones that now end.

    One event per subject, whatever the number of its metrics. An open event stays as it is while any metric
    of its subject neither closes nor lacks new measurements altogether; asked twice, nothing new comes.

    Args:
        actuals: rows of `forecast_actuals` of one verifying run.
        still_open: events of kind ACCURACY_DRIFT without an end, columns of EVENT_SCHEMA.
    """
    judged = (rule or DriftRule()).judged(actuals)
    already = set(still_open["subject"])
    events: list[dict[str, object]] = []
    for (subject,), rows in judged.group_by(["subject"], maintain_order=True):
        if subject in already:
            if rows["closes"].all():
                until = rows["measured_until"].max()
                mine = still_open.filter(pl.col("subject") == subject)
                events += [row | {"ends_at": until} for row in mine.iter_rows(named=True)]
            continue
        bad = rows.filter(pl.col("opens")).sort("ratio", descending=True)
        if bad.height:
            worst = bad.row(0, named=True)
            events.append(
                {
                    "ts": worst["measured_until"] - timedelta(hours=1),
                    "ends_at": None,
                    "subject": subject,
                    "kind": ACCURACY_DRIFT,
                    "description": sentence(worst, bad["metric"].unique(maintain_order=True).to_list()),
                }
            )
    return pl.DataFrame(events, schema=EVENT_SCHEMA)


def sentence(row: Mapping[str, Any], metrics: Sequence[str]) -> str:
    """What is off by how much, since when, and what was promised; `row` is the worst of the metrics."""
    others = f" (and {', '.join(metrics[1:])})" if metrics[1:] else ""
    since, kind = row["compared_from"], "hourly" if row["grain"] == "hour" else "daily"
    return (
        f"{kind} {row['metric']}{others} forecasts since {since.day} {since:%b} were off by"
        f" {100 * row['relative_error']:.0f} % of demand, past cutoffs promised"
        f" {100 * row['expected_error']:.0f} %;"
        f" the 90 % band held {100 * row['coverage_90']:.0f} % of the time"
    )
