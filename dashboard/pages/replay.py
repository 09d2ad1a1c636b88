"""Replay: what every sizing policy would have done on this estate's own past, per metric and tier."""

from __future__ import annotations

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.figures.frontier import OURS, Score, frontier_chart
from dashboard.page import Page
from dashboard.proof import pick
from dashboard.view import View
from dashboard.widgets import Children, Column, columns, graph, nothing, page, section, table, tabs
from data.series import UNITS

ALL = "all"
LEAST = 0.0001
"""Share of hours from which on shares are told apart in the chart; its axis is logarithmic."""
SIZE_WORDS = {"any": "any size", "catalog": "sizes of the price list"}


def layout(
    view: View, /, metric: str = "", hold: str = "", tier: str = ALL, sizes: str = "", **_: str
) -> Component:
    """The frontier of one metric, hold and tier; every policy's figures; target against realised."""
    scores = view.estate.replay_scores.with_columns(
        pl.col("hold_days").fill_null(7).cast(pl.String).alias("hold"), pl.col("sizes").fill_null("any")
    )
    if scores.is_empty():
        return page(
            "No policy was replayed yet.",
            nothing(
                "This page shows what each sizing policy, ours and its peers, would have held on past weeks,"
                " and how often that was too little.",
                "Replay what is stored, then publish.",
                "headroom replay && headroom publish",
            ),
        )
    order = {str(name): i for i, name in enumerate(UNITS)}
    metrics = sorted(scores["metric"].unique().to_list(), key=lambda name: order.get(name, 99))
    metric = pick(metric, metrics, metrics[0])
    mine = scores.filter(pl.col("metric") == metric)
    kinds = sorted(mine["sizes"].unique().to_list())
    sizes = pick(sizes, kinds, kinds[0])
    mine = mine.filter(pl.col("sizes") == sizes)
    holds = sorted(mine["hold"].unique().to_list(), key=int)
    hold = pick(hold, holds, holds[0])
    mine = mine.filter(pl.col("hold") == hold).with_columns(
        pl.col("tier").cast(pl.String).fill_null(ALL).alias("tier")
    )
    tiers = [ALL, *sorted(set(mine["tier"].to_list()) - {ALL})]
    tier = pick(tier, tiers, ALL)
    rows = _told_once(mine.filter(pl.col("tier") == tier))
    asked = {"metric": metric, "hold": hold, "tier": tier, "sizes": sizes}

    def choice(label: str, name: str, entries: dict[str, str]) -> Component | None:
        if len(entries) < 2:
            return None
        links = [
            (words, view.link("/replay", **(asked | {name: value})), value == asked[name])
            for value, words in entries.items()
        ]
        return tabs(label, *links)

    return page(
        answer(rows, mine, metric, tier),
        html.Div(
            [
                choice("Metric", "metric", {name: text.metric(name) for name in metrics}),
                choice("Hold", "hold", {one: f"held {one} days" for one in holds}),
                choice("Tier", "tier", {one: "all tiers" if one == ALL else f"tier {one}" for one in tiers}),
                choice("Sizes", "sizes", {one: SIZE_WORDS.get(one, one) for one in kinds}),
            ],
            className="choice-line",
        ),
        columns(_frontier(view, rows, metric), _calibration(mine)),
        _policies(rows),
    )


def _told_once(rows: pl.DataFrame) -> pl.DataFrame:
    """A policy without a budget has the same figures for every target: one row of it is enough."""
    peers = rows.filter(pl.col("policy") != OURS).unique("policy", maintain_order=True)
    return pl.concat(
        [rows.filter(pl.col("policy") == OURS), peers.with_columns(target_breach=pl.lit(None, pl.Float64))]
    )


def answer(rows: pl.DataFrame, mine: pl.DataFrame, metric: str, tier: str) -> str:
    """`Our policy holds 66 % of the CPU at 0.3 % of hours too small; no peer holds less for as few …`"""
    of = f"the {text.metric(metric)}" + ("" if tier == ALL else f" of tier {tier}")
    known = rows.drop_nulls(["allocated", "breached_hours"])
    ours = known.filter(pl.col("policy") == OURS).sort("target_breach")
    if ours.is_empty():
        return f"{text.plural(known['policy'].n_unique(), 'policy', 'policies')} were replayed on {of}."
    row = ours.row(ours.height // 2, named=True)
    held, breached = row["allocated"], row["breached_hours"]
    peers = known.filter(pl.col("policy") != OURS)
    better = peers.filter((pl.col("allocated") < held) & (pl.col("breached_hours") <= breached))
    words = (
        f"For a target of {text.percent(row['target_breach'])} our policy held {text.percent(held)} of {of}"
        f" with {text.percent(breached)} of hours too small"
    )
    if peers.is_empty():
        return words + "."
    if better.height:
        names = text.listing(better.sort("allocated")["policy"].to_list())
        return f"{words}; {names} held less with no more of them."
    return f"{words}; no peer held less with so few."


def _frontier(view: View, rows: pl.DataFrame, metric: str) -> Component:
    drawn = [
        Score(row["policy"], row["allocated"], row["breached_hours"])
        for row in rows.iter_rows(named=True)
        if text.known(row["allocated"]) and text.known(row["breached_hours"])
    ]
    first = rows.row(0, named=True) if rows.height else {}
    span = (
        f" Sizes were made from {text.day(first['starts_at'])}; scored until {text.day(first['ends_at'])}."
        if first.get("starts_at")
        else ""
    )
    windows = first.get("entity_windows") or 0
    return section(
        "Cost against risk",
        graph(
            frontier_chart(drawn, view.palette, least=LEAST),
            f"Held against hours too small, {text.metric(metric)}, by policy",
            380,
            "frontier",
        ),
        html.P(
            "Lower left is better. Each policy sized past weeks from what was known before them, looking back"
            f" as far as its own rule says; where it had no answer, today's size stayed.{span}"
            f" {text.plural(windows, 'window')} of resources.",
            className="caption",
        ),
        note="nothing in hindsight",
    )


def _calibration(mine: pl.DataFrame) -> Component:
    """What our policy promised against what happened, per tier."""
    ours = mine.filter((pl.col("policy") == OURS) & pl.col("breached_hours").is_not_null())
    if ours.is_empty():
        return section("Target against realised", html.P("Our policy was not replayed.", className="caption"))
    ordered = ours.sort(pl.col("tier") != ALL, "tier", "target_breach")
    body: list[list[Children]] = [
        [
            "all tiers" if row["tier"] == ALL else f"tier {row['tier']}",
            text.percent(row["target_breach"], 2),
            text.percent(row["breached_hours"], 2),
            f"{row['breached_hours'] / row['target_breach']:.2f}",
            text.percent(row["allocated"]),
            text.percent(row["changes"]),
        ]
        for row in ordered.iter_rows(named=True)
    ]
    heads = [
        Column(""),
        Column("Target", numeric=True),
        Column("Realised", numeric=True, hint="Share of hours whose peak exceeded the size"),
        Column("Ratio", numeric=True, hint="Realised over target; 1 is exact, below 1 is careful"),
        Column("Held", numeric=True),
        Column("Moved", numeric=True, wide_only=True, hint="Sizes that changed from one window to the next"),
    ]
    return section(
        "Target against realised",
        table(heads, body, "Breach target against realised"),
        html.P(
            "One budget for the fleet: hours of tier 1 count four times those of tier 3, so tiers realise"
            " different shares.",
            className="caption",
        ),
        note="our policy",
    )


def _policies(rows: pl.DataFrame) -> Component:
    ordered = rows.sort("allocated", "policy", nulls_last=True)
    body: list[list[Children]] = [
        [
            html.Strong(row["policy"]) if row["policy"] == OURS else row["policy"],
            text.percent(row["target_breach"], 2) if row["target_breach"] is not None else text.NONE,
            text.percent(row["allocated"]),
            text.percent(row["breached_hours"], 2),
            text.percent(row["breached_windows"]),
            text.NONE if row["worst_overshoot"] is None else f"{row['worst_overshoot']:.2f}",
            text.percent(row["changes"]),
            text.percent(row["refused"]),
        ]
        for row in ordered.iter_rows(named=True)
    ]
    heads = [
        Column("Policy"),
        Column("Target", numeric=True, wide_only=True, hint="Only our policy has a budget"),
        Column("Held", numeric=True, hint="Share of what is provisioned"),
        Column("Hours too small", numeric=True, hint="Share of hours whose peak exceeded the size"),
        Column("Weeks with one", numeric=True, wide_only=True, hint="Share of windows with such an hour"),
        Column("Worst", numeric=True, hint="Highest peak over the size"),
        Column("Moved", numeric=True, hint="Sizes that changed from one window to the next"),
        Column("No answer", numeric=True, wide_only=True),
    ]
    return section("Every policy", table(heads, body, "Policies replayed"))


PAGE = Page(path="/replay", title="Replay", layout=layout, parent="/accuracy")
