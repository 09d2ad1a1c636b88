"""What people decided about recommendations: shown, and asked for by accept, dismiss and defer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import text
from dashboard.planning import progress_for
from dashboard.view import View
from data.app_state import AppState
from data.choice import Choice, Verdict
from data.errors import StoreUnavailable
from models.realised import Progress, Realised
from models.verdicts import Verdicts, objection

VERDICT_WORDS = {Verdict.ACCEPT: "accepted", Verdict.DISMISS: "dismissed", Verdict.DEFER: "deferred"}

DEFER_DAYS = 30
"""Offered as the day to come back to a deferred recommendation."""


def verdicts_in(state: AppState | None) -> Verdicts:
    """What is in force. Raises StoreUnavailable."""
    return Verdicts() if state is None else Verdicts.of(reversed(state.history()))


def verdicts_of(view: View) -> Verdicts:
    """What is in force; nothing where it cannot be read, so that the advice itself is still shown."""
    try:
        return verdicts_in(view.state)
    except StoreUnavailable:
        return Verdicts()


def with_verdicts(resources: pl.DataFrame, verdicts: Verdicts, today: date) -> pl.DataFrame:
    """Adds `verdict` (accepted, dismissed, deferred; null = open) and `against` (true = not wanted now)."""
    rows: list[tuple[str | None, bool]] = []
    for row in resources.iter_rows(named=True):
        choice = verdicts.about(row)
        if choice is None or (choice.verdict is Verdict.DEFER and objection(choice, today) is None):
            rows.append((None, False))  # undecided, or its day has come
        else:
            rows.append((VERDICT_WORDS[choice.verdict], choice.verdict is not Verdict.ACCEPT))
    found = pl.DataFrame(rows, schema={"verdict": pl.String, "against": pl.Boolean}, orient="row")
    return resources.with_columns(found)


def controls(view: View, row: Mapping[str, Any], choice: Choice | None) -> Component | None:
    """Accept, dismiss with a reason, defer until a day; or what was decided, and taking it back."""
    if row["action"] in (None, "keep"):
        return None
    name = str(row["resource"])
    if view.state is None:
        return html.P("Nothing can be decided here: the server keeps no decisions.", className="caption")
    if choice is not None:
        return html.Div(
            [html.Span(sentence(choice)), _button("withdraw", name, "Take back")], className="verdict"
        )
    return html.Div(
        [
            _button("accept", name, "Accept", "button"),
            html.Span(
                [
                    labelled(
                        "Reason to dismiss it",
                        dcc.Input(
                            id={"type": "verdict-reason", "resource": name},
                            placeholder="Why not",
                            className="reason",
                            maxLength=300,
                        ),
                    ),
                    _button("dismiss", name, "Dismiss"),
                ],
                className="pair",
            ),
            html.Span(
                [
                    labelled(
                        "Day to come back to it, year-month-day",
                        dcc.Input(
                            id={"type": "verdict-until", "resource": name},
                            type="text",
                            value=(view.estate.today + timedelta(days=DEFER_DAYS)).isoformat(),
                            className="until",
                            maxLength=10,
                        ),
                    ),
                    _button("defer", name, "Defer"),
                ],
                className="pair",
            ),
            html.Span(id={"type": "verdict-said", "resource": name}, className="said", role="status"),
        ],
        className="verdict",
    )


def labelled(words: str, field: Component) -> Component:
    """A field with a name that is read out, not shown."""
    return html.Label([html.Span(words, className="sr-only"), field])


def sentence(choice: Choice) -> str:
    """`Dismissed on 22 Nov 2026: needed for failover.`"""
    words = VERDICT_WORDS[choice.verdict].capitalize()
    who = f" by {choice.by}" if choice.by else ""
    until = f" until {text.day(choice.until)}" if choice.until else ""
    why = f": {choice.reason}" if choice.reason else ""
    return text.sentence(f"{words}{until}{who} on {text.day(choice.at)}, for {choice.to_size}{why}")


def became(view: View, verdicts: Verdicts) -> list[Realised]:
    """What became of accepted recommendations about resources in this place, and what was simply done."""
    return progress_for(view.estate, verdicts, set(view.resources["resource"].to_list()))


def outcome(found: Realised, currency: str) -> str:
    """`Carried out as advised on 1 Nov 2026: EUR 170 a month saved; hours too small 0 % before …`"""
    if found.progress is Progress.PENDING:
        return "Not carried out yet, as far as inventory and measurements show."
    how = "Carried out as advised" if found.progress is Progress.APPLIED else "Changed in another way"
    if found.saving is None:
        money = "what it saves is unknown"
    elif found.saving < 0:
        money = f"{text.money(-found.saving, currency)} a month more is paid"
    else:
        money = f"{text.money(found.saving, currency)} a month saved"
    after = (
        f"; hours too small {text.percent(found.breach_before)} before,"
        f" {text.percent(found.breach_after)} since"
        if found.breach_after is not None
        else ""
    )
    return f"{how} on {text.day(found.since)}: {money}{after}."


def _button(verdict: str, resource: str, words: str, kind: str = "button quiet") -> Component:
    return html.Button(
        words,
        id={"type": "verdict", "verdict": verdict, "resource": resource},
        type="button",
        className=kind,
        n_clicks=0,
    )
