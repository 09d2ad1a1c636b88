"""The plan under the list of changes, and what people decided about one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.planning import changes_for, plan_for
from dashboard.sums import adding_up, signed
from dashboard.texts import downloads, texts
from dashboard.verdicts import became, controls, outcome
from dashboard.view import View
from dashboard.widgets import section
from models.verdicts import Verdicts


def plan_line(view: View, here: pl.DataFrame, verdicts: Verdicts, service: str = "") -> Component | None:
    """What all changes that do not exclude each other come to, and their texts."""
    plan = plan_for(view.estate, verdicts, here["resource"].to_list())
    if not plan.chosen:
        return None
    currency = view.estate.currency
    needed = sum(one.required for one in plan.chosen)
    now, change, then = adding_up([float(plan.cost), -float(plan.saving)], float(plan.cost_then), fixed=1)
    words = (
        f"The plan: {text.plural(len(plan.chosen), 'change')} without conflicts, {needed:,} of them needed."
        f" {currency} {now} a month become {then}: {currency} {signed(change)}. Every saving counts once."
    )
    if plan.risk:
        verb = "adds" if plan.risk > 0 else "takes away"
        words += f" It {verb} {text.plain(abs(plan.risk))} breached hours a week, weighted by tier."
    reasons: dict[str, int] = {}
    for one in plan.left_out:
        why = one.because.partition(":")[0].partition(" until")[0]
        if why.startswith("conflicts with"):
            why = "better done otherwise"
        reasons[why] = reasons.get(why, 0) + 1
    if reasons:
        left = text.listing([f"{count:,} ({why})" for why, count in sorted(reasons.items())], 4)
        words += f" Left out: {left}."
    words += "".join(f" {text.sentence(note)}" for note in plan.notes)
    together = [
        html.P(text.about(one.name, one.because), className="caption") for one in plan.chosen if one.because
    ]
    return html.Div(
        [
            html.P(words, className="caption"),
            *together,
            html.P(downloads(view, service), className="caption"),
        ],
        id="plan",
    )


def decided(view: View, row: Mapping[str, Any], verdicts: Verdicts) -> Component | None:
    """Accept, dismiss, defer; what came of it; and the change as text."""
    asked = controls(view, row, verdicts.about(row))
    if row["action"] in (None, "keep"):
        return None
    found = [one for one in became(view, verdicts) if one.choice.resource == row["resource"]]
    changes = changes_for(view.estate, verdicts, [str(row["resource"])])
    return section(
        "Decide",
        asked,
        html.P(outcome(found[-1], view.estate.currency), className="caption") if found else None,
        *(texts(change) for change in changes),
    )
