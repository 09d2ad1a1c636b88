"""Replay: what every sizing policy would have done on the store's own hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from data.errors import ConfigError, StoreUnavailable, UnknownName
from data.panel import Panel
from data.prices import PriceCatalog
from data.series import Metric, Window
from headroom.jobs.decide import prices
from headroom.jobs.run import Run
from models.estate import DEFAULT_TIER
from models.proposals import TIER_WEIGHTS
from models.replay.replay import ALL_TIERS, replay
from models.replay.rules import best_rules
from models.sizing import POLICIES

LEAST_BEFORE = 14
"""Days of history before the first size is made: with fewer, most policies refuse."""
DEFAULT_DAYS = 28
"""Days replayed when neither the settings nor the command line say how many."""
LONG_HOLD = 28
"""Sizes are also replayed with a hold of four weeks where at least two such windows fit."""
OURS = "marginal"
OUR_TARGETS = (0.01, 0.0025)
"""Breach targets of our policy besides the one in the settings: its curve, and its calibration."""

REPLAY_SCHEMA: dict[str, pl.DataType] = {
    "metric": pl.String(),
    "policy": pl.String(),
    "tier": pl.Int32(),
    "target_breach": pl.Float64(),
    "allocated": pl.Float64(),
    "breached_hours": pl.Float64(),
    "breached_windows": pl.Float64(),
    "worst_overshoot": pl.Float64(),
    "changes": pl.Float64(),
    "refused": pl.Float64(),
    "entity_windows": pl.Int64(),
    "hold_days": pl.Int32(),
    "sizes": pl.String(),
    "starts_at": pl.Datetime("us", "UTC"),
    "ends_at": pl.Datetime("us", "UTC"),
}
"""Columns of `replay_scores`; tier null = all tiers together."""


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


def replay_history(run: Run, request: ReplayRequest) -> pl.DataFrame:
    """Replays policies on the stored hours; keeps the scores when the whole fleet was replayed, and with any
    sizes also the best percentile-and-margin rules in hindsight, where ours was among them.

    Endpoints take part only where the settings size them.

    Returns:
        REPLAY_SCHEMA, a row per metric, policy, target and tier.

    Raises:
        UnknownName: a metric, policy, service, site or team that nobody knows.
        ConfigError: a number makes no sense, or the catalog offers no sizes of the metric.
        StoreUnavailable: nothing, or too little, was measured.
    """
    policies = request.policies or tuple(POLICIES)
    _check(request, policies)
    tiers = _tiers(run, request)
    tables: list[pl.DataFrame] = []
    rules: list[pl.DataFrame] = []
    # The rules are kept for the days on which ours was replayed: they are what ours is compared with.
    compared = request.whole_fleet and not request.catalog and OURS in policies
    with run.record("replay") as report, run.steps.step("Replay") as advance:
        done, total = 0, len(request.metrics) * (len(policies) + compared)
        for metric in request.metrics:
            history, start_day = _history(run, request, metric, sorted(tiers))
            tier_of = [tiers[key.subject] for key in history.keys]
            candidates = _candidates(run, metric) if request.catalog else None
            targets = request.targets or (run.settings.decide.target_breach, *OUR_TARGETS)
            for name in policies:
                try:
                    scores = replay(
                        history,
                        {name: POLICIES[name]()},
                        start_day=start_day,
                        hold_days=request.hold_days,
                        targets=sorted(set(targets), reverse=True),
                        hard=_hard(metric),
                        weight=np.array([TIER_WEIGHTS.get(tier, 1.0) for tier in tier_of]),
                        tiers=[str(tier) for tier in tier_of],
                        candidates=candidates,
                    )
                except ValueError as error:
                    raise StoreUnavailable(f"{metric}: {error}") from error
                tables.append(_rows(scores, history, metric, request, start_day))
                done += 1
                advance(done, total)
            if compared:
                rules.append(_rules(history, metric, request, start_day, [str(tier) for tier in tier_of]))
                done += 1
                advance(done, total)
            report.rows_read += len(history)
        table = pl.concat(tables)
        if not table["entity_windows"].sum():
            raise StoreUnavailable(
                "no resource has a known capacity and a day of hours after the start,"
                " so there is nothing to compare sizes with"
            )
        if request.whole_fleet:
            kept = run.store.frame(
                "replay_kept",
                metrics=list(request.metrics),
                policies=list(policies),
                hold_days=request.hold_days,
                sizes=request.sizes,
            )
            run.store.replace("replay_scores", pl.concat([kept, table], how="diagonal_relaxed"))
        if compared:
            others = run.store.frame(
                "replay_rules_kept", metrics=list(request.metrics), hold_days=request.hold_days
            )
            run.store.replace("replay_rules", pl.concat([others, *rules], how="diagonal_relaxed"))
    return table


def replay_as_set(run: Run) -> None:
    """The replay that belongs to `headroom run`: as many days as the settings say, none by default.

    A fleet without enough history is not a fault of the run: the step says so in `runs` and the run goes on.
    """
    days = run.settings.decide.replay_days
    if not days:
        return
    holds = [7] + ([LONG_HOLD] if days >= 2 * LONG_HOLD else [])
    for hold in holds:
        try:
            replay_history(run, ReplayRequest(hold_days=hold, days=days))
        except StoreUnavailable as error:
            run.steps.console.print(f"not replayed: {error}", markup=False)
            return


def _check(request: ReplayRequest, policies: Sequence[str]) -> None:
    for name in policies:
        if name not in POLICIES:
            raise UnknownName("policy", name, POLICIES)
    for metric in request.metrics:
        if metric not in set(Metric):
            raise UnknownName("metric", metric, [str(m) for m in Metric])
    if not all(0 < target < 1 for target in request.targets):
        raise ConfigError(f"a breach target is between 0 and 1, got {', '.join(map(str, request.targets))}")


def _tiers(run: Run, request: ReplayRequest) -> dict[str, int]:
    """Resource -> tier, of what takes part."""
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
    return dict(zip(tiers["resource"], tiers["tier"], strict=True))


def _history(run: Run, request: ReplayRequest, metric: str, names: Sequence[str]) -> tuple[Panel, int]:
    """Hours of one metric from the first reported one on, and the day the replay starts."""
    newest = run.store.newest_sample()
    if newest is None:
        raise StoreUnavailable(f"{run.settings.store_path}: nothing measured yet; `headroom ingest` loads it")
    days = request.days or run.settings.decide.replay_days or DEFAULT_DAYS
    window = None
    if request.start_day is None:
        end = (newest + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
        window = Window(end - timedelta(days=run.settings.forecast.hours_history_days + days), end)
    history = run.store.panel("hour", metrics=[metric], subjects=names, window=window)
    heard = np.flatnonzero(np.isfinite(history.demand).any(axis=0))
    if not len(heard):
        raise StoreUnavailable(f"{metric}: nothing measured of what is to be replayed")
    history = history.between(int(heard[0]), history.slots)
    if request.start_day is not None:
        return history, request.start_day
    return history, max(LEAST_BEFORE, history.slots // 24 - days)


def _candidates(run: Run, metric: str) -> list[float]:
    catalog, _ = prices(run.settings)
    return catalog_sizes(catalog, metric)


def catalog_sizes(catalog: PriceCatalog, metric: str) -> list[float]:
    """Every amount of a metric that some instance type has, ascending."""
    match metric:
        case Metric.CPU:
            return sorted({kind.vcpu for kind in catalog.types})
        case Metric.MEMORY:
            return sorted({kind.memory_gib for kind in catalog.types})
    raise ConfigError(f"instance types have cpu and memory; {metric} is replayed without --catalog")


def _rules(
    history: Panel, metric: str, request: ReplayRequest, start_day: int, tiers: Sequence[str]
) -> pl.DataFrame:
    """Rows of `replay_rules`: what the policies are compared with, chosen after the fact."""
    found = best_rules(
        history, start_day=start_day, hold_days=request.hold_days, hard=_hard(metric), tiers=tiers
    )
    return found.with_columns(_tier(found), metric=pl.lit(metric), hold_days=pl.lit(request.hold_days))


def _hard(metric: str) -> bool:
    """True where demand cannot exceed what is provisioned."""
    return metric in (Metric.MEMORY, Metric.STORAGE)


def _tier(scores: pl.DataFrame) -> pl.Series:
    """Tiers as numbers; null = all tiers together."""
    named = pl.col("tier")
    return scores.select(pl.when(named != ALL_TIERS).then(named).cast(pl.Int32))["tier"]


def _rows(
    scores: pl.DataFrame, history: Panel, metric: str, request: ReplayRequest, start_day: int
) -> pl.DataFrame:
    return (
        scores.with_columns(
            _tier(scores),
            metric=pl.lit(metric),
            hold_days=pl.lit(request.hold_days),
            sizes=pl.lit(request.sizes),
            starts_at=pl.lit(history.start + timedelta(days=start_day)),
            ends_at=pl.lit(history.end),
        )
        .select(pl.col(name).cast(kind) for name, kind in REPLAY_SCHEMA.items())
        .with_columns(pl.col(pl.Float64).fill_nan(None))
    )
