"""Sizes: what the policy of the settings would hold for everything that can be resized."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.decision import Size
from data.outcome import Refusal
from data.panel import FloatArray, Panel
from data.series import Metric
from headroom.jobs.run import Run
from headroom.settings import DecideSettings
from models.counted_hours import counted_slots, only_counted
from models.estate import DEFAULT_TIER, read_estate, replicas_of
from models.node_caps import known_capacities, node_caps
from models.proposals import TIER_WEIGHTS
from models.sizing import POLICIES
from models.sizing.limits import within
from models.sizing.marginal import Marginal
from models.sizing.policy import SizingOptions, SizingPolicy

OURS = "marginal"
"""Our policy's name among POLICIES."""


def sizes_of(
    run: Run,
    hourly: Mapping[str, Panel],
    counted: Mapping[str, NDArray[np.bool_]],
    resources: pl.DataFrame,
    services: pl.DataFrame,
    stated: Mapping[str, Mapping[str, float]],
) -> dict[str, Sequence[Size | Refusal]]:
    """Metric -> one answer per series of its panel.

    Hours that do not count are not seen by the policy, and no replica gets more than its largest node has.

    Args:
        stated: resource -> metric -> capacity the inventory states (`stated_capacities`): nodes that nobody
            measures limit replicas too.
    """
    measured: dict[str, dict[str, float]] = {}
    for metric, panel in hourly.items():
        for key, amount in zip(panel.keys, _known_capacities(panel.capacity), strict=True):
            if np.isfinite(amount):
                measured.setdefault(key.subject, {})[metric] = float(amount)
    end = max((panel.end for panel in hourly.values()), default=run.now)
    known = read_estate(resources, services, end).current
    caps = node_caps(known, known_capacities(stated, measured), run.settings.decide.node_pools)
    most = {
        one.name: {metric: cap * replicas_of(one) for metric, cap in caps[one.name].items()}
        for one in known
        if one.name in caps
    }
    return {
        metric: _sizes(
            run,
            metric,
            only_counted(panel, counted),
            resources,
            services,
            np.array([most.get(key.subject, {}).get(metric, np.nan) for key in panel.keys]),
        )
        for metric, panel in hourly.items()
    }


def hours_that_count(
    run: Run, hourly: Panel, resources: pl.DataFrame, services: pl.DataFrame
) -> tuple[dict[str, NDArray[np.bool_]], list[str]]:
    """Resource -> which hours of the panel count, for those whose label `hours` limits them; and those whose
    label cannot be read.

    The clock is that of the zone the settings name for the resource, its service, its site or everybody.

    Raises ConfigError where the settings' business hours or zone cannot be.
    """
    known = read_estate(resources, services, hourly.end).current
    return counted_slots(known, hourly, run.settings.decide.business_hours, run.settings.forecast.zones)


def policy_for(name: str, metric: str, settings: DecideSettings) -> SizingPolicy:
    """The policy of that name as it is followed for a metric.

    Ours with the margin and the floor of memory that the settings name, the others as published.
    """
    if name != OURS:
        return POLICIES[name]()
    if metric == Metric.MEMORY:
        return Marginal(margin=settings.margin, floor=settings.memory_floor)
    return Marginal(margin=settings.margin)


def stated_capacities(run: Run) -> dict[str, dict[str, float]]:
    """Resource -> metric -> capacity in force: what nobody measures still has a stated size."""
    stated: dict[str, dict[str, float]] = {}
    rows = run.store.frame("capacities_of").filter(pl.col("valid_to").is_null())
    for resource, metric, capacity in rows.select("resource", "metric", "capacity").iter_rows():
        # A store may hold sizes that are no number, as they were pushed once.
        if metric in set(Metric) and capacity is not None:
            stated.setdefault(resource, {})[metric] = capacity
    return stated


def by_metric(panel: Panel) -> dict[str, Panel]:
    """Metric -> its series, of the metrics something has a capacity of."""
    metrics = np.array([key.metric for key in panel.keys], dtype=object)
    return {
        str(metric): panel.take(metrics == str(metric)) for metric in Metric if (metrics == str(metric)).any()
    }


def _sizes(
    run: Run,
    metric: str,
    panel: Panel,
    resources: pl.DataFrame,
    services: pl.DataFrame,
    at_most: FloatArray,
) -> Sequence[Size | Refusal]:
    """What the policy would hold, for everything that can be resized; endpoints are bought, not sized."""
    settings = run.settings.decide
    kind = dict(zip(resources["resource"], resources["kind"], strict=True))
    tier = dict(zip(services["service"], services["tier"], strict=True))
    owner = dict(zip(resources["resource"], resources["service"], strict=True))
    sized = np.array(
        [settings.endpoints_too_big or kind.get(key.subject) != "endpoint" for key in panel.keys], bool
    )
    answers: list[Size | Refusal] = [Refusal("endpoints are bought whole, not sized")] * len(panel)
    if not sized.any():
        return answers
    fleet = panel.take(sized)
    tiers = [tier.get(owner.get(key.subject)) or DEFAULT_TIER for key in fleet.keys]
    options = SizingOptions(
        hold_days=settings.hold_days,
        target_breach=settings.target_breach,
        in_force=_known_capacities(fleet.capacity),
        weight=np.array([TIER_WEIGHTS.get(t, 1.0) for t in tiers]),
        at_most=at_most[sized],
        hard=metric in (Metric.MEMORY, Metric.STORAGE),
    )
    policy = policy_for(settings.policy, metric, settings)
    found = within(policy.size(fleet, None, options), options.at_most)
    for row, answer in zip(np.flatnonzero(sized), found, strict=True):
        answers[row] = answer
    return answers


def _known_capacities(capacity: FloatArray) -> FloatArray:
    """(n,) the last known capacity, NaN where none was ever known."""
    held = np.full(len(capacity), np.nan)
    for i, row in enumerate(capacity):
        known = row[np.isfinite(row)]
        if known.size:
            held[i] = known[-1]
    return held
