"""Replay: what every sizing policy would have done on this estate's own past, per metric and tier."""

from __future__ import annotations

from typing import Any

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.figures.frontier import OURS
from dashboard.page import Page
from dashboard.replayed import ALL, Replayed, frontier, replayed, tier_words
from dashboard.view import View
from dashboard.widgets import Children, Column, columns, files, nothing, page, section, table, tabs

ALLOWED = 1.2
"""Times the target up to which a target counts as kept: the figure is a measurement."""
SIZE_WORDS = {"any": "any size", "catalog": "sizes of the price list"}


def layout(
    view: View, /, metric: str = "", hold: str = "", tier: str = "", sizes: str = "", **_: str
) -> Component:
    """The frontier of one metric, hold and tier; every policy's figures per tier; target against realised."""
    found = replayed(view.estate, metric, hold, tier, sizes)
    if found is None:
        return page(
            "No policy was replayed yet.",
            nothing(
                "This page shows what each sizing policy, ours and its peers, would have held on past weeks,"
                " and how often that was too little.",
                "Replay what is stored, then publish.",
                "headroom replay && headroom publish",
            ),
        )

    def choice(label: str, name: str, words: Any) -> Component | None:
        if len(found.offered[name]) < 2:
            return None
        links = [
            (words(value), view.link("/replay", **(found.asked | {name: value})), value == found.asked[name])
            for value in found.offered[name]
        ]
        return tabs(label, *links)

    return page(
        answer(found),
        html.Div(
            [
                choice("Metric", "metric", text.metric),
                choice("Hold", "hold", lambda days: f"held {days} days"),
                choice("Tier", "tier", tier_words),
                choice("Sizes", "sizes", lambda kind: SIZE_WORDS.get(kind, kind)),
            ],
            className="choice-line",
        ),
        columns(_frontier(view, found), _calibration(found)),
        _policies(found),
        aside=files(view, "replay", **found.asked),
    )


def answer(found: Replayed) -> str:
    """`In tier 1 our policy held 66 % of the CPU with 0.3 % of hours too small, 12 % less than …`"""
    tier = found.asked["tier"]
    name = text.metric(found.asked["metric"])
    known = found.scores.drop_nulls(["allocated", "breached_hours"])
    ours = known.filter(pl.col("policy") == OURS).sort("target_breach")
    where = "Over all tiers" if tier == ALL else f"In tier {tier}"
    if ours.is_empty():
        count = text.plural(known["policy"].n_unique(), "policy", "policies")
        was = "was" if known["policy"].n_unique() == 1 else "were"
        return f"{where} {count} {was} replayed on the {name}, ours not."
    row = ours.row(ours.height // 2, named=True)
    held, breached = row["allocated"], row["breached_hours"]
    words = (
        f"{where} our policy held {text.percent(held)} of the {name}"
        f" with {text.percent(breached, 2)} of hours too small"
    )
    if row["target_breach"] is not None:
        words += f" (target {text.percent(row['target_breach'])})"
    rule = found.rule_at(tier, breached)
    if rule:
        share = held / rule - 1
        more = f"{text.percent(abs(share), 0)} {'less' if share < 0 else 'more'} than"
        words += f", {more if abs(share) >= 0.005 else 'as much as'} the best rule chosen in hindsight"
    peers = known.filter(pl.col("policy") != OURS)
    if peers.is_empty():
        return words + "."
    better = peers.filter((pl.col("allocated") < held) & (pl.col("breached_hours") <= breached))
    if better.height:
        names = text.listing([text.policy(one) for one in better.sort("allocated")["policy"]])
        return f"{words}; {names} held less with no more of them."
    return f"{words}; no peer held less with so few."


def _frontier(view: View, found: Replayed) -> Component:
    rows = found.scores
    first = rows.row(0, named=True) if rows.height else {}
    span = (
        f" Sizes were made from {text.day(first['starts_at'])}; scored until {text.day(first['ends_at'])}."
        if first.get("starts_at")
        else ""
    )
    windows = first.get("entity_windows") or 0
    rules = (
        " Dashed: the best of 360 percentile-and-margin rules for every share of hours, chosen after all was"
        " known."
        if found.rules_of(found.asked["tier"]).height
        else ""
    )
    return section(
        f"Cost against risk, {tier_words(found.asked['tier'])}: lower left is better",
        frontier(view, found, 380),
        html.P(
            "Each policy sized past weeks from what was known before them, looking back"
            f" as far as its own rule says; where it had no answer, today's size stayed.{rules}{span}"
            f" {text.plural(windows, 'window')} of resources.",
            className="caption",
        ),
        note="policies: nothing in hindsight",
    )


def _calibration(found: Replayed) -> Component:
    """What our policy promised against what happened: a row per tier, a column per target."""
    ours = found.rows.filter((pl.col("policy") == OURS) & pl.col("breached_hours").is_not_null())
    if ours.is_empty():
        return section("Target against realised", html.P("Our policy was not replayed.", className="caption"))
    targets = ours["target_breach"].drop_nulls().unique().sort(descending=True).to_list()
    cells = {(row["tier"], row["target_breach"]): row for row in ours.iter_rows(named=True)}
    body: list[list[Children]] = []
    for tier in found.offered["tier"]:
        line: list[Children] = [
            html.Strong(tier_words(tier)) if tier == found.asked["tier"] else tier_words(tier)
        ]
        for target in targets:
            row = cells.get((tier, target))
            line.append(
                html.Span(
                    [
                        text.percent(row["breached_hours"], 2),
                        html.Span(f" {row['breached_hours'] / target:.1f} ×", className="range"),
                    ],
                    title=f"held {text.percent(row['allocated'])};"
                    f" {text.percent(row['changes'])} of sizes moved",
                )
                if row
                else text.NONE
            )
        body.append(line)
    heads = [
        Column("Hours too small"),
        *(
            Column(f"target {text.percent(target, 2)}", numeric=True, hint="Realised, and over the target")
            for target in targets
        ),
    ]
    return section(
        _kept(ours),
        table(heads, body, "Breach target against realised"),
        html.P(
            "Share of hours whose peak exceeded the size; behind it how many times the target that is: 1 is"
            " exact, below 1 careful. One budget for the fleet: hours of tier 1 count four times those of"
            " tier 3, so tiers realise different shares.",
            className="caption",
        ),
        note="our policy",
    )


def _kept(ours: pl.DataFrame) -> str:
    """Whether the budget was kept over the fleet, and which tier had the most of its target."""
    rows = ours.drop_nulls("target_breach").with_columns(
        times=pl.col("breached_hours") / pl.col("target_breach")
    )
    fleet, tiers = rows.filter(pl.col("tier") == ALL), rows.filter(pl.col("tier") != ALL)
    told = fleet if fleet.height else tiers
    missed = told.filter(pl.col("times") > ALLOWED).height
    words = f"{missed} of {text.plural(told.height, 'target')} missed" if missed else "Every target was kept"
    worst = tiers.sort("times", descending=True).head(1)
    if not fleet.height or worst.is_empty() or worst["times"][0] <= ALLOWED:
        return words
    return f"{words} over the fleet; tier {worst['tier'][0]} had up to {worst['times'][0]:.1f} times its own"


def _policies(found: Replayed) -> Component:
    """A row per policy and target; held and too small for every tier, the rest for the tier asked for."""
    tiers = found.offered["tier"]
    chosen = found.asked["tier"]
    of = {
        (tier, row["policy"], row["target_breach"]): row
        for tier in tiers
        for row in found.of(tier).iter_rows(named=True)
    }
    ordered = found.scores.sort("allocated", "policy", nulls_last=True)
    body: list[list[Children]] = []
    for row in ordered.iter_rows(named=True):
        ours = row["policy"] == OURS
        name = text.policy(row["policy"])
        line: list[Children] = [
            html.Strong(name) if ours else name,
            text.percent(row["target_breach"], 2) if row["target_breach"] is not None else text.NONE,
        ]
        for tier in tiers:
            there = of.get((tier, row["policy"], row["target_breach"]))
            line += (
                [text.percent(there["allocated"]), text.percent(there["breached_hours"], 2)]
                if there
                else [text.NONE, text.NONE]
            )
        line += [
            text.percent(row["breached_windows"]),
            text.NONE if row["worst_overshoot"] is None else f"{text.plain(row['worst_overshoot'])} ×",
            text.percent(row["changes"]),
            text.percent(row["refused"]),
        ]
        body.append(line)
    heads = [
        Column("Policy"),
        Column("Target", numeric=True, wide_only=True, hint="Only our policy has a budget"),
    ]
    for tier in tiers:
        aside = tier != chosen
        heads += [
            Column("Held", numeric=True, wide_only=aside, hint="Share of what is provisioned"),
            Column(
                "Too small",
                numeric=True,
                wide_only=aside,
                hint="Share of hours whose peak exceeded the size",
            ),
        ]
    heads += [
        Column("Windows with one", numeric=True, wide_only=True, hint="Share of windows with such an hour"),
        Column("Worst", numeric=True, wide_only=True, hint="Highest peak over the size"),
        Column("Moved", numeric=True, hint="Sizes that changed from one window to the next"),
        Column("No answer", numeric=True, wide_only=True, hint="Windows in which today's size stayed"),
    ]
    groups = [("", 2), *((tier_words(tier), 2) for tier in tiers), (f"of {tier_words(chosen)}", 4)]
    return section("Every policy, every tier", table(heads, body, "Policies replayed", groups=groups))


PAGE = Page(path="/replay", title="Replay", layout=layout, icon="replay")
