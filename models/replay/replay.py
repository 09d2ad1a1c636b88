"""Replay of sizing policies with a rolling origin: each decides from the past only, then lives with what
came."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

import numpy as np
import polars as pl

from data.decision import Size
from data.outcome import Forecast, Refusal
from data.panel import HOUR, FloatArray, Panel
from models.replay.score import Hold, holds, in_force, score
from models.sizing.limits import within
from models.sizing.marginal import Marginal
from models.sizing.observed import window
from models.sizing.policy import SizingOptions, SizingPolicy
from models.sizing.weighing import Weighing

ALL_TIERS = "all"


def replay(
    history: Panel,
    policies: Mapping[str, SizingPolicy],
    *,
    start_day: int = 42,
    hold_days: int = 7,
    every_days: int | None = None,
    targets: Sequence[float] = (0.005,),
    hard: bool = False,
    weight: FloatArray | None = None,
    tiers: Sequence[str] | None = None,
    candidates: Sequence[float] | None = None,
    at_most: FloatArray | None = None,
    forecast: Callable[[Panel], Forecast] | None = None,
    counted_share: FloatArray | None = None,
) -> pl.DataFrame:
    """Replays policies over an hourly history of one metric.

    From `start_day`, every `every_days` (default: `hold_days`), each policy sizes from what was known by
    then, looking back as far as its rule says; the sizes hold for `hold_days` and are scored against the
    hourly peaks. Where a policy refuses, what is provisioned stays. A window with nothing provisioned in the
    24 hours before or with fewer than 24 reported hours after is left out.

    Args:
        targets: breach targets; a policy without a budget has the same figures for each.
        hard: demand cannot exceed what is provisioned (memory).
        weight: (n,) how much a breach of each series counts.
        tiers: (n,) a name per series; scores are given per tier besides those of all.
        candidates: sizes on offer, in the metric's unit; None = any size. Our policy keeps a candidate in
            force unless another one pays; others take the smallest that is large enough.
        at_most: (n,) the most each can be given where it runs, NaN = no limit; holds for every policy.
        forecast: makes the forecast that policies may read, from the history up to the cutoff.
        counted_share: (n,) share of each one's hours that count, the others being unreported; None = all.

    Returns:
        A row per policy, target and tier: policy, target_breach, tier, and the fields of Score.

    Raises ValueError for a panel that is not hourly or too short.
    """
    if history.step != HOUR:
        raise ValueError(f"a replay reads hours, not steps of {history.step}")
    windows = holds(history, start_day, hold_days, every_days, counted_share=counted_share)
    forecasts = {w.cutoff: forecast(history.until(w.cutoff)) if forecast else None for w in windows}
    offered = None if candidates is None else np.sort(np.asarray(candidates, float))
    groups = groups_of(tiers, len(history))
    table = []
    for name, policy in policies.items():
        options = SizingOptions(hold_days=hold_days, weight=weight, hard=hard, at_most=at_most)
        decided = decide(history, policy, windows, targets, options, offered, forecasts)
        for target, sizes in decided.items():
            for tier, rows in groups.items():
                scored = asdict(score(sizes, windows, rows))
                table.append({"policy": name, "target_breach": target, "tier": tier, **scored})
    return pl.DataFrame(table)


def decide(
    history: Panel,
    policy: SizingPolicy,
    windows: Sequence[Hold],
    targets: Sequence[float],
    options: SizingOptions,
    candidates: FloatArray | None = None,
    forecasts: Mapping[int, Forecast | None] | None = None,
) -> dict[float, dict[int, FloatArray]]:
    """Target -> cutoff -> (n,) sizes, NaN where refused; every policy sees only what was known at the
    cutoff."""
    decided: dict[float, dict[int, FloatArray]] = {target: {} for target in targets}
    before: dict[float, FloatArray | None] = dict.fromkeys(targets)
    for hold in windows:
        past = history.until(hold.cutoff)
        if isinstance(policy, Marginal):
            # Weighing does not depend on the target, so it is done once for all of them.
            weighing = policy.weigh(past, options)
            for target in targets:
                price = weighing.price(target)
                sizes = weighing.targets(price, before[target])
                if candidates is not None:
                    sizes = _best_of(weighing, price, sizes, candidates, before[target], hold.provisioned)
                decided[target][hold.cutoff] = sizes
                before[target] = in_force(hold, sizes)
            continue
        answers = policy.size(window(past, policy.lookback_days), (forecasts or {}).get(hold.cutoff), options)
        sizes = amounts(within(answers, options.at_most))
        if candidates is not None:
            sizes = _smallest_above(sizes, candidates, options.at_most, hold.provisioned)
        for target in targets:
            decided[target][hold.cutoff] = sizes
    return decided


def amounts(answers: Sequence[Size | Refusal]) -> FloatArray:
    """(n,) targets, NaN where refused."""
    return np.array([answer.target if isinstance(answer, Size) else np.nan for answer in answers], float)


def _best_of(
    weighing: Weighing,
    price: float,
    sizes: FloatArray,
    candidates: FloatArray,
    before: FloatArray | None,
    provisioned: FloatArray,
) -> FloatArray:
    chosen = sizes.copy()
    for row in np.flatnonzero(~np.isnan(sizes)):
        offered = candidates.tolist()
        if provisioned[row] > candidates[-1]:
            offered.append(float(provisioned[row]))
        now = np.nan if before is None else float(before[row])
        chosen[row] = offered[weighing.best_of(int(row), offered, price, in_force=now)]
    return chosen


def _smallest_above(
    sizes: FloatArray, candidates: FloatArray, at_most: FloatArray | None, provisioned: FloatArray
) -> FloatArray:
    """The smallest on offer that is large enough, the largest where none is; above its limit only where all
    are."""
    limits = np.full(len(sizes), np.inf) if at_most is None else np.where(np.isnan(at_most), np.inf, at_most)
    most = np.searchsorted(candidates, limits * (1 + 1e-9), side="right") - 1
    k = np.minimum(np.searchsorted(candidates, sizes * (1 - 1e-9), side="left"), len(candidates) - 1)
    chosen = candidates[np.minimum(k, np.maximum(most, 0))]
    # Larger than every candidate, so what is held is the only size on offer that is large enough.
    stays = (sizes > candidates[-1]) & (provisioned > candidates[-1]) & (provisioned <= limits)
    return np.where(np.isnan(sizes), np.nan, np.where(stays, provisioned, chosen))


def groups_of(tiers: Sequence[str] | None, n: int) -> dict[str, np.ndarray | None]:
    """Name of a group -> which series belong to it (None = all): ALL_TIERS, then each tier."""
    groups: dict[str, np.ndarray | None] = {ALL_TIERS: None}
    if tiers is not None:
        if len(tiers) != n:
            raise ValueError(f"{len(tiers)} tiers do not fit {n} series")
        named = np.asarray(tiers)
        groups |= {tier: named == tier for tier in sorted(set(tiers))}
    return groups
