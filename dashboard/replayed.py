"""Replayed policies of one metric, hold and tier, next to the best rules in hindsight; for two pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.estate import Estate
from dashboard.figures.frontier import OURS, Score, frontier_chart
from dashboard.proof import pick
from dashboard.view import View
from dashboard.widgets import graph
from data.series import UNITS
from models.replay.frontier import allocated_at

ALL = "all"
"""The tier of what is told of all tiers together."""
LEAST = 0.0001
"""Share of hours from which on shares are told apart in the chart; its axis is logarithmic."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What one replay says, and what else could be asked for."""

    asked: dict[str, str]
    """metric, hold, tier, sizes."""
    offered: Mapping[str, tuple[str, ...]]
    """The same -> what there is to choose from."""
    rows: pl.DataFrame
    """Scores of every tier, `tier` as a word."""
    rules: pl.DataFrame
    """The best rules in hindsight of every tier."""

    @property
    def scores(self) -> pl.DataFrame:
        """Scores of the tier asked for, every policy told once per target it knows."""
        return self.of(self.asked["tier"])

    def of(self, tier: str) -> pl.DataFrame:
        rows = self.rows.filter(pl.col("tier") == tier)
        # A policy without a budget has the same figures for every target: one row of it is enough.
        peers = rows.filter(pl.col("policy") != OURS).unique("policy", maintain_order=True)
        return pl.concat(
            [
                rows.filter(pl.col("policy") == OURS),
                peers.with_columns(target_breach=pl.lit(None, pl.Float64)),
            ]
        )

    def rules_of(self, tier: str) -> pl.DataFrame:
        return self.rules.filter(pl.col("tier") == tier)

    def rule_at(self, tier: str, breached: float) -> float | None:
        """What the best rule in hindsight holds at that share of hours; None where no rule has so few."""
        rules = self.rules_of(tier)
        if rules.is_empty():
            return None
        held = allocated_at(rules, [max(breached, float(rules["breached_hours"].min()), 1e-7)])[0]  # type: ignore[arg-type]
        return held if text.known(held) else None


def replayed(
    estate: Estate, metric: str = "", hold: str = "", tier: str = "", sizes: str = ""
) -> Replayed | None:
    """The replay that is asked for; what is not known is answered with the first there is. None: no replay.

    Of the tiers the most important one comes first: an average over tiers would hide what matters most.
    """
    scores = _worded(estate.replay_scores)
    if scores.is_empty():
        return None
    order = {str(name): i for i, name in enumerate(UNITS)}
    metrics = sorted(scores["metric"].unique().to_list(), key=lambda name: (order.get(name, 99), name))
    metric = pick(metric, metrics, metrics[0])
    mine = scores.filter(pl.col("metric") == metric)
    kinds = sorted(mine["sizes"].unique().to_list())
    sizes = pick(sizes, kinds, kinds[0])
    mine = mine.filter(pl.col("sizes") == sizes)
    holds = sorted(mine["hold"].unique().to_list(), key=int)
    hold = pick(hold, holds, holds[0])
    mine = mine.filter(pl.col("hold") == hold)
    found = set(mine["tier"].to_list())
    tiers = [*sorted(found - {ALL}, key=int), *([ALL] if ALL in found else [])]
    tier = pick(tier, tiers, tiers[0])
    rules = _worded(estate.replay_rules).filter((pl.col("metric") == metric) & (pl.col("hold") == hold))
    if sizes != "any":
        rules = rules.clear()
    return Replayed(
        {"metric": metric, "hold": hold, "tier": tier, "sizes": sizes},
        {"metric": tuple(metrics), "hold": tuple(holds), "tier": tuple(tiers), "sizes": tuple(kinds)},
        mine,
        rules,
    )


def _worded(frame: pl.DataFrame) -> pl.DataFrame:
    """Hold, tier and sizes as the address names them."""
    frame = frame.with_columns(
        pl.col("hold_days").fill_null(7).cast(pl.String).alias("hold"),
        pl.col("tier").cast(pl.String).fill_null(ALL),
    )
    return frame.with_columns(pl.col("sizes").fill_null("any")) if "sizes" in frame.columns else frame


def tier_words(tier: str) -> str:
    return "all tiers" if tier == ALL else f"tier {tier}"


def frontier(view: View, found: Replayed, height: int) -> Component:
    """The chart of one tier, with the line of the best rules in hindsight."""
    tier = found.asked["tier"]
    scores = drawn(found.scores)
    if not scores:
        return html.P("No policy could be scored here.", className="caption")
    rules = found.rules_of(tier).select("allocated", "breached_hours").rows()
    name = text.metric(found.asked["metric"])
    return graph(
        frontier_chart(scores, view.palette, least=LEAST, rules=rules),
        f"Held against hours too small, {name} of {tier_words(tier)}, by policy",
        height,
        "frontier",
    )


def drawn(scores: pl.DataFrame) -> Sequence[Score]:
    return [
        Score(row["policy"], row["allocated"], row["breached_hours"], row["target_breach"])
        for row in scores.iter_rows(named=True)
        if text.known(row["allocated"]) and text.known(row["breached_hours"])
    ]
