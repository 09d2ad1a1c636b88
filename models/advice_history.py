"""What was advised when: every run's advice joined to what is known of earlier runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from data.choice import Choice, Verdict
from data.decision import Action
from data.series import Metric

_KEY = ("resource", "action", "to_type", "to_size")
_ORDER = ("resource", "first_at", "action", "to_type", "to_size")
_SIZES = 8
"""Sizes of one kind of change that are remembered per resource, beside the first: amounts move a little with
demand in every run, and would fill the table."""
_KEPT = timedelta(days=800)
"""Advice that was not repeated for longer is forgotten: two years, and what comes in late."""

ADVISED_SCHEMA: dict[str, pl.DataType] = {
    **{name: pl.String() for name in ("resource", "action", "from_type", "to_type", "from_size", "to_size")},
    **{name: pl.Float64() for name in ("target_cpu", "target_memory", "target_storage", "target_network")},
    "cost_now": pl.Decimal(18, 2),
    "cost_then": pl.Decimal(18, 2),
    "currency": pl.String(),
    "breach_now": pl.Float64(),
    "breach_then": pl.Float64(),
    "first_at": pl.Datetime("us"),
    "last_at": pl.Datetime("us"),
}
_FIELDS = (
    "from_type", "to_type", "from_size", "to_size", "cost_now", "cost_then", "breach_now", "breach_then",
)  # fmt: skip
TARGETS: dict[str, tuple[str, ...]] = {
    "target_cpu": (Metric.CPU,),
    "target_memory": (Metric.MEMORY,),
    "target_storage": (Metric.STORAGE,),
    "target_network": (Metric.NETWORK_IN, Metric.NETWORK_OUT),
}
"""Column of the advice -> metrics whose amount it states."""


def advised_until(known: pl.DataFrame, advice: list[pl.DataFrame], as_of: datetime) -> pl.DataFrame:
    """Rows of the table `advised` after a run.

    Args:
        known: its rows before; those of a later time than `as_of` are taken back, so that a run repeated for
            an earlier hour does not know the future.
        advice: rows of `recommendations` and `alternatives`; keeping is no advice to remember.
        as_of: end of the newest hour the advice knows of.
    """
    now = as_of.replace(tzinfo=None)
    before = known.select(*ADVISED_SCHEMA).cast(ADVISED_SCHEMA)  # type: ignore[arg-type]
    before = before.filter((pl.col("first_at") <= now) & (pl.col("last_at") > now - _KEPT))
    before = before.with_columns(
        pl.min_horizontal("last_at", pl.lit(now)).cast(pl.Datetime("us")).alias("last_at")
    )
    said = pl.concat(
        [
            rows.filter(pl.col("action") != str(Action.KEEP))
            .with_columns(pl.lit(now, pl.Datetime("us")).alias("first_at"))
            .with_columns(pl.col("first_at").alias("last_at"))
            .select(*ADVISED_SCHEMA)
            .cast(ADVISED_SCHEMA)  # type: ignore[arg-type]
            for rows in advice
        ]
    ).unique(_KEY, keep="first", maintain_order=True)
    first = before.select(*_KEY, pl.col("first_at").alias("_first"))
    again = said.join(first, on=list(_KEY), how="left", nulls_equal=True).with_columns(
        pl.coalesce("_first", "first_at").alias("first_at")
    )
    gone = before.join(said.select(_KEY), on=list(_KEY), how="anti", nulls_equal=True)
    every = pl.concat([gone, again.select(*ADVISED_SCHEMA)]).sort(*_ORDER)
    newer = pl.int_range(pl.len()).reverse().over("resource", "action", "to_type")
    first_one = pl.int_range(pl.len()).over("resource", "action", "to_type") == 0
    return every.filter(first_one | (newer < _SIZES))


def as_choices(advised: pl.DataFrame) -> list[tuple[Choice, datetime]]:
    """Advice as if it had been accepted when it was first given, and when it was given last.

    For `models.realised.carried_out`.
    """
    return [
        (
            Choice(
                resource=row["resource"],
                verdict=Verdict.ACCEPT,
                action=row["action"],
                at=row["first_at"].replace(tzinfo=UTC),
                targets={
                    str(metric): row[column]
                    for column, metrics in TARGETS.items()
                    for metric in metrics
                    if row[column] is not None
                },
                **{name: row[name] for name in _FIELDS},
                currency=row["currency"] or "",
            ),
            row["last_at"].replace(tzinfo=UTC),
        )
        for row in advised.sort(*_ORDER).iter_rows(named=True)
    ]
