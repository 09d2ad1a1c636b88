"""Estate: what the pages read of one published snapshot, each question asked once.

A published snapshot never changes, so what was read of it is kept as long as it is the newest one.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import polars as pl

from dashboard import text
from data.snapshot import Snapshot


class Estate:
    """Frames of one snapshot, read when first asked for."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    @cached_property
    def as_of(self) -> datetime:
        """End of the newest complete hour measured, aware, UTC: the `today` of every page and chart."""
        as_of = self.snapshot.as_of
        return as_of if as_of.tzinfo is not None else as_of.replace(tzinfo=UTC)

    @property
    def today(self) -> date:
        """The day the snapshot speaks of."""
        return (self.as_of - timedelta(microseconds=1)).date()

    @property
    def currency(self) -> str:
        return self.snapshot.currency

    @cached_property
    def resources(self) -> pl.DataFrame:
        """One row per resource: see `page_resources.sql`."""
        frame = self.snapshot.frame("page_resources")
        said = {
            name: [words and text.readable(words) for words in frame[name]] for name in ("because", "advice")
        }
        return frame.with_columns(pl.Series(name, words, pl.String) for name, words in said.items())

    @cached_property
    def metric_findings(self) -> pl.DataFrame:
        return self.snapshot.table("metric_findings")

    @cached_property
    def recommendations(self) -> pl.DataFrame:
        return self.snapshot.table("recommendations")

    @cached_property
    def alternatives(self) -> pl.DataFrame:
        """Advice for several resources together: a row per alternative and resource."""
        return self.snapshot.table("alternatives")

    @cached_property
    def exhaustion(self) -> pl.DataFrame:
        """Most urgent first, resources and services."""
        return self.snapshot.frame("page_exhaustion")

    @cached_property
    def monthly_costs(self) -> pl.DataFrame:
        return self.snapshot.frame("page_monthly_costs")

    @cached_property
    def first_whole_month(self) -> date | None:
        """The first month the inventory covers from its first day on; None without an inventory."""
        first = self.snapshot.frame("page_inventory_start").item()
        if first is None or first.day == 1:
            return None if first is None else first.date()
        return date(first.year + first.month // 12, first.month % 12 + 1, 1)

    @cached_property
    def forecast_series(self) -> pl.DataFrame:
        return self.snapshot.table("forecast_series")

    @cached_property
    def scores(self) -> pl.DataFrame:
        """One row per forecast series that was scored on past cutoffs: see `page_scores.sql`."""
        return self.snapshot.frame("page_scores")

    @cached_property
    def forecast_actuals(self) -> pl.DataFrame:
        """What came of earlier forecasts, in the newest comparison."""
        return self.snapshot.frame("page_actuals")

    @cached_property
    def reliability(self) -> pl.DataFrame:
        return self.snapshot.table("reliability")

    @cached_property
    def replay_scores(self) -> pl.DataFrame:
        return self.snapshot.table("replay_scores")

    @cached_property
    def replay_rules(self) -> pl.DataFrame:
        """The percentile-and-margin rules that did best in hindsight, per metric, tier and hold."""
        return self.snapshot.table("replay_rules")

    @cached_property
    def freshness(self) -> pl.DataFrame:
        """One row per series: when it was last heard of."""
        return self.snapshot.frame("page_freshness", as_of=self.as_of)

    @cached_property
    def sources(self) -> pl.DataFrame:
        """One row per source: see `health_sources.sql`."""
        return self.snapshot.frame("health_sources")

    @cached_property
    def coverage(self) -> pl.DataFrame:
        """How much of its last 28 days each series reported: see `health_coverage.sql`."""
        return self.snapshot.frame("health_coverage", as_of=self.as_of)

    @cached_property
    def rejected(self) -> pl.DataFrame:
        return self.snapshot.frame("page_rejected")

    @cached_property
    def runs(self) -> pl.DataFrame:
        return self.snapshot.frame("page_runs")

    @cached_property
    def names(self) -> list[dict[str, str]]:
        """What the search knows: services and resources with the words they are found by."""
        services = [
            {"kind": "service", "name": str(row["service"]), "words": str(row["team"] or "")}
            for row in self.resources.filter(pl.col("service").is_not_null())
            .unique("service")
            .sort("service")
            .iter_rows(named=True)
        ]
        resources = [
            {
                "kind": "resource",
                "name": row["resource"],
                "words": " ".join(str(row[c]) for c in ("kind", "service", "site") if row[c]),
            }
            for row in self.resources.select("resource", "kind", "service", "site").iter_rows(named=True)
        ]
        return services + resources


def by_urgency(resources: pl.DataFrame) -> pl.DataFrame:
    """Resources with the most urgent state first, the dearest first among equals."""
    order = {status: i for i, status in enumerate(text.STATUS_WORDS)}
    rank = pl.col("status").replace_strict(order, default=len(order), return_dtype=pl.Int32)
    return resources.sort(rank, "monthly_cost", "resource", descending=[False, True, False], nulls_last=True)
