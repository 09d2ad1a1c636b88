"""What-if over one published run: everything a scenario is played on, read once."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import polars as pl

from dashboard.estate import Estate
from data.money import Exchange
from data.on_premises import OnPremisesModel
from data.prices import PriceCatalog
from data.reach import Reach
from models.exhaustion import Correction
from models.pricing import Pricer
from models.relation_frames import relations_of
from models.relations import Relations
from models.scenarios import Scenario
from models.standing import Position, position_of
from models.whatif import WhatIf, simulate


class Simulation:
    """The estate of a run, ready for scenarios."""

    def __init__(self, estate: Estate, pricer: Pricer) -> None:
        self._snapshot = estate.snapshot
        self._as_of = estate.as_of
        self._metric_findings = estate.metric_findings
        self.pricer = pricer
        self.settings: dict[str, Any] = json.loads(self._snapshot.settings).get("decide", {})
        """The `decide` settings the run was made with."""

    @cached_property
    def relations(self) -> Relations:
        """What was learned about drivers and about who calls whom; see `learned`."""
        return relations_of(self._relation_rows, self._snapshot.frame("dependencies_now"))

    @cached_property
    def _relation_rows(self) -> pl.DataFrame:
        return self._snapshot.table("relations")

    @property
    def learned(self) -> bool:
        """False where the run did not look for relations: then all demand stays unless it is told to grow."""
        return not self._relation_rows.is_empty()

    @cached_property
    def load_units(self) -> dict[str, str]:
        """Service -> what its load is measured by: requests, users or cpu."""
        rows = self._relation_rows.filter(pl.col("kind") == "load")
        return dict(rows.select("subject", "of").iter_rows())

    @cached_property
    def reserve(self) -> float:
        return float(self.settings.get("reserve", 0.1))

    @cached_property
    def position(self) -> Position:
        return position_of(
            self._metric_findings,
            self._snapshot.frame("resources_now"),
            self._snapshot.frame("services_now"),
            self._as_of,
            self.pricer,
            self.reserve,
        )

    @cached_property
    def _reach(self) -> Reach:
        return self._snapshot.reach("resource")

    @cached_property
    def _correction(self) -> Correction | None:
        """The fleet's own correction of probabilities; None where none was learned."""
        rows = self._snapshot.frame("corrections").filter(pl.col("metric") == "").sort("days")
        if rows.is_empty():
            return None
        return Correction(tuple(rows["days"]), tuple(rows["a"]), tuple(rows["b"]))

    def play(self, scenario: Scenario, assumed: float | None = None) -> WhatIf:
        """The effect of a scenario, next to the baseline.

        Args:
            assumed: elasticity that stands in where none could be learned; None leaves demand unchanged.
        """
        return simulate(
            self.position,
            scenario,
            self.relations,
            self.pricer,
            reach=(self._reach,),
            correction=self._correction,
            reserve=self.reserve,
            assumed_elasticity=assumed,
        )


_MADE: WeakKeyDictionary[Estate, Simulation] = WeakKeyDictionary()


def simulation_of(estate: Estate, pricer: Callable[[], Pricer] | None = None) -> Simulation:
    """The simulation of a run, made when first asked for and kept as long as the run is shown."""
    if estate not in _MADE:
        _MADE[estate] = Simulation(estate, pricer() if pricer else pricer_of(estate))
    return _MADE[estate]


def pricer_of(estate: Estate) -> Pricer:
    """Prices as the run's settings say, as far as they travel with it: price lists of one's own do not."""
    settings = json.loads(estate.snapshot.settings).get("prices", {})
    rates = {code: Decimal(str(rate)) for code, rate in settings.get("rates", {}).items()}
    return Pricer(
        PriceCatalog.shipped(),
        OnPremisesModel.of(settings.get("on_premises", {})),
        Exchange(estate.currency, rates),
    )
