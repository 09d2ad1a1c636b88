"""The tables behind the pages as files have them: plain numbers, named columns, limited as the page is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from dashboard.costs import GROUPS, by_group
from dashboard.grid import with_words
from dashboard.outlook import watched
from dashboard.pages import accuracy, provisioning, resources, runway
from dashboard.proof import pick
from dashboard.replayed import replayed
from dashboard.service_rows import GROUPS as METRICS
from dashboard.service_rows import SORTS, service_rows
from dashboard.together import alternatives
from dashboard.verdicts import verdicts_of, with_verdicts
from dashboard.view import View
from data.series import UNITS

Query = Mapping[str, str]


def costs_file(view: View, query: Query) -> pl.DataFrame:
    """Costs by owner."""
    by = pick(query.get("by", ""), list(GROUPS), "service")
    unit = f"{view.estate.currency}/month"
    return by_group(view.resources, by).select(
        pl.col("name").fill_null("not known").alias(by),
        "resources",
        pl.col("unpriced").alias("resources without price"),
        pl.col("cost").round(2).alias(f"cost {unit}"),
        pl.col("idle").round(2).alias(f"idle {unit}"),
        pl.col("over").round(2).alias(f"unused in use {unit}"),
        pl.col("change").round(2).alias(f"change at recommended sizes {unit}"),
    )


def resources_file(view: View, query: Query) -> pl.DataFrame:
    """Every resource with its use, finding, cost and recommendation."""
    frame = resources.shown(view, *(query.get(name, "") for name in ("status", "kind", "service")))
    # The finding and the shares of the grid come first; all else that is known follows.
    first = ["resource", "status", "because", *resources.METRICS, "monthly_cost", "unused_cost"]
    return _in_currency(
        with_words(frame.select(*first, pl.exclude(first)), query.get("words", ""), resources.SEARCHED), view
    )


def services_file(view: View, query: Query) -> pl.DataFrame:
    """Every service: state and p95 of use per metric, what runs out next, cost."""
    sort = pick(query.get("sort", ""), list(SORTS), "urgency")
    rows = []
    for row in sorted(service_rows(view), key=SORTS[sort]):
        line: dict[str, object] = {
            "service": row.service,
            "tier": row.tier,
            "team": row.team,
            "resources": row.resources,
        }
        for column in METRICS:
            status, use, count, *_ = row.cells.get(column, (None, None, None))
            line |= {f"{column} state": status, f"{column} resources so": count, f"{column} p95 share": use}
        out = row.next_out or {}
        line |= {
            "runs out next": out.get("subject"),
            "metric": out.get("metric"),
            "state": out.get("state"),
            "date 0.1": out.get("date_low"),
            "date 0.5": out.get("date_mid"),
            "date 0.9": out.get("date_high"),
            f"cost {view.estate.currency}/month": round(row.cost, 2),
            f"unused {view.estate.currency}/month": round(row.unused, 2),
        }
        rows.append(line)
    return pl.DataFrame(rows, infer_schema_length=None)


def provisioning_file(view: View, query: Query) -> pl.DataFrame:
    """The recommended changes of a tab, with sizes and costs now and then."""
    here = view.resources
    if query.get("service"):
        here = here.filter(pl.col("service") == query["service"])
    here = with_verdicts(here, verdicts_of(view), view.estate.today)
    if query.get("tab") == provisioning.TOGETHER:
        names = alternatives(view, here)["alternative"].implode()
        return view.estate.alternatives.filter(pl.col("alternative").is_in(names))
    tab = pick(query.get("tab", ""), list(provisioning.TABS), "all")
    shown = provisioning.changes(view, here, tab)
    frame = with_words(shown, query.get("words", ""), provisioning.SEARCHED).drop(
        "change_words", "change_below", "due", "said"
    )
    details = here.select(
        "resource",
        "action",
        "from_type",
        "from_size",
        "to_type",
        "to_size",
        "cost_now",
        "cost_then",
        "policy",
    )
    joined = frame.join(details, on="resource", how="left", maintain_order="left")
    named = joined.rename({"change": "change_of_cost", "verdict": "decided"})
    return _in_currency(named, view)


def runway_file(view: View, query: Query) -> pl.DataFrame:
    """What runs out when, and what has no date and why."""
    scope = pick(query.get("scope", ""), list(runway.SCOPES), "resource")
    rows = view.exhaustion(scope)
    if query.get("metric"):
        rows = rows.filter(pl.col("metric") == query["metric"])
    units = {str(name): str(unit) for name, unit in UNITS.items()}
    unit = pl.col("metric").replace_strict(units, default=None, return_dtype=pl.String).alias("unit")
    return pl.concat(
        [watched(rows), rows.join(watched(rows), on=["subject", "metric"], how="anti")]
    ).with_columns(unit)


def accuracy_file(view: View, query: Query) -> pl.DataFrame:
    """Every forecast series of a grain with its scores."""
    return accuracy.scored(view, pick(query.get("grain", ""), list(accuracy.GRAINS), "hour"))


def replay_file(view: View, query: Query) -> pl.DataFrame:
    """Every policy, target and tier of a replay, and the best rules in hindsight."""
    asked = {name: query.get(name, "") for name in ("metric", "hold", "tier", "sizes")}
    found = replayed(view.estate, **asked)
    if found is None:
        return view.estate.replay_scores
    rules = found.rules.with_columns(policy=pl.lit("best rule in hindsight"))
    return pl.concat([found.rows.drop("hold"), rules.drop("hold")], how="diagonal_relaxed")


def health_file(view: View, query: Query) -> pl.DataFrame:
    """Every series with when it was last heard of and how much of its last 28 days was reported."""
    here = pl.col("resource").is_in(view.resources["resource"].implode())
    rows = view.estate.freshness.filter(here).sort(
        "hours_silent", "resource", "metric", descending=[True, False, False]
    )
    coverage = view.estate.coverage.select("resource", "metric", "reported", "expected", "coverage")
    return rows.join(coverage, on=["resource", "metric"], how="left", maintain_order="left")


FILES: Mapping[str, Callable[[View, Query], pl.DataFrame]] = {
    "services": services_file,
    "resources": resources_file,
    "provisioning": provisioning_file,
    "runway": runway_file,
    "costs": costs_file,
    "accuracy": accuracy_file,
    "replay": replay_file,
    "health": health_file,
}
"""What can be downloaded; each as `.csv` and `.xlsx`."""


def _in_currency(frame: pl.DataFrame, view: View) -> pl.DataFrame:
    """The rows with the currency that their amounts are in."""
    return frame.with_columns(pl.lit(view.estate.currency).alias("currency"))
