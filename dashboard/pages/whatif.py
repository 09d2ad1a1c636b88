"""What-if: what growth, a launch, a loss or a move would do to demand, exhaustion, sizes and money."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.figures.shift import ROW, Shift, shift_chart
from dashboard.page import Page
from dashboard.pages import overview
from dashboard.scenario_form import form, kinds, saving
from dashboard.scenarios import KINDS, query_of, scenario_from
from dashboard.simulation import Simulation, simulation_of
from dashboard.sums import adding_up, signed
from dashboard.view import View
from dashboard.widgets import (
    Children,
    Column,
    columns,
    graph,
    key,
    link,
    named,
    nothing,
    page,
    section,
    table,
)
from data.app_state import SavedScenario
from data.errors import ConfigError, HeadroomError, StoreUnavailable
from data.series import UNITS
from models.elasticity import Elasticity
from models.scenarios import (
    Consolidation,
    DriverGrowth,
    Event,
    Launch,
    LostCapacity,
    Migration,
    Scenario,
    ServiceGrowth,
)
from models.whatif import WhatIf

MOST_DEMANDS = 14
MOST_SIZES = 20
NEAR = 0.5
"""From this chance within 90 days on, a resource counts as one that runs out."""


def layout(view: View, /, **query: str) -> Component:
    """The form, the scenario's effect next to the baseline, and the saved scenarios."""
    if view.resources.is_empty():
        return overview.empty(view)
    simulation = simulation_of(view.estate, view.pricer)
    asked = _defaulted(query, simulation)
    kind = asked.get("event", "driver")
    scenario, answer, fault = Scenario(""), None, ""
    try:
        scenario = scenario_from(asked, simulation, view.state)
        if scenario.events:
            answer = simulation.play(scenario, _assumed(asked))
            if asked.get("saved"):
                # The form starts from the first event, so that a saved scenario can be varied.
                asked = {**query_of(scenario.events[0], simulation), "saved": asked["saved"]}
                kind = asked["event"]
    except HeadroomError as error:
        fault = str(error)
    head = [kinds(view, kind), form(simulation, asked)]
    if answer is None:
        what = f"This cannot be played: {fault}." if fault else "Say what happens, and see what it would do."
        return page(what, *head, _empty(kind, fault), _saved(view))
    return page(
        sentence(scenario, answer),
        *head,
        columns(_demand(view, simulation, answer), _money(view, scenario, answer)),
        _sizes(view, answer),
        columns(
            _notes(simulation, scenario, answer), _relations(view, simulation, scenario), className="even"
        ),
        _saved(view),
    )


def _defaulted(query: Mapping[str, str], simulation: Simulation) -> dict[str, str]:
    """Without a question: what if the load of the busiest service with a measured driver doubles?"""
    asked = {name: value for name, value in query.items() if value}
    kind = asked.get("event", "driver")
    if kind not in KINDS:
        asked["event"] = kind = "driver"
    if "saved" in asked or kind not in ("driver", "grow"):
        return asked
    loads = simulation.relations.loads
    if "service" not in asked:
        driven = [name for name in loads if simulation.load_units.get(name) != "cpu"]
        if not (driven or loads):
            return asked
        asked["service"] = max(driven or loads, key=lambda name: (loads[name], name))
        asked.setdefault("factor", "2")
    load = loads.get(asked["service"])
    if "goal" not in asked and load:
        asked["goal"] = text.plain(load * 2).replace(",", "")
    if "base" not in asked and load:
        asked["base"] = text.plain(load).replace(",", "")
    return asked


def _assumed(query: Mapping[str, str]) -> float | None:
    if not query.get("assume"):
        return None
    try:
        elasticity = float(query["assume"])
    except ValueError as error:
        raise ConfigError(f"elasticity: {query['assume']!r} is not a number") from error
    if not 0 <= elasticity <= 10:
        raise ConfigError(f"an elasticity is from 0 to 10, not {elasticity:g}")
    return elasticity


def sentence(scenario: Scenario, answer: WhatIf) -> str:
    """`Four times the load of storefront costs EUR 5,296 a month more (2.8 %); 6 resources run out.`"""
    what = " and ".join(happening(event) for event in scenario.events)
    what = what[:1].upper() + what[1:]
    extra, baseline = answer.extra, answer.cost_baseline
    if scenario.events and all(isinstance(event, LostCapacity) for event in scenario.events):
        money = f"takes {text.money(_elsewhere(answer), answer.currency)} a month more elsewhere"
    elif abs(extra) < Decimal("0.005"):
        unknown = answer.sizes["cost_then"].null_count()
        money = "takes sizes whose price is not known" if unknown else "changes no cost"
    else:
        share = f" ({text.percent(abs(extra / baseline))})" if baseline else ""
        amount = text.money(abs(extra), answer.currency)
        money = f"{'costs' if extra > 0 else 'saves'} {amount} a month{' more' if extra > 0 else ''}{share}"
    new = _runs_out(answer.demands)
    if new:
        verb = "runs" if new == 1 else "run"
        return (
            f"{what} {money}; {text.plural(new, 'resource')} more {verb} out within 90 days at today's size."
        )
    return f"{what} {money}; nothing more runs out within 90 days."


def happening(event: Event) -> str:
    """`4 times the load of storefront`, `the loss of frankfurt`."""
    match event:
        case DriverGrowth(service=service, factor=factor):
            return f"{_times(factor)} the load of {service}"
        case ServiceGrowth(service=service, factor=factor):
            return f"{_times(factor)} all demand of {service}"
        case Launch(service=service, amounts=amounts):
            brought = ", ".join(text.amount(amount, UNITS[metric]) for metric, amount in amounts.items())
            return f"a launch on {service} with {brought}"
        case LostCapacity(which=which):
            return f"the loss of {which}"
        case Migration(which=which, provider=provider, region=region):
            return f"moving {which} to {text.provider(provider)} {region}"
        case Consolidation(which=which):
            return f"consolidating servers of {which}"


def _times(factor: float) -> str:
    return "twice" if abs(factor - 2) < 0.005 else f"{text.plain(factor)} times"


def _elsewhere(answer: WhatIf) -> Decimal:
    """What the resources that are left cost more; what is lost may still have to be paid."""
    left = answer.sizes.filter(pl.col("to_size") != "nothing")
    return Decimal((left["cost_then"] - left["cost_baseline"]).sum() or 0)


def _runs_out(demands: pl.DataFrame) -> int:
    """Resources that would run out within 90 days and would not without it."""
    over = pl.col("demand_then") > pl.col("capacity")
    then = (pl.col("p90_then").fill_null(0) >= NEAR) | over.fill_null(value=False)
    now = (pl.col("p90_now").fill_null(0) >= NEAR) | (pl.col("demand_now") > pl.col("capacity")).fill_null(
        value=False
    )
    return demands.filter(then & ~now)["resource"].n_unique()


def _demand(view: View, simulation: Simulation, answer: WhatIf) -> Component:
    rows = answer.demands.filter(pl.col("capacity") > 0).with_columns(
        use=pl.col("demand_then") / pl.col("capacity")
    )
    if rows.is_empty():
        return section(
            "Demand",
            nothing("No demand against a known capacity changes.", "Prices or sizes still may; see below."),
        )
    shown = rows.sort("use", "resource", "metric", descending=[True, False, False]).head(MOST_DEMANDS)
    shifts = [
        Shift(
            f"{_short(row['resource'])} {text.metric(row['metric'])}",
            *(row[f"demand_{part}"] / row["capacity"] for part in ("now", "low", "then", "high")),
        )
        for row in shown.iter_rows(named=True)
    ]
    figure = shift_chart(shifts, 1 - simulation.reserve, view.palette)
    body: list[list[Children]] = [
        [
            link(row["resource"], view.link("/resource", name=row["resource"], metric=row["metric"])),
            text.metric(row["metric"]),
            text.of(row["demand_now"], row["capacity"], UNITS[row["metric"]]),
            [
                html.Span(text.plain(row["demand_then"])),
                html.Span(
                    f" ({text.plain(row['demand_low'])}–{text.plain(row['demand_high'])})", className="range"
                ),
            ],
            f"{text.probability(row['p90_now'])} → {text.probability(row['p90_then'])}"
            if row["p90_then"] is not None
            else text.NONE,
        ]
        for row in shown.iter_rows(named=True)
    ]
    heads = [
        Column("Resource"),
        Column("Metric"),
        Column("Now", numeric=True, wide_only=True),
        Column("Then", numeric=True, hint="Highest demand, with its range"),
        Column("Runs out in 90 days", numeric=True, hint="Chance, now and then, at today's size"),
    ]
    more = rows.height - shown.height
    above = rows.filter(pl.col("use") > 1)["resource"].n_unique()
    return section(
        f"Demand of {text.plural(above, 'resource')} passes what is held"
        if above
        else "Demand stays within what is held",
        key(("now", "now"), ("then", "then, with its range")),
        graph(figure, "Demand now and then as shares of capacity", 74 + ROW * len(shifts), "shift"),
        table(heads, body, "Demand now and then"),
        html.P(f"{more:,} more with more room.", className="caption") if more > 0 else None,
        note="highest demand in four weeks, against today's capacity",
    )


def _money(view: View, scenario: Scenario, answer: WhatIf) -> Component:
    currency = answer.currency
    # The difference is in the first sentence too: the baseline takes what rounding leaves.
    extra, baseline, then = adding_up(
        [float(answer.extra), float(answer.cost_baseline)], float(answer.cost_then), fixed=1
    )
    rows: list[list[Children]] = [
        ["Today's bill", text.money_bare(answer.cost_now)],
        ["Baseline: what today's demand needs", baseline],
        [html.Strong("In the scenario"), html.Strong(then)],
        ["Difference to the baseline", signed(extra)],
    ]
    return section(
        "Money",
        table([Column(""), Column(f"{currency} a month", numeric=True)], rows, "Cost in the scenario"),
        html.P(
            f"{text.change(answer.extra * 12, currency)} a year. Sizes that are too small today are larger in"
            " the baseline too, so the difference is the scenario's alone.",
            className="caption",
        ),
        saving(view, scenario.name),
    )


def _sizes(view: View, answer: WhatIf) -> Component | None:
    """Only what the scenario changes; the baseline's repairs are the recommendations' matter."""
    own = answer.sizes.filter(
        (pl.col("cost_then") != pl.col("cost_baseline"))
        | pl.col("cost_then").is_null()
        | pl.col("cost_baseline").is_null()
    )
    if own.is_empty():
        kept = nothing("No size changes.", "Today's sizes hold it, or nothing is known of it.")
        return section("Sizes", kept)
    own = own.with_columns(extra=pl.col("cost_then") - pl.col("cost_baseline"))
    shown = own.sort(pl.col("extra").abs(), "resource", descending=[True, False], nulls_last=True)
    body: list[list[Children]] = [
        [
            row["resource"]
            if row["resource"].endswith(" (new)")
            else link(row["resource"], view.link("/resource", name=row["resource"])),
            row["from_size"],
            ", ".join(part for part in (row["to_type"], row["to_size"]) if part),
            text.money_bare(row["cost_baseline"]),
            text.money_bare(row["cost_then"]),
            text.NONE if row["extra"] is None else text.change(row["extra"], "").strip(),
        ]
        for row in shown.head(MOST_SIZES).iter_rows(named=True)
    ]
    heads = [
        Column("Resource"),
        Column("Now", wide_only=True),
        Column("Then"),
        Column("Baseline", numeric=True, wide_only=True),
        Column("Then", numeric=True, wide_only=True),
        Column(f"{answer.currency} a month", numeric=True),
    ]
    more = shown.height - MOST_SIZES
    return section(
        "Sizes it takes",
        table(heads, body, "Sizes in the scenario"),
        html.P(f"{more:,} more.", className="caption") if more > 0 else None,
    )


def _notes(simulation: Simulation, scenario: Scenario, answer: WhatIf) -> Component:
    notes = list(answer.assumptions)
    if not simulation.learned:
        notes.insert(0, "this run did not learn what drives demand; `headroom run` does")
    for event in scenario.events:
        if isinstance(event, DriverGrowth):
            reach = _reach(simulation, event.service)
            if reach is not None and event.factor > reach:
                notes.append(
                    f"the load of {event.service} was never above {text.plain(reach)} times today's:"
                    " beyond it the relation is extrapolated"
                )
    if not notes:
        return section("What was assumed", html.P("Nothing beyond what was measured.", className="caption"))
    return section(
        "What was assumed or is not known",
        html.Ul([html.Li(_told(note, simulation)) for note in notes[:20]], className="caption reasons"),
        html.P(f"{len(notes) - 20:,} more like these.", className="caption") if len(notes) > 20 else None,
    )


def _told(note: str, simulation: Simulation) -> str:
    """As a sentence; a name at its beginning keeps its letters."""
    first = note.partition(" ")[0]
    named = first in simulation.position.standings or first in simulation.relations.depends_on
    return f"{note}." if named else text.sentence(note)


def _reach(simulation: Simulation, service: str) -> float | None:
    relations = simulation.relations
    names = (service, *relations.members.get(service, ()))
    found = [
        one.reach
        for (subject, _), one in relations.own.items()
        if subject in names and isinstance(one, Elasticity)
    ]
    return max(found, default=None)


def _relations(view: View, simulation: Simulation, scenario: Scenario) -> Component | None:
    """How demand of the grown services follows their load, and what is not known of it."""
    services = [event.service for event in scenario.events if isinstance(event, DriverGrowth)]
    rows: list[list[Children]] = []
    for service in services:
        for (subject, metric), found in sorted(simulation.relations.own.items()):
            if subject not in (service, *simulation.relations.members.get(service, ())):
                continue
            if isinstance(found, Elasticity):
                rows.append(
                    [
                        subject,
                        text.metric(metric),
                        f"{found.exponent:.2f}",
                        html.Span(f"{found.low:.2f}–{found.high:.2f}", className="range"),
                        text.percent(found.explained),
                    ]
                )
    if not services:
        return None
    if not rows:
        return section(
            "How demand follows load",
            nothing(
                f"No relation of {text.listing(services)} to its load is known.",
                "Give an elasticity to assume above, or let everything grow instead.",
            ),
        )
    heads = [
        Column("Of"),
        Column("Metric"),
        Column("Per 1 %", numeric=True, hint="How many per cent demand rises when the load rises by 1 %"),
        Column("Range", numeric=True),
        Column(
            "Explained", numeric=True, wide_only=True, hint="Share of the variance that the load explains"
        ),
    ]
    return section(
        "How demand follows load", table(heads, rows[:12], "Elasticities"), note="learned from history"
    )


def _empty(kind: str, fault: str) -> Component:
    words = {
        "driver": "Choose a service and what its load becomes.",
        "grow": "Choose a service and what its load becomes; everything that flows grows with it.",
        "launch": "Choose a service and what the launch needs at its peak.",
        "lose": "Choose what fails; the other members of each service take over.",
        "migrate": "Choose what moves and where to.",
        "consolidate": "Choose whose servers are packed onto as few as hold it all.",
    }[kind]
    return nothing(words, "Nothing is changed by playing." if not fault else text.sentence(fault))


def _saved(view: View) -> Component | None:
    if view.state is None:
        return None
    try:
        saved = view.state.scenarios()
    except StoreUnavailable as error:
        return section("Saved scenarios", nothing("They cannot be read.", text.sentence(str(error))))
    if not saved:
        return section(
            "Saved scenarios", html.P("None yet; give one a name and save it.", className="caption")
        )
    body: list[list[Children]] = [
        [
            link(one.name, view.link("/what-if", saved=one.name)),
            _outcome(one),
            html.Span(text.moment(one.saved_at)),
            html.Button(
                "Remove",
                id={"type": "scenario-remove", "of": one.name},
                type="button",
                className="button quiet",
                n_clicks=0,
                **named({"aria-label": f"Remove {one.name}"}),
            ),
        ]
        for one in saved
    ]
    heads = [
        Column("Scenario"),
        Column("A month, when saved", numeric=True),
        Column("Saved", wide_only=True),
        Column(""),
    ]
    return section(
        "Saved scenarios", table(heads, body, "Saved scenarios"), note="by name; links can be sent"
    )


def _outcome(one: SavedScenario) -> str:
    outcome = one.document.get("outcome", {})
    try:
        return text.change(Decimal(outcome["extra"]), str(outcome["currency"]))
    except (KeyError, InvalidOperation, TypeError):
        return text.NONE


def _short(name: str) -> str:
    return name if len(name) <= 20 else f"{name[:19]}…"


PAGE = Page(path="/what-if", title="What-if", layout=layout, icon="whatif")
