"""health: per source and per resource, how fresh and how complete what was measured is."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from data.store import Store
from headroom.settings import Settings

DAYS = 28
"""Over which coverage and gaps are told."""

STATES = ("never", "silent", "late", "reporting")
"""Of a resource, the worst first: that of the worst of its metrics."""


def sources(store: Store) -> pl.DataFrame:
    """One row per source: health_sources, with the reasons of its rejected rows."""
    reasons = (
        store.frame("health_rejected")
        .group_by("source", maintain_order=True)
        .agg(pl.format("{} ({})", "reason", "rows").head(3).str.join("; ").alias("rejected_because"))
    )
    return store.frame("health_sources").join(reasons, on="source", how="left", maintain_order="left")


def resources(store: Store, as_of: datetime | None = None) -> pl.DataFrame:
    """One row per resource and metric: state, newest sample, coverage and gaps, the worst first.

    Args:
        as_of: the moment that silence is told from; None = the end of the newest hour measured.
    """
    newest = as_of or store.newest_sample()
    since = newest - timedelta(days=DAYS) if newest else None
    gaps = (
        store.frame("health_gaps", since=since)
        .group_by("resource", "metric")
        .agg(gaps=pl.len(), gap_hours=pl.col("hours").sum(), longest_gap_hours=pl.col("hours").max())
    )
    coverage = store.frame("health_coverage", as_of=as_of, days=DAYS)
    order = {state: place for place, state in enumerate(STATES)}
    keys = ["resource", "metric"]
    return (
        store.frame("health_freshness", as_of=as_of)
        .join(coverage.drop("samples"), on=keys, how="left")
        .join(gaps, on=keys, how="left")
        .with_columns(pl.col("gaps", "gap_hours", "longest_gap_hours").fill_null(0))
        .sort(pl.col("state").replace_strict(order, default=len(order)), "coverage", *keys, nulls_last=True)
    )


def document(store: Store, as_of: datetime | None = None) -> dict[str, object]:
    """Everything as plain values, for JSON: times are ISO 8601 in UTC."""
    told = resources(store, as_of)
    counts = told.group_by("state").len()
    return {
        "days": DAYS,
        "series": dict.fromkeys(STATES, 0) | dict(counts.iter_rows()),
        "sources": _plain(sources(store)),
        "resources": _plain(told),
        "rejected": _plain(store.frame("health_rejected")),
    }


def _plain(rows: pl.DataFrame) -> list[dict[str, object]]:
    times = [name for name, kind in rows.schema.items() if isinstance(kind, pl.Datetime)]
    return rows.with_columns(pl.col(times).dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_dicts()


def read(settings: Settings, as_of: datetime | None = None) -> dict[str, object]:
    """The health of the store of the settings.

    Raises:
        StoreUnavailable: there is no store, or a job is writing it right now.
    """
    with Store.open_readonly(settings.store_path) as store:
        return document(store, as_of)
