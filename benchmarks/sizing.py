"""Sizing on the shared Bitbrains machines: frontier, calibration, peers, holds, small fleets, speed.

Protocol: from day 42, every 7 days, each policy sizes from the past only; provisioned is the largest capacity
of the last 24 hours; allocated is the mean over machine-weeks of size / provisioned; breached is the mean
share of reported hours whose highest demand exceeds the size. The rules are 4 windows x 6 percentiles x 15
margins of the hourly maxima, the best of them chosen in hindsight at each breach. Frontiers have one choice
in hindsight on both sides (the rule; our price); the calibration table has none. How our estimates are
combined, the rise and the grid were chosen on holds that begin on days 14 to 35, which end before day 42.

usage: python -m benchmarks.sizing
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from data.panel import Panel
from data.series import SeriesKey
from headroom.replay_file import HARD_METRICS, read_hours
from models.replay.frontier import allocated_at, marginal_frontier, rule_frontier
from models.replay.replay import decide, replay
from models.replay.score import holds, score
from models.sizing import POLICIES
from models.sizing.marginal import Marginal
from models.sizing.policy import SizingOptions

TRACE = Path(__file__).parents[1].parent / "shared" / "data" / "bitbrains_rnd.parquet"
TARGETS = (0.02, 0.01, 0.005, 0.0025, 0.001)
WANTED = (0.01, 0.005, 0.0025)
METRICS = ("cpu", "memory")
CALIBRATION_HEAD = (
    "target",
    "realised",
    "ratio",
    "allocated",
    "best rule there",
    "against it",
    "sizes moved",
    "weeks breached",
    "overshoot",
)


def main() -> None:
    """Prints every table, or says that the trace is not there."""
    if not TRACE.exists():
        print(f"sizing: {TRACE} is not there, nothing measured")
        return
    for metric in METRICS:
        history = read_hours(TRACE, metric)
        print(f"\n## Sizing, {metric}: {len(history)} machines, {history.slots / 24:.0f} days\n")
        hard = metric in HARD_METRICS
        rules = rule_frontier(history)
        ours = marginal_frontier(history, Marginal(), hard=hard)
        frontier(history, rules, ours, hard)
        calibration(history, rules, hard)
        halves(history, hard)
        peers(history, ours, hard)
        month(history, hard)
        small_fleets(history, hard)
    speed(read_hours(TRACE, "cpu"))


def frontier(history: Panel, rules: pl.DataFrame, ours: pl.DataFrame, hard: bool) -> None:
    """Allocated at given breaches: best rule in hindsight, ours with one price in hindsight."""
    best, marginal = allocated_at(rules, TARGETS), allocated_at(ours, TARGETS)
    rows = [["best of 360 rules", *_shares(best)], ["marginal", *_shares(marginal)]]
    if hard:
        capped = allocated_at(rule_frontier(history, hard=True), TARGETS)
        rows.insert(1, ["best rule, capped at provisioned", *_shares(capped)])
    rows.append(["marginal against the best rule", *_changes(marginal, best)])
    _table(["allocated at breached hours of", *(f"{target:.2%}" for target in TARGETS)], rows)


def calibration(history: Panel, rules: pl.DataFrame, hard: bool) -> None:
    """Target against realised, nothing in hindsight; the rule it is compared with is the best at that
    breach."""
    _table(CALIBRATION_HEAD, _calibrated(history, rules, hard, TARGETS))


def halves(history: Panel, hard: bool) -> None:
    """The same on every second machine and on the others: what luck with the machines is worth."""
    rows = []
    for name, first in (("even", 0), ("odd", 1)):
        half = history.take(range(first, len(history), 2))
        found = _calibrated(half, rule_frontier(half), hard, WANTED)
        rows += [[name, *row] for row in found]
    _table(["half", *CALIBRATION_HEAD], rows)


def _calibrated(history: Panel, rules: pl.DataFrame, hard: bool, targets: Sequence[float]) -> list[list[str]]:
    scores = replay(history, {"marginal": Marginal()}, targets=targets, hard=hard)
    best = allocated_at(rules, scores["breached_hours"].to_list())
    rows = []
    for scored, rule in zip(scores.to_dicts(), best, strict=True):
        rows.append(
            [
                f"{scored['target_breach']:.2%}",
                f"{scored['breached_hours']:.2%}",
                f"{scored['breached_hours'] / scored['target_breach']:.2f}",
                f"{scored['allocated']:.3f}",
                f"{rule:.3f}",
                f"{scored['allocated'] / rule - 1:+.1%}",
                f"{scored['changes']:.0%}",
                f"{scored['breached_windows']:.0%}",
                f"{scored['worst_overshoot']:.1f}",
            ]
        )
    return rows


def peers(history: Panel, ours: pl.DataFrame, hard: bool) -> None:
    """Every other policy at its default, and what ours allocates at the breach it has."""
    others = {name: make() for name, make in POLICIES.items() if name != "marginal"}
    begun = time.perf_counter()
    scores = replay(history, others, hard=hard)
    took = time.perf_counter() - begun
    rows = []
    for scored in scores.to_dicts():
        if scored["refused"] == 1:
            rows.append([scored["policy"], "refuses this metric", "", "", "", ""])
            continue
        [same] = allocated_at(ours, [scored["breached_hours"]])
        rows.append(
            [
                scored["policy"],
                f"{scored['allocated']:.3f}",
                f"{scored['breached_hours']:.2%}",
                f"{same:.3f}",
                f"{same / scored['allocated'] - 1:+.0%}",
                f"{scored['changes']:.0%}",
            ]
        )
    head = [
        "policy at its default",
        "allocated",
        "breached",
        "marginal there",
        "against it",
        "sizes moved a week",
    ]
    _table(head, rows)
    print(f"replay of {len(others)} policies: {took:.1f} s\n")


def month(history: Panel, hard: bool) -> None:
    """Sizes held for 28 days, decided on days 42 to 63: four overlapping months, so little data."""
    settings = {"hold_days": 28, "every_days": 7, "whole": True}
    rules = rule_frontier(history, **settings)  # type: ignore[arg-type]
    best = allocated_at(rules, TARGETS)
    ours = allocated_at(marginal_frontier(history, Marginal(), hard=hard, **settings), TARGETS)  # type: ignore[arg-type]
    rows = [["best of 360 rules", *_shares(best)], ["marginal", *_shares(ours)], ["", *_changes(ours, best)]]
    _table(["held for 28 days", *(f"{target:.2%}" for target in TARGETS)], rows)
    windows = holds(history, 42, 28, 7, whole=True)
    decided = decide(history, Marginal(), windows, WANTED, SizingOptions(hold_days=28, hard=hard))
    scores = {target: score(sizes, windows) for target, sizes in decided.items()}
    there = allocated_at(rules, [found.breached_hours for found in scores.values()])
    _table(
        ["held for 28 days, target", "ratio", "allocated", "against the best rule there"],
        [
            [
                f"{target:.2%}",
                f"{found.breached_hours / target:.2f}",
                f"{found.allocated:.3f}",
                f"{found.allocated / rule - 1:+.1%}",
            ]
            for (target, found), rule in zip(scores.items(), there, strict=True)
        ],
    )


def small_fleets(history: Panel, hard: bool) -> None:
    """The fleet cut into folds that know nothing of each other: coefficients as shipped, and learned from a
    fold."""
    rows = []
    for folds in (12, 5, 2):
        size = len(history) // folds
        for label, refit_from in (("shipped", 10**9), ("own past", 1)):
            policy = Marginal(refit_from=refit_from)
            points = [
                marginal_frontier(history.take(range(fold, len(history), folds)), policy, hard=hard)
                for fold in range(folds)
            ]
            pooled = pl.concat(points).group_by("price").agg(pl.col("allocated", "breached_hours").mean())
            rows.append([f"{size} machines, {label}", *_shares(allocated_at(pooled, TARGETS))])
    _table(["folds of", *(f"{target:.2%}" for target in TARGETS)], rows)


def speed(history: Panel) -> None:
    """Seconds of one core to size 10,000 resources with 91 days of hours, price and sentences included."""
    rng = np.random.default_rng(0)
    n, hours = 10_000, 91 * 24
    rows = rng.integers(0, len(history), n)
    factor = rng.uniform(0.7, 1.3, (n, 1))
    fleet = Panel(
        tuple(SeriesKey(f"vm-{i}", "cpu") for i in range(n)),
        history.start,
        history.step,
        *(part[rows, :hours] * factor for part in (history.demand, history.peak, history.capacity)),
    )
    rows_printed = []
    for name in POLICIES:
        begun = time.process_time()
        POLICIES[name]().size(fleet, None, SizingOptions())
        rows_printed.append([name, f"{time.process_time() - begun:.1f}"])
    _table(["10,000 resources, 91 days of hours", "seconds of one core"], rows_printed)


def _shares(amounts: Sequence[float]) -> list[str]:
    return ["-" if np.isnan(amount) else f"{amount:.3f}" for amount in amounts]


def _changes(ours: Sequence[float], theirs: Sequence[float]) -> list[str]:
    pairs = zip(ours, theirs, strict=True)
    return ["-" if np.isnan(a) or np.isnan(b) else f"{a / b - 1:+.1%}" for a, b in pairs]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A Markdown table."""
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    for row in (head, ["-" * w for w in widths], *rows):
        print("| " + " | ".join(str(cell).ljust(w) for cell, w in zip(row, widths, strict=True)) + " |")
    print()


if __name__ == "__main__":
    main()
