"""How the numbers of each page are made: under every page, closed until asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping

from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.view import View

_OUT = (
    "Runs out",
    "Sample paths of the daily forecast are followed until they reach usable capacity for the first time."
    " The chance is the share of paths that do, corrected by how often such chances came true on this"
    " estate's past (see Accuracy, a year). A date is named only from an even chance on; the range holds 8"
    " of 10 outcomes.",
)
_USABLE = ("Usable capacity", "What is held less the reserve of {reserve}.")
_P95 = (
    "p95",
    "What the hours of the last 28 days stay under for 95 % of the time, as a share of what is held.",
)
_COST = (
    "Cost a month",
    "730 hours at the price the inventory states, else at the list price of the type, else from the model"
    " of own servers (purchase over its lifetime, power, space, support). The page of a resource says"
    " which.",
)
_UNUSED = (
    "Unused",
    "The part of the cost that the recommended size would not have; all of it where nothing uses the"
    " resource.",
)
_BREACH = ("Hours too small", "The expected share of hours whose peak exceeds the size.")
_STATE = (
    "State",
    "The worst of its metrics: short of something by one metric counts before saving on another. Each"
    " metric is judged by its peaks of 28 days and by when it runs out.",
)
_SIZE = (
    "Recommended size",
    "The size at which one more unit of capacity no longer avoids enough breached hours, with one price of"
    " a breached hour for the whole fleet, set on past weeks so that the breach target of {target} is met;"
    " then the cheapest type that has it. Replay shows what it would have done.",
)
_ERROR = (
    "Error and bands",
    "Forecasts made at past cutoffs from what was known before them, compared with what then came. The"
    " error is a share of mean demand; an 80 % band should hold 80 % of the time.",
)
_FORECAST = (
    "Forecast",
    "Made from this series' own history; the line under the chart says by what, from how much, and how"
    " right it was. Bands are widened until they held their share on past cutoffs.",
)
_REPLAY = (
    "Replay",
    "Each policy decides on past days from what was known before them; its sizes stay for the hold and are"
    " compared with the hourly peaks that came. Held is the mean of size over what was provisioned.",
)

METHODS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "/": (_OUT, _USABLE, _P95, _COST, _UNUSED),
    "/services": (_P95, _OUT, _COST, _UNUSED),
    "/service": (_FORECAST, _OUT, _USABLE, _COST, _UNUSED),
    "/resources": (_STATE, _P95, _COST, _UNUSED),
    "/resource": (_FORECAST, _OUT, _STATE, _SIZE, _BREACH, _COST),
    "/provisioning": (_SIZE, _BREACH, _COST),
    "/runway": (_OUT, _USABLE),
    "/costs": (
        _COST,
        _UNUSED,
        (
            "Expected months",
            "Today's sizes, plus what larger ones cost a month at the chance that they are needed by then."
            " The range is summed over services, which is never too narrow.",
        ),
    ),
    "/what-if": (
        (
            "Demand then",
            "Grows by the elasticity learned from history, or by the one assumed; load passes on to the"
            " services that are called. The baseline is what today's demand needs, so the difference is"
            " the scenario's.",
        ),
        _OUT,
        _COST,
    ),
    "/accuracy": (_ERROR, _REPLAY),
    "/replay": (_REPLAY,),
    "/health": (
        (
            "Silent",
            "Nothing was measured for more than 24 hours before the newest measurement of the estate.",
        ),
        (
            "Reported",
            "Hours (days of a daily series) with a measurement, of those since 28 days ago or since the first"
            " one: a machine bought last week has no gaps before it.",
        ),
    ),
}
"""Path -> (what, how). `{reserve}` and `{target}` are those of the run."""


def method(path: str, view: View) -> Component | None:
    """The closed part under a page that says how its numbers are made, and from which run."""
    if path not in METHODS:
        return None
    settings = json.loads(view.estate.snapshot.settings).get("decide", {})
    words = {
        "reserve": text.percent(settings.get("reserve", 0.1)),
        "target": text.percent(settings.get("target_breach", 0.005)),
    }
    snapshot = view.estate.snapshot
    run = (
        f"Run {snapshot.run_id} of Headroom {snapshot.program_version}, measured until"
        f" {text.moment(view.estate.as_of)}, published {text.moment(snapshot.published_at)}."
    )
    entries = [html.Div([html.Dt(what), html.Dd(how.format(**words))]) for what, how in METHODS[path]]
    return html.Details(
        [html.Summary("How these numbers are made"), html.Dl(entries), html.P(run, className="caption")],
        className="method",
    )
