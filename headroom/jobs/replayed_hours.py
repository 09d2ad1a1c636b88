"""What a replay is about: whose hours, of which days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from data.errors import StoreUnavailable, UnknownName
from data.panel import FloatArray, Panel
from data.series import STOCKS, Metric, Window
from headroom.jobs.run import Run
from headroom.jobs.sizes import hours_that_count
from models.counted_hours import only_counted
from models.estate import DEFAULT_TIER

LEAST_BEFORE = 14
"""Days of history before the first size is made: with fewer, most policies refuse."""
DEFAULT_DAYS = 28
"""Days replayed when neither the settings nor the command line say how many."""


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What to replay."""

    metrics: tuple[str, ...] = (Metric.CPU, Metric.MEMORY)
    policies: tuple[str, ...] = ()
    """Names in POLICIES; empty = all."""
    hold_days: int = 7
    start_day: int | None = None
    """First day on which sizes are made, counted from the first hour stored; None = `days` before the end."""
    days: int | None = None
    """Days replayed; None = the settings' replay_days, or DEFAULT_DAYS."""
    targets: tuple[float, ...] = ()
    """Breach targets of our policy; empty = the settings' and OUR_TARGETS."""
    catalog: bool = False
    """True: only sizes that instance types of the price lists have. False: any size."""
    services: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()

    @property
    def whole_fleet(self) -> bool:
        return not (self.services or self.sites or self.teams)

    @property
    def sizes(self) -> str:
        return "catalog" if self.catalog else "any"


@dataclass(frozen=True, slots=True)
class Fleet:
    """What takes part."""

    tiers: dict[str, int]
    """Resource of the inventory -> tier."""
    not_listed: bool
    """Whether what only samples mention takes part too."""
    listed: frozenset[str]
    """All names of the inventory, also of what is gone."""
    resources: pl.DataFrame
    services: pl.DataFrame

    def __contains__(self, name: str) -> bool:
        return name in self.tiers or (self.not_listed and name not in self.listed)


def fleet_of(run: Run, request: ReplayRequest) -> Fleet:
    """Raises UnknownName for a service, site or team that nobody knows."""
    resources, services = run.store.frame("resources_now"), run.store.frame("services_now")
    owned = resources.join(services.select("service", "team", "tier"), on="service", how="left")
    for column, wanted in (("service", request.services), ("site", request.sites), ("team", request.teams)):
        known = owned[column].drop_nulls().unique().to_list()
        for name in wanted:
            if name not in known:
                raise UnknownName(column, name, known)
        if wanted:
            owned = owned.filter(pl.col(column).is_in(list(wanted)))
    if not run.settings.decide.endpoints_too_big:
        owned = owned.filter(pl.col("kind") != "endpoint")
    tiers = owned.select("resource", pl.col("tier").fill_null(DEFAULT_TIER))
    listed = frozenset(run.store.frame("resource_versions")["resource"])
    return Fleet(
        dict(zip(tiers["resource"], tiers["tier"], strict=True)),
        request.whole_fleet,
        listed,
        resources,
        services,
    )


@dataclass(frozen=True, slots=True)
class ReplayedHours:
    """The hours of one metric that are replayed."""

    history: Panel
    """Hours that do not count are unreported."""
    start_day: int
    """First day on which sizes are made."""
    counted_share: FloatArray
    """(n,) share of each one's hours that count."""


def history_of(run: Run, request: ReplayRequest, metric: str, fleet: Fleet) -> ReplayedHours:
    """From the first reported hour on.

    As for the advice, hours that do not count are unreported.

    Raises StoreUnavailable where nothing was measured.
    """
    newest = run.newest_sample()
    if newest is None:
        raise StoreUnavailable(f"{run.settings.store_path}: nothing measured yet; `headroom ingest` loads it")
    days = request.days or run.settings.decide.replay_days or DEFAULT_DAYS
    window = None
    if request.start_day is None:
        end = (newest + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
        window = Window(end - timedelta(days=run.settings.forecast.hours_history_days + days), end)
    names = None if fleet.not_listed else sorted(fleet.tiers)
    history = run.store.panel("hour", metrics=[metric], subjects=names, window=window)
    history = history.take([row for row, key in enumerate(history.keys) if key.subject in fleet])
    heard = np.flatnonzero(np.isfinite(history.demand).any(axis=0))
    if not len(heard):
        raise StoreUnavailable(f"{metric}: nothing measured of what is to be replayed")
    history = history.between(int(heard[0]), history.slots)
    counted, _ = hours_that_count(run, history, fleet.resources, fleet.services)
    share = np.ones(len(history))
    for row, key in enumerate(history.keys):
        if key.subject in counted and key.metric not in STOCKS:
            share[row] = counted[key.subject].mean()
    start_day = request.start_day
    if start_day is None:
        start_day = max(LEAST_BEFORE, history.slots // 24 - days)
    return ReplayedHours(only_counted(history, counted), start_day, share)
