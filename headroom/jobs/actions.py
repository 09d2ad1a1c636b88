"""Advice from the command line: what-if, plan, verdicts and texts to apply, over the published run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from dashboard.estate import Estate
from dashboard.planning import changes_for, choices_about, ledger_for, plan_for, progress_for
from dashboard.scenarios import check_names, saved_document
from dashboard.simulation import Simulation
from dashboard.verdicts import verdicts_in
from data.app_state import AppState, SavedScenario
from data.choice import Choice, Verdict
from data.errors import ConfigError, UnknownName
from data.plan import Plan
from data.snapshot import Snapshot
from headroom.jobs.decide import prices
from headroom.jobs.run import clock
from headroom.settings import Settings
from models.actions import ACTIONS
from models.ledger import LedgerRow
from models.pricing import Pricer
from models.realised import Realised
from models.scenarios import Scenario, scenario_of
from models.whatif import WhatIf


def pricer_of(settings: Settings) -> Pricer:
    """Prices of the settings, with the lists of one's own."""
    catalog, costs = prices(settings)
    return Pricer(catalog, costs.on_premises, costs.exchange)


def what_if(
    settings: Settings,
    scenario: Scenario,
    *,
    save_as: str = "",
    assumed: float | None = None,
) -> WhatIf:
    """Plays a scenario on the published run, and keeps it under a name where one is given.

    Raises:
        UnknownName: the scenario names a service, resource, site or provider that is not there.
        StoreUnavailable: nothing is published.
    """
    with Snapshot.open(settings.published) as snapshot:
        simulation = Simulation(Estate(snapshot), pricer_of(settings))
        check_names(scenario, simulation)
        answer = simulation.play(scenario, assumed)
    if save_as:
        with closing(AppState(settings.app_state_url)) as state:
            state.save_scenario(SavedScenario(save_as, saved_document(scenario, answer), clock()))
    return answer


def what_ifs(settings: Settings, *, assumed: float | None = None) -> list[WhatIf]:
    """Every saved scenario, played on the published run of today, by name.

    Raises as `what_if`, where one of them names what is no longer there.
    """
    with closing(AppState(settings.app_state_url)) as state:
        scenarios = [replace(scenario_of(one.document), name=one.name) for one in state.scenarios()]
    with Snapshot.open(settings.published) as snapshot:
        simulation = Simulation(Estate(snapshot), pricer_of(settings))
        for scenario in scenarios:
            check_names(scenario, simulation)
        return [simulation.play(scenario, assumed) for scenario in scenarios]


def saved_scenario(settings: Settings, name: str) -> Scenario:
    """A saved scenario by its name. Raises UnknownName."""
    with closing(AppState(settings.app_state_url)) as state:
        return scenario_of(state.scenario(name).document)


def plan(settings: Settings, *, risk_hours: float | None, per_window: int | None) -> tuple[Plan, str]:
    """The plan of the published run, and its currency."""
    with Snapshot.open(settings.published) as snapshot, closing(AppState(settings.app_state_url)) as state:
        estate = Estate(snapshot)
        made = plan_for(estate, verdicts_in(state), risk_hours=risk_hours, per_window=per_window)
        return made, estate.currency


def action_text(settings: Settings, form: str, resources: Sequence[str] | None) -> str:
    """Changes as text in one of the forms of ACTIONS; empty where none of them is for it.

    Raises UnknownName for another form, or a resource without a recommendation.
    """
    if form not in ACTIONS:
        raise UnknownName("format", form, ACTIONS)
    with Snapshot.open(settings.published) as snapshot, closing(AppState(settings.app_state_url)) as state:
        return ACTIONS[form][1](changes_for(Estate(snapshot), verdicts_in(state), resources))


def choose(
    settings: Settings, name: str, verdict: Verdict, *, reason: str = "", until: str | None = None
) -> list[Choice]:
    """Keeps a verdict on what is published for a resource, or on every change of an alternative.

    Raises UnknownName where nothing is recommended, HeadroomError where reason or day are missing.
    """
    with Snapshot.open(settings.published) as snapshot, closing(AppState(settings.app_state_url)) as state:
        try:
            known = verdicts_in(state)
            choices = choices_about(
                Estate(snapshot), name, verdict, clock(), reason=reason, until=until, known=known
            )
        except ValueError as error:
            raise ConfigError(str(error)) from error
        for choice in choices:
            state.choose(choice)
        return choices


def progress(settings: Settings) -> list[Realised]:
    """What became of what was accepted."""
    with Snapshot.open(settings.published) as snapshot, closing(AppState(settings.app_state_url)) as state:
        return progress_for(Estate(snapshot), verdicts_in(state))


def savings(settings: Settings) -> tuple[dict[str, LedgerRow], list[Realised], str]:
    """What all changes and the accepted ones would save, what became of them, and the currency."""
    pricer = pricer_of(settings)
    with Snapshot.open(settings.published) as snapshot, closing(AppState(settings.app_state_url)) as state:
        estate, verdicts = Estate(snapshot), verdicts_in(state)
        advised, accepted = ledger_for(estate, verdicts, pricer)
        ledger = {"all that is advised": advised, "accepted, still to be done": accepted}
        return ledger, progress_for(estate, verdicts), estate.currency
