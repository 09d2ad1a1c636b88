"""Advice for several resources together: fewer members, emptied servers, a migration."""

from __future__ import annotations

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.planning import changes_for, plan_for
from dashboard.recommendation import change_of
from dashboard.texts import texts
from dashboard.verdicts import controls
from dashboard.view import View
from dashboard.widgets import Children, Column, facts, link, nothing, section, table
from models.verdicts import Verdicts

KIND_WORDS = {
    "members": "fewer or more members",
    "consolidation": "consolidation",
    "migration": "migration",
}
_SURE = ("low", "medium", "high")


def alternatives(view: View, here: pl.DataFrame) -> pl.DataFrame:
    """One row per alternative all of whose resources are in `here`, the largest saving first.

    Returns: alternative, kind, why, changed, touched (resources), saving (null = not known), confidence.
    """
    rows = view.estate.alternatives
    inside = pl.col("resource").is_in(here["resource"].implode()).all().over("alternative")
    changed = pl.col("action") != "keep"
    rank = pl.col("confidence").replace_strict(
        {word: i for i, word in enumerate(_SURE)}, default=0, return_dtype=pl.Int32
    )
    return (
        rows.filter(inside)
        .group_by("alternative", maintain_order=True)
        .agg(
            pl.first("kind", "why"),
            changed.sum().alias("changed"),
            pl.len().alias("touched"),
            pl.when(pl.col("saving").null_count() == 0)
            .then(pl.col("saving").cast(pl.Float64).sum())
            .alias("saving"),
            rank.min().replace_strict(dict(enumerate(_SURE)), return_dtype=pl.String).alias("confidence"),
        )
        .sort("saving", "alternative", descending=[True, False], nulls_last=True)
    )


def together(view: View, here: pl.DataFrame, verdicts: Verdicts, open: str) -> list[Component]:
    """The table of alternatives, with the one that is open above it."""
    found = alternatives(view, here)
    if found.is_empty():
        return [
            nothing(
                "Nothing is advised for several resources together.",
                "Every run looks at members of services, at servers that could be emptied and at migrations.",
            )
        ]
    preferred = {one.name for one in plan_for(view.estate, verdicts, here["resource"].to_list()).chosen}
    body: list[list[Children]] = [
        [
            html.Span(
                link(row["alternative"], view.link("/provisioning", tab="together", open=row["alternative"]))
            ),
            KIND_WORDS.get(row["kind"], row["kind"]),
            html.Span(text.sentence(text.readable(row["why"])), className="range"),
            f"{row['changed']:,} of {row['touched']:,}",
            text.NONE if row["saving"] is None else _change(-row["saving"]),
            row["confidence"],
            "yes" if row["alternative"] in preferred else text.NONE,
        ]
        for row in found.iter_rows(named=True)
    ]
    heads = [
        Column("Together"),
        Column("Kind", wide_only=True),
        Column("Why", wide_only=True),
        Column("Changed", numeric=True, hint="Resources that change, of those it touches"),
        Column(f"{view.estate.currency} a month", numeric=True),
        Column("Confidence", wide_only=True, hint="The lowest of its resources"),
        Column("In the plan", hint="Where the plan prefers it to the advice for each resource"),
    ]
    shown = _detail(view, found.filter(pl.col("alternative") == open), verdicts)
    return [
        *([shown] if shown else []),
        table(heads, body, "Advised for several resources together"),
        html.P(
            "Each is a rival of the advice for its resources alone: the plan takes one or the other.",
            className="caption",
        ),
    ]


def _change(value: float) -> str:
    return f"{'+' if value > 0 else ''}{text.money_bare(value)}"


def _detail(view: View, found: pl.DataFrame, verdicts: Verdicts) -> Component | None:
    """Every resource an alternative touches, the verdict on the whole, and its texts."""
    if found.is_empty():
        return None
    one = found.row(0, named=True)
    rows = view.estate.alternatives.filter(pl.col("alternative") == one["alternative"])
    rows = rows.sort(pl.col("action") == "keep", "resource")
    body: list[list[Children]] = [
        [
            link(row["resource"], view.link("/resource", name=row["resource"])),
            html.Strong(change_of(row)[0]) if row["action"] != "keep" else "stays, takes over load",
            html.Span(change_of(row)[1] if row["action"] != "keep" else row["to_size"], className="range"),
            text.NONE if row["saving"] is None else _change(-float(row["saving"])),
            f"{text.percent(row['breach_now'])} → {text.percent(row['breach_then'])}",
            html.Span(text.sentence(row["because"]), className="range"),
        ]
        for row in rows.iter_rows(named=True)
    ]
    heads = [
        Column("Resource"),
        Column("Change"),
        Column("Size", wide_only=True),
        Column(f"{view.estate.currency} a month", numeric=True),
        Column("Hours too small", numeric=True, wide_only=True, hint="Expected share of hours, now and then"),
        Column("Why", wide_only=True),
    ]
    first = rows.filter(pl.col("action") != "keep").row(0, named=True)
    choice = verdicts.about(first)
    same = choice is not None and (choice.to_type, choice.to_size) == (first["to_type"], first["to_size"])
    asked = {"resource": one["alternative"], "action": first["action"]}
    saving = None if one["saving"] is None else f"{text.change(-one['saving'], view.estate.currency)} a month"
    return html.Section(
        [
            html.Div(
                [
                    html.H2(one["alternative"]),
                    link("Close", view.link("/provisioning", tab="together"), className="close"),
                ],
                className="detail-head",
            ),
            html.P(text.sentence(one["why"]), className="proof"),
            facts(("Changes the cost by", saving), ("Confidence", one["confidence"])),
            table(heads, body, "What changes together"),
            section(
                "Decide",
                controls(view, asked, choice if same else None),
                texts(*changes_for(view.estate, verdicts, [one["alternative"]])),
            ),
        ],
        className="detail",
        id="detail",
    )
