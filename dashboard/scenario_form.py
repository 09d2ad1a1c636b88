"""The form of the what-if page: what happens, to what, and by how much. Its answers go into the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dash import dcc, html
from dash.development.base_component import Component

from dashboard import text
from dashboard.scenarios import KINDS, WHICH, names_of, places_of
from dashboard.simulation import Simulation
from dashboard.verdicts import labelled
from dashboard.view import View
from dashboard.widgets import named, tabs
from data.series import UNITS, Metric


def kinds(view: View, chosen: str) -> Component:
    """One tab per kind of scenario."""
    entries = [(words, view.link("/what-if", event=kind), kind == chosen) for kind, words in KINDS.items()]
    return tabs("What happens", *entries)


def form(simulation: Simulation, query: Mapping[str, str]) -> Component:
    """The fields of one kind of scenario, filled with what the address asks for."""
    kind = query.get("event", "driver")
    names = names_of(simulation)
    fields: list[Component]
    match kind:
        case "launch":
            fields = [
                _choose("Service", "service", sorted(names["service"]), query.get("service", "")),
                *(
                    _number(f"{text.metric(metric)}, {UNITS[metric]}", str(metric), query.get(metric, ""))
                    for metric in (Metric.CPU, Metric.MEMORY, Metric.STORAGE)
                ),
            ]
        case "lose" | "migrate" | "consolidate":
            of = query.get("of", "site" if kind != "migrate" else "service")
            fields = [
                _choose("What", "of", [one for one in WHICH if one in names], of, fresh="subject"),
                _choose("Which", "subject", sorted(names[of]), query.get("subject", "")),
            ]
            if kind == "migrate":
                fields.append(_choose("To", "to", places_of(simulation), query.get("to", "")))
            if kind == "consolidate":
                fields.append(_number("Servers kept spare", "spare", query.get("spare", "1")))
        case _:
            service = query.get("service", "")
            unit = simulation.load_units.get(service, "")
            words = {"requests": "requests/s", "users": "users", "cpu": "cores"}.get(unit, "load")
            base = query.get("base") or text.plain(simulation.relations.loads.get(service))
            fields = [
                _choose("Service", "service", sorted(names["service"]), service, fresh="base goal factor"),
                _number(f"From, {words}", "base", base.replace(",", "") if base != text.NONE else ""),
                _number(f"To, {words}", "goal", query.get("goal", "")),
            ]
            if kind == "driver":
                fields.append(
                    _number("Elasticity where none is known", "assume", query.get("assume", ""), "none")
                )
    return html.Form(
        [
            dcc.Input(type="hidden", name="event", value=kind, id="whatif-event"),
            *fields,
            html.Button("Play", type="submit", className="button"),
        ],
        className="form",
        **named({"data-goes": "/what-if", "aria-label": KINDS[kind]}),
    )


def saving(view: View, name: str) -> Component | None:
    """Saves what is shown under a name."""
    if view.state is None:
        return None
    return html.Div(
        [
            labelled(
                "Name of this scenario",
                dcc.Input(
                    id={"type": "scenario-name", "of": "page"},
                    value=name,
                    placeholder="Name of this scenario",
                    maxLength=80,
                    className="reason",
                ),
            ),
            html.Button(
                "Save",
                id={"type": "scenario-save", "of": "page"},
                type="button",
                className="button quiet",
                n_clicks=0,
            ),
            html.Span(id={"type": "scenario-said", "of": "page"}, className="said", role="status"),
        ],
        className="verdict",
    )


def _choose(
    words: str, name: str, options: Sequence[str], chosen: str, fresh: str | None = None
) -> Component:
    """A list to choose from; choosing anew empties the fields named in `fresh` and asks at once."""
    known = [one for one in options if one]
    entries = [html.Option("choose …", value="", selected=chosen not in known)]
    entries += [html.Option(one, value=one, selected=one == chosen) for one in known]
    return html.Label(
        [
            html.Span(words),
            html.Select(
                entries,
                name=name,
                id=f"whatif-{name}",
                key=f"{name}-{chosen}-{len(known)}",
                **named({"data-fresh": fresh} if fresh is not None else {}),
            ),
        ]
    )


def _number(words: str, name: str, value: str, empty: str = "") -> Component:
    return html.Label(
        [
            html.Span(words),
            dcc.Input(
                type="text",
                inputMode="numeric",
                name=name,
                value=value,
                placeholder=empty,
                maxLength=16,
                autoComplete="off",
                id=f"whatif-{name}",
            ),
        ]
    )
