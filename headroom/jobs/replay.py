"""Replay: what every sizing policy would have done on the store's own hours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import numpy as np
import polars as pl

from data.errors import ConfigError, StoreUnavailable, UnknownName
from data.prices import PriceCatalog
from data.series import Metric
from headroom.jobs.decide import prices
from headroom.jobs.replayed_hours import Fleet, ReplayedHours, ReplayRequest, fleet_of, history_of
from headroom.jobs.run import Run
from headroom.jobs.sizes import OURS, policy_for
from models.estate import DEFAULT_TIER
from models.proposals import TIER_WEIGHTS
from models.replay.replay import ALL_TIERS, replay
from models.replay.rules import best_rules
from models.sizing import POLICIES

LONG_HOLD = 28
"""Sizes are also replayed with a hold of four weeks where at least two such windows fit."""
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


def replay_history(run: Run, request: ReplayRequest) -> pl.DataFrame:
    """Replays policies on the stored hours; keeps the scores when the whole fleet was replayed, and with any
    sizes also the best percentile-and-margin rules in hindsight, where ours was among them.

    Endpoints take part only where the settings size them; of a resource only its hours that count. A metric
    that cannot be replayed is left out, and the run says why.

    Returns:
        REPLAY_SCHEMA, a row per metric, policy, target and tier.

    Raises:
        UnknownName: a metric, policy, service, site or team that nobody knows.
        ConfigError: a number makes no sense, or the catalog offers no sizes of the metric.
        StoreUnavailable: of no metric enough was measured.
    """
    policies = request.policies or tuple(POLICIES)
    _check(request, policies)
    fleet = fleet_of(run, request)
    offered = {metric: _candidates(run, metric) if request.catalog else None for metric in request.metrics}
    found: dict[str, _Replayed] = {}
    skipped: list[str] = []
    # The rules are kept for the days on which ours was replayed: they are what ours is compared with.
    compared = request.whole_fleet and not request.catalog and OURS in policies
    with run.record("replay") as report, run.steps.step("Replay") as advance:
        done, each = 0, len(policies) + compared
        for metric in request.metrics:
            tell = partial(_tell, advance, done, each * len(request.metrics))
            try:
                found[metric] = _replay_metric(
                    run, request, metric, fleet, policies, offered[metric], compared, tell
                )
                report.rows_read += found[metric].series
            except StoreUnavailable as error:
                skipped.append(str(error))
            done += each
            tell(each)
        if not found:
            raise StoreUnavailable("; ".join(skipped))
        if skipped:
            report.message = f"not replayed: {'; '.join(skipped)}"
        table = pl.concat([one.scores for one in found.values()])
        if request.whole_fleet:
            kept = run.store.frame(
                "replay_kept",
                metrics=list(found),
                policies=list(policies),
                hold_days=request.hold_days,
                sizes=request.sizes,
            )
            run.store.replace("replay_scores", pl.concat([kept, table], how="diagonal_relaxed"))
        if compared:
            others = run.store.frame("replay_rules_kept", metrics=list(found), hold_days=request.hold_days)
            rules = [one.rules for one in found.values() if one.rules is not None]
            run.store.replace("replay_rules", pl.concat([others, *rules], how="diagonal_relaxed"))
    for reason in skipped:
        run.steps.console.print(f"not replayed: {reason}", markup=False)
    return table


@dataclass(frozen=True, slots=True)
class _Replayed:
    """What the replay of one metric gave."""

    series: int
    scores: pl.DataFrame
    rules: pl.DataFrame | None


def _replay_metric(
    run: Run,
    request: ReplayRequest,
    metric: str,
    fleet: Fleet,
    policies: Sequence[str],
    candidates: Sequence[float] | None,
    compared: bool,
    tell: Callable[[int], None],
) -> _Replayed:
    """Raises StoreUnavailable where there is nothing, or too little, to replay."""
    hours = history_of(run, request, metric, fleet)
    history = hours.history
    tier_of = [fleet.tiers.get(key.subject, DEFAULT_TIER) for key in history.keys]
    targets = request.targets or (run.settings.decide.target_breach, *OUR_TARGETS)
    tables: list[pl.DataFrame] = []
    for name in policies:
        try:
            scores = replay(
                history,
                {name: policy_for(name, metric, run.settings.decide)},
                start_day=hours.start_day,
                hold_days=request.hold_days,
                targets=sorted(set(targets), reverse=True),
                hard=_hard(metric),
                weight=np.array([TIER_WEIGHTS.get(tier, 1.0) for tier in tier_of]),
                tiers=[str(tier) for tier in tier_of],
                candidates=candidates,
                counted_share=hours.counted_share,
            )
        except ValueError as error:
            raise StoreUnavailable(f"{metric}: {error}") from error
        tables.append(_rows(scores, hours, metric, request))
        tell(len(tables))
    table = pl.concat(tables)
    if not table["entity_windows"].sum():
        raise StoreUnavailable(
            f"{metric}: no resource has a known capacity and a day of hours after the start,"
            " so there is nothing to compare sizes with"
        )
    rules = _rules(hours, metric, request, [str(t) for t in tier_of]) if compared else None
    return _Replayed(len(history), table, rules)


def _tell(advance: Callable[[int, int], None], before: int, total: int, done: int) -> None:
    advance(before + done, total)


def replay_as_set(run: Run) -> None:
    """The replay that belongs to `headroom run`: as many days as the settings say, none by default.

    A fleet without enough history is not a fault of the run: the step says so in `runs` and the run goes on.
    """
    days = run.settings.decide.replay_days
    if not days:
        return
    try:
        table = replay_history(run, ReplayRequest(hold_days=7, days=days))
        if (table["ends_at"].max() - table["starts_at"].min()) >= timedelta(days=2 * LONG_HOLD):  # type: ignore[operator]
            replay_history(run, ReplayRequest(hold_days=LONG_HOLD, days=days))
    except StoreUnavailable as error:
        run.steps.console.print(f"not replayed: {error}", markup=False)


def _check(request: ReplayRequest, policies: Sequence[str]) -> None:
    for name in policies:
        if name not in POLICIES:
            raise UnknownName("policy", name, POLICIES)
    for metric in request.metrics:
        if metric not in set(Metric):
            raise UnknownName("metric", metric, [str(m) for m in Metric])
    if not all(0 < target < 1 for target in request.targets):
        raise ConfigError(f"a breach target is between 0 and 1, got {', '.join(map(str, request.targets))}")


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


def _rules(hours: ReplayedHours, metric: str, request: ReplayRequest, tiers: Sequence[str]) -> pl.DataFrame:
    """Rows of `replay_rules`: what the policies are compared with, chosen after the fact."""
    found = best_rules(
        hours.history,
        start_day=hours.start_day,
        hold_days=request.hold_days,
        hard=_hard(metric),
        tiers=tiers,
        counted_share=hours.counted_share,
    )
    return found.with_columns(_tier(found), metric=pl.lit(metric), hold_days=pl.lit(request.hold_days))


def _hard(metric: str) -> bool:
    """True where demand cannot exceed what is provisioned."""
    return metric in (Metric.MEMORY, Metric.STORAGE)


def _tier(scores: pl.DataFrame) -> pl.Series:
    """Tiers as numbers; null = all tiers together."""
    named = pl.col("tier")
    return scores.select(pl.when(named != ALL_TIERS).then(named).cast(pl.Int32))["tier"]


def _rows(scores: pl.DataFrame, hours: ReplayedHours, metric: str, request: ReplayRequest) -> pl.DataFrame:
    return (
        scores.with_columns(
            _tier(scores),
            metric=pl.lit(metric),
            hold_days=pl.lit(request.hold_days),
            sizes=pl.lit(request.sizes),
            starts_at=pl.lit(hours.history.start + timedelta(days=hours.start_day)),
            ends_at=pl.lit(hours.history.end),
        )
        .select(pl.col(name).cast(kind) for name, kind in REPLAY_SCHEMA.items())
        .with_columns(pl.col(pl.Float64).fill_nan(None))
    )
