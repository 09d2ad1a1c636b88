"""Sums of money behind the pages: by month, by owner, by state, and from now to the recommended sizes."""

from __future__ import annotations

from datetime import date

import polars as pl

from dashboard.view import NOBODY, View

GROUPS = ("service", "team", "provider", "site", "kind")
"""What costs can be shown by."""


def total(column: pl.Series) -> float:
    """The sum of what is known of a column."""
    return float(column.sum() or 0)


def months(view: View) -> pl.DataFrame:
    """Monthly costs in this place, whole months only; a team's are those of its services."""
    rows = view.estate.monthly_costs
    if view.estate.first_whole_month is not None:
        rows = rows.filter(pl.col("month") >= view.estate.first_whole_month)
    for column in ("provider", "site"):
        if column in view.place:
            rows = rows.filter(pl.col(column).fill_null(NOBODY).is_in(list(view.place[column])))
    if "team" in view.place:
        teams = view.estate.resources.select("service", "team").drop_nulls("service").unique("service")
        rows = rows.join(teams, on="service", how="left")
        rows = rows.filter(pl.col("team").fill_null(NOBODY).is_in(list(view.place["team"])))
    return rows


def month_totals(view: View) -> pl.DataFrame:
    """month, cost, low, high, is_forecast: one row per month in this place.

    Bands are added up, which is too wide where services err independently: never too narrow.
    """
    return (
        months(view)
        .group_by("month")
        .agg(
            pl.sum("cost"),
            pl.col("low").fill_null(pl.col("cost")).sum(),
            pl.col("high").fill_null(pl.col("cost")).sum(),
            pl.col("is_forecast").any(),
        )
        .sort("month")
    )


def future_cost(view: View, ahead: int) -> tuple[float, float | None, float | None] | None:
    """Cost, low and high of the month `ahead` months from now, or the last before it; None: no forecast."""
    totals = month_totals(view).filter(pl.col("is_forecast"))
    today = view.estate.today
    number = today.year * 12 + today.month - 1 + ahead
    until = date(number // 12, number % 12 + 1, 1)
    totals = totals.filter(pl.col("month") <= until)
    if totals.is_empty():
        return None
    row = totals.row(-1, named=True)
    return row["cost"], row["low"], row["high"]


def unused_by_status(resources: pl.DataFrame) -> dict[str, float]:
    """State -> what is paid a month for its unused capacity; only states where that is something."""
    sums = resources.group_by("status").agg(pl.col("unused_cost").fill_null(0).sum().alias("unused"))
    found = {row["status"]: row["unused"] for row in sums.iter_rows(named=True) if row["unused"] > 0}
    return dict(sorted(found.items(), key=lambda entry: -entry[1]))


def by_group(resources: pl.DataFrame, group: str) -> pl.DataFrame:
    """Costs of this place by service, team, provider, site or kind, the dearest first.

    Returns: name (None = not known), resources, unpriced, cost, idle, over, unused, and change: the cost at
    the recommended sizes minus the cost now.
    """
    unused = pl.col("unused_cost").fill_null(0)
    return (
        resources.group_by(pl.col(group).alias("name"))
        .agg(
            pl.len().alias("resources"),
            pl.col("monthly_cost").is_null().sum().alias("unpriced"),
            pl.col("monthly_cost").fill_null(0).sum().alias("cost"),
            unused.filter(pl.col("status") == "idle").sum().alias("idle"),
            unused.filter(pl.col("status") != "idle").sum().alias("over"),
            unused.sum().alias("unused"),
            (-pl.col("saving").fill_null(0)).sum().alias("change"),
        )
        .sort("cost", "name", descending=[True, False])
    )


def ledger(resources: pl.DataFrame) -> list[tuple[str, str, int, float]]:
    """From what is paid now to what the recommended sizes cost: (state, action, resources, change a month).

    The changes and the cost now add up to the cost at the recommended sizes, to the cent.
    """
    changes = (
        resources.filter(pl.col("saving").is_not_null() & (pl.col("saving") != 0))
        .group_by("status", "action")
        .agg(pl.len().alias("resources"), (-pl.sum("saving")).alias("change"))
        .sort("change")
    )
    return [tuple(row) for row in changes.select("status", "action", "resources", "change").iter_rows()]
