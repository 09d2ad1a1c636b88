"""Samples written by hand for the tests of the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from data.frames import Batch
from data.loading import Loaded
from data.store import Store

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime(2024, 6, 1, tzinfo=UTC)

Row = tuple[object, ...]
"""Minutes after MONDAY, resource, metric, value, [value_max], [capacity]."""


def samples(rows: list[Row]) -> pl.DataFrame:
    """A sample frame of some rows; a moment of None stays None."""
    padded = [(*row, None, None)[:6] for row in rows]
    return pl.DataFrame(
        {
            "ts": [None if r[0] is None else MONDAY + timedelta(minutes=float(r[0])) for r in padded],  # type: ignore[arg-type]
            **{name: [r[i] for r in padded] for i, name in enumerate(COLUMNS) if i},
        },
        schema={"ts": pl.Datetime("us", "UTC"), "resource": pl.String, "metric": pl.String}
        | dict.fromkeys(("value", "value_max", "capacity"), pl.Float64),
        strict=False,
    )


COLUMNS = ("ts", "resource", "metric", "value", "value_max", "capacity")


def load(store: Store, *rows: Row, step_seconds: int | None = None, source: str = "test") -> Loaded:
    """Loads some rows as one batch."""
    return store.load(
        Batch(samples(list(rows))), run_id="r1", source=source, step_seconds=step_seconds, now=NOW
    )


def stored(store: Store, prefix: str = "") -> list[Row]:
    """Every stored sample as a Row, sorted; resources that start with `prefix`, which is cut off."""
    frame = store.frame("samples_of", resource=None)
    rows = frame.filter(pl.col("resource").str.starts_with(prefix)).sort("resource", "metric", "ts")
    return [
        ((ts - MONDAY) / timedelta(minutes=1), resource.removeprefix(prefix), *rest)
        for ts, resource, *rest in rows.select(COLUMNS).iter_rows()
    ]
