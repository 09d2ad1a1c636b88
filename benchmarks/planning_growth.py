"""Planted growth, agreement of services with their machines, and what planning costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks.planning_sets import PlanningSet
from data.exhaustion import ExhaustionState
from data.panel import DAY, Panel
from data.series import SeriesKey
from models.exhaustion import exhaustions
from models.forecasters.planning import Planning
from models.planning import plan_and_reach
from models.reconcile import METHODS, Experience, Hierarchy, backtest, reconcile

START = datetime(2024, 1, 1, tzinfo=UTC)
_DAYS_LEFT = (12, 21, 34, 60, 75, 110, 150, 210, 290)


def growth_table(published: Callable[..., Any] | None) -> None:
    """Storage that grows in a straight line to 90 % on a known day, from flat; a year of history."""
    print("\n## Planted growth: share dated within 20 % of the time remaining, median relative error\n")
    for noise in (0.003, 0.01, 0.03):
        draw = np.random.default_rng(1)
        left = np.repeat(_DAYS_LEFT, 6)
        rows = []
        for days in left:
            gain = float(np.clip(0.34 / days, 0.0012, 0.005))
            began = min(365, int((0.9 - gain * days - 0.12) / gain))
            course = 0.9 - gain * days - gain * np.minimum(np.arange(365)[::-1], began)
            rows.append(course * (1 + draw.normal(0, noise, 365)))
        demand = np.array(rows)
        keys = [SeriesKey(f"volume-{i}", "storage") for i in range(len(rows))]
        panel = Panel.of(keys, START, DAY, demand, capacity=np.ones(demand.shape))
        _, reach = plan_and_reach(panel, 365, (0.5,), seed=1)
        found = exhaustions(panel, reach, reserve=0.1)
        dates = np.array([e.days_mid if e.days_mid is not None else np.nan for e in found], float)
        now = np.array([e.state == ExhaustionState.EXHAUSTED_NOW for e in found])
        line = _report(f"ours, noise {noise:.1%}", np.where(now, 1, dates), left)
        if published:
            of = PlanningSet("", True, 365, 0, 1, tuple(keys), demand, np.ones(len(rows)))
            paths = published(of, 365, demand)[1]
            chance = (np.maximum.accumulate(paths, 2) >= 0.9).mean(1)
            theirs = np.where(chance[:, -1] >= 0.5, (chance >= 0.5).argmax(1) + 1.0, np.nan)
            line += "   " + _report("prototype", theirs, left)
        print(line)


def _report(name: str, dates: np.ndarray, left: np.ndarray) -> str:
    error = np.abs(dates - left) / left
    within = np.where(np.isfinite(error), error <= 0.2, False).mean()
    dated = np.isfinite(error)
    middle = f"{np.median(error[dated]):.2f}" if dated.any() else "-"
    return f"{name}: {within:4.0%} within, {dated.mean():4.0%} dated, error {middle}"


def reconcile_table(machines: PlanningSet) -> None:
    """Made-up services of ten machines: the method is chosen before the last four weeks, scored on them."""
    print("\n## Agreement of services with their machines, last 28 days: mean scaled error\n")
    known = machines.demand
    owners = {key.subject: f"service-{i // 10}" for i, key in enumerate(machines.keys)}
    keys = [SeriesKey(name, machines.keys[0].metric) for name in dict.fromkeys(owners.values())]
    rows = [[i for i, key in enumerate(machines.keys) if owners[key.subject] == k.subject] for k in keys]
    sums = np.array([known[members].sum(0) for members in rows])
    resources = Panel.of(machines.keys, START, DAY, known)
    services = Panel.of(keys, START, DAY, sums)
    hierarchy = Hierarchy.of(resources.keys, services.keys, owners)
    forecaster = Planning(samples=50)
    cut = known.shape[1] - 28
    experience = backtest(
        resources.until(cut), services.until(cut), hierarchy, forecaster, 14, cutoffs=1, least_before=48
    )
    made = [forecaster.forecast(panel.until(cut), 28, (0.5,)) for panel in (resources, services)]
    chosen = experience.method.get(keys[0].metric, experience.method[""])
    for method in ("base", *METHODS):
        one = Experience({"": method}, {}, experience.resource_variance, experience.service_variance)
        agreed = tuple(made) if method == "base" else reconcile(made[0], made[1], hierarchy, one)
        errors = []
        for forecast, panel in zip(agreed, (resources, services), strict=True):
            change = np.nanmean(np.abs(panel.demand[:, 7:cut] - panel.demand[:, : cut - 7]), 1)
            miss = np.nanmean(np.abs(forecast.at(0.5) - panel.demand[:, cut:]), 1)
            errors.append(float(np.nanmean(np.minimum(miss / np.maximum(change, 1e-9), 15))))
        mark = "   <- chosen before" if method == chosen else ""
        print(f"{method:10s} machines {errors[0]:.3f}  services {errors[1]:.3f}{mark}")


def speed_table(published: Callable[..., Any] | None, n: int = 1000) -> None:
    """CPU seconds for n series of 400 days, 365 ahead; the target is per 10,000."""
    print(f"\n## Speed: CPU s for {n:,} series x 400 days, 365 days ahead\n")
    draw = np.random.default_rng(0)
    week = 0.2 * np.sin(np.arange(400) * 2 * np.pi / 7)
    drift = np.cumsum(draw.normal(0, 0.02, (n, 400)), 1)
    demand = 100 * np.exp(draw.normal(0, 0.15, (n, 400)) + drift + week)
    panel = Panel.of([SeriesKey(f"r{i}", "cpu") for i in range(n)], START, DAY, demand)
    levels = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    begin = time.process_time()
    Planning().forecast(panel, 365, levels)
    quantiles = time.process_time() - begin
    begin = time.process_time()
    plan_and_reach(panel, 365, levels, samples=200, seed=1)
    paths = time.process_time() - begin
    print(f"quantiles {quantiles:.2f} (10,000: target 10)   200 paths, quantiles and reach {paths:.2f}"
          " (10,000: target 60)")  # fmt: skip
    if published:
        begin = time.process_time()
        for first in range(0, n, 50):
            part = demand[first : first + 50]
            of = PlanningSet("", False, 365, 0, 1, (), part, np.ones(len(part)))
            published(of, 400, part)
        print(f"prototype, 200 paths and quantiles: {time.process_time() - begin:.2f}")
