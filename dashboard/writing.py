"""What the dashboard writes: verdicts on recommendations, and scenarios. All other callbacks only read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update

from dashboard.planning import choices_about
from dashboard.published import Published
from dashboard.scenarios import read_scenario, saved_document
from dashboard.simulation import simulation_of
from data.app_state import SavedScenario
from data.choice import Verdict
from data.errors import HeadroomError

log = logging.getLogger(__name__)

LONGEST = 300
"""Characters of a reason or a name that are kept."""


def add_writing(app: Dash, published: Published, clock: Callable[[], datetime]) -> None:
    """Adds the callbacks; each answers with a word about what happened, beside the button."""

    @app.callback(
        Output("written", "data"),
        Output({"type": "verdict-said", "resource": ALL}, "children"),
        Input({"type": "verdict", "verdict": ALL, "resource": ALL}, "n_clicks"),
        State({"type": "verdict-reason", "resource": ALL}, "value"),
        State({"type": "verdict-until", "resource": ALL}, "value"),
        prevent_initial_call=True,
    )
    def decide(_: list[int], reasons: list[str | None], days: list[str | None]) -> tuple[Any, list[Any]]:
        said = len(ctx.outputs_list[1])
        asked = ctx.triggered_id
        if not asked or not ctx.triggered[0]["value"]:
            return no_update, [no_update] * said
        reason = (reasons[0] if reasons else "") or ""
        until = (days[0] if days else "") or ""
        try:
            keep_verdict(published, asked["resource"], asked["verdict"], reason, until, clock())
        except (HeadroomError, ValueError) as error:
            return no_update, [f"Not kept: {error}."] * said
        return clock().isoformat(), [""] * said

    @app.callback(
        Output("written", "data", allow_duplicate=True),
        Output({"type": "scenario-said", "of": ALL}, "children"),
        Input({"type": "scenario-save", "of": ALL}, "n_clicks"),
        Input({"type": "scenario-remove", "of": ALL}, "n_clicks"),
        State({"type": "scenario-name", "of": ALL}, "value"),
        State("location", "search"),
        prevent_initial_call=True,
    )
    def save(
        _: list[int], __: list[int], names: list[str | None], search: str | None
    ) -> tuple[Any, list[Any]]:
        said = len(ctx.outputs_list[1])
        asked = ctx.triggered_id
        if not asked or not ctx.triggered[0]["value"]:
            return no_update, [no_update] * said
        try:
            if asked["type"] == "scenario-remove":
                remove_scenario(published, asked["of"])
                return clock().isoformat(), ["Removed."] * said
            name = ((names[0] if names else "") or "").strip()[:LONGEST]
            keep_scenario(published, name, search or "", clock())
        except HeadroomError as error:
            return no_update, [f"Not saved: {error}."] * said
        return clock().isoformat(), [f"Saved as {name}."] * said


def keep_verdict(
    published: Published, resource: str, verdict: str, reason: str, until: str, now: datetime
) -> None:
    """Keeps a verdict on today's recommendation for a resource, or on an alternative by its name.

    Raises HeadroomError, ValueError.
    """
    if published.state is None:
        raise ValueError("the server keeps no decisions")
    wanted = Verdict(verdict)
    choices = choices_about(
        published.estate(),
        resource,
        wanted,
        now,
        reason=reason[:LONGEST] if wanted is Verdict.DISMISS else "",
        until=until if wanted is Verdict.DEFER else None,
    )
    for choice in choices:
        published.state.choose(choice)


def keep_scenario(published: Published, name: str, search: str, now: datetime) -> None:
    """Saves the scenario of an address under a name, with what it comes to. Raises HeadroomError."""
    if published.state is None:
        raise HeadroomError("the server keeps no scenarios")
    if not name:
        raise HeadroomError("it needs a name")
    simulation = simulation_of(published.estate(), published.pricer)
    asked = read_scenario(search, simulation, published.state)
    if not asked.events:
        raise HeadroomError("nothing happens in it yet")
    answer = simulation.play(asked)
    published.state.save_scenario(SavedScenario(name, saved_document(asked, answer), now))


def remove_scenario(published: Published, name: str) -> None:
    """Raises HeadroomError."""
    if published.state is None:
        raise HeadroomError("the server keeps no scenarios")
    published.state.remove_scenario(name)
