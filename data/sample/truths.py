"""Truths: what is known about the sample fleet because it was made that way."""

from __future__ import annotations

from datetime import date

import polars as pl

TRUTH_SCHEMA: dict[str, pl.DataType] = {
    "subject": pl.String(),
    "scope": pl.String(),
    "kind": pl.String(),
    "metric": pl.String(),
    "clean": pl.Boolean(),
    "date": pl.Date(),
    "days_remaining": pl.Float64(),
    "value": pl.Float64(),
    "detail": pl.String(),
}
"""One row per truth. `scope` is 'resource' or 'service'; `kind` a `Role`, or `driven`, `shift`; `metric` is
null where a truth is about all of them. `value` is, by kind: exhausting: share of capacity gained per day;
driven: elasticity; shift: demand before it as a share of demand after it; resized: capacity before / after.
`clean` marks the exhausting ones whose date can be read off a straight line."""

Truth = tuple[str, str, str, str | None, bool | None, date | None, float | None, float | None, str]


def truth(
    subject: str,
    kind: str,
    detail: str,
    *,
    scope: str = "resource",
    metric: str | None = None,
    clean: bool | None = None,
    when: date | None = None,
    days_remaining: float | None = None,
    value: float | None = None,
) -> Truth:
    """One row of the truths."""
    return (subject, scope, kind, metric, clean, when, days_remaining, value, detail)


def truth_frame(truths: list[Truth]) -> pl.DataFrame:
    """TRUTH_SCHEMA, in order of kind and subject."""
    return pl.DataFrame(truths, schema=TRUTH_SCHEMA, orient="row").sort("kind", "subject", "metric")
