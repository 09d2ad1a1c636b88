"""Hourly forecasts on the shared sets: ours, the naives and named models; accuracy, bands, cost.

Rolling cutoffs; every model sees the same history. Errors are divided by the mean change from day to day
before the cutoff and, except on M4, clipped at 15 per series and cutoff: a machine that idled until the
cutoff and then woke would otherwise outweigh all others. Slots that were not reported are never scored. The
naives get bands from their own errors at eight past cutoffs. Named models run on a fixed random subset, with
ours on the same.

usage: python -m benchmarks.forecasting [--quick] [--subset N] [--only TEXT] [--no-speed | --speed-only]
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

import numpy as np  # noqa: E402

from benchmarks.forecasting_naives import Naive, naive2  # noqa: E402
from benchmarks.forecasting_sets import HourlySet, hourly_sets  # noqa: E402
from benchmarks.forecasting_speed import speed_tables  # noqa: E402
from data.panel import FloatArray  # noqa: E402
from models.evaluation import losses  # noqa: E402
from models.forecaster import Forecaster  # noqa: E402
from models.forecasters import FORECASTERS  # noqa: E402

LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
CLIP = 15.0
NAIVES = ("naive day", "naive week", "last value", "median of a week")
NAMED = (
    "prophet",
    "statsmodels_stl_arima",
    "statsmodels_ets",
    "statsmodels_ucm",
    "statsforecast_mstl",
    "statsforecast_dot",
    "statsforecast_autoets",
    "statsforecast_autoarima",
)
SLOWEST = {"statsforecast_autoarima", "statsmodels_ucm", "statsmodels_ets"}
"""Seconds per series: only asked on M4."""


@dataclass(frozen=True)
class Line:
    """Per series and cutoff: scaled error, pinball, interval score, coverage 80 and 95, symmetric error."""

    losses: FloatArray
    """(6, series x cutoffs)"""
    cpu_ms: float


def scored(of: HourlySet, make: Callable[[], Forecaster], rows: FloatArray | None = None) -> Line:
    """Losses of one model over all folds of a set."""
    columns, spent, asked = [], 0.0, 0
    for history, actual, scale, usable in of.folds():
        chosen = np.flatnonzero(usable) if rows is None else np.intersect1d(rows, np.flatnonzero(usable))
        part = history.take(chosen)
        began = _cpu()
        quantiles = make().forecast(part, of.horizon, LEVELS).quantiles
        spent, asked = spent + _cpu() - began, asked + len(chosen)
        columns.append(_losses(actual[chosen], quantiles, scale[chosen]))
    return Line(np.concatenate(columns, 1), 1000 * spent / max(asked, 1))


def _cpu() -> float:
    """Processor seconds of this process and its children: Prophet computes in one."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def _losses(actual: FloatArray, quantiles: FloatArray, scale: FloatArray) -> FloatArray:
    path = quantiles[:, :, LEVELS.index(0.5)]
    bands = {0.8: (LEVELS.index(0.1), LEVELS.index(0.9)), 0.95: (0, len(LEVELS) - 1)}
    low, high = (quantiles[:, :, j] for j in bands[0.95])
    return np.array(
        [
            losses.known_mean(losses.scaled_error(actual, path, scale)),
            losses.known_mean(losses.scaled_pinball(actual, quantiles, LEVELS, scale)),
            losses.known_mean(losses.interval_score(actual, low, high, 0.95, scale)),
            losses.known_mean(losses.covered(actual, *(quantiles[:, :, j] for j in bands[0.8]))),
            losses.known_mean(losses.covered(actual, low, high)),
            losses.known_mean(losses.symmetric_error(actual, path)),
        ]
    )


def print_lines(of: HourlySet, lines: Mapping[str, Line], note: str = "") -> None:
    """One table: a row per model."""
    first = next(iter(lines.values()))
    print(f"\n## {of.name}, {of.horizon} h ahead, {first.losses.shape[1]} forecasts{note}\n")
    print(
        "| model | scaled error mean / med. | scaled pinball mean / med. | MSIS | cov 80 | cov 95 | CPU ms |"
    )
    print("|---|---|---|---|---|---|---|")
    clip = np.inf if of.season else CLIP
    for name, line in lines.items():
        e, p, m, c80, c95, _ = line.losses
        print(
            f"| {name} | {np.minimum(e, clip).mean():.3f} / {np.median(e):.3f} |"
            f" {np.minimum(p, clip).mean():.4f} / {np.median(p):.4f} |"
            f" {np.minimum(m, 20 * clip).mean():.2f} | {c80.mean():.3f} | {c95.mean():.3f} |"
            f" {line.cpu_ms:.2f} |"
        )


def verdict(of: HourlySet, lines: Mapping[str, Line]) -> str:
    """How ours compares with the best naive in scaled pinball, by mean and by median."""
    clip = np.inf if of.season else CLIP
    mean = {name: float(np.minimum(line.losses[1], clip).mean()) for name, line in lines.items()}
    middle = {name: float(np.median(line.losses[1])) for name, line in lines.items()}
    said = []
    for what, values in (("mean", mean), ("median", middle)):
        best = min(NAIVES, key=lambda name: values[name])
        said.append(f"{what} {values['fleet'] / values[best] - 1:+.0%} against {best}")
    return f"{of.name}, {of.horizon} h: scaled pinball " + ", ".join(said)


def owa(of: HourlySet, line: Line) -> str:
    """OWA against Naive2 over the folds."""
    rows = []
    for history, actual, scale, usable in of.folds():
        at = np.flatnonzero(usable)
        path = np.array([naive2(history.demand[i], of.horizon) for i in at])
        rows.append(
            [
                losses.known_mean(losses.symmetric_error(actual[at], path)),
                losses.known_mean(losses.scaled_error(actual[at], path, scale[at])),
            ]
        )
    symmetric, scaled = np.concatenate(rows, 1).mean(1)
    mine = losses.overall_weighted_average(
        float(line.losses[5].mean()), float(line.losses[0].mean()), float(symmetric), float(scaled)
    )
    return f"OWA {mine:.3f} (sMAPE {line.losses[5].mean():.3f}, MASE {line.losses[0].mean():.3f})"


def maker(name: str, of: HourlySet) -> Callable[[], Forecaster]:
    """A registered model or a naive, told the season where the step does not say it."""
    if name in NAIVES:
        return lambda: Naive(name)
    return lambda: FORECASTERS[name]()


def main() -> None:
    """Prints every table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="two sets, no named models, 512 series for speed"
    )
    parser.add_argument("--subset", type=int, default=4, help="series per set for the named models; 0 = none")
    parser.add_argument("--only", default="", help="only sets whose name contains this, e.g. Bitbrains")
    speed = parser.add_mutually_exclusive_group()
    speed.add_argument("--speed-only", action="store_true", help="no accuracy")
    speed.add_argument("--no-speed", action="store_true", help="accuracy only")
    asked = parser.parse_args()
    began = time.perf_counter()
    verdicts = []
    if not asked.speed_only:
        print("# Hourly forecasts")
        for of in hourly_sets(asked.quick):
            if asked.only.lower() not in of.name.lower():
                continue
            lines = {name: scored(of, maker(name, of)) for name in ("fleet", *NAIVES)}
            print_lines(of, lines)
            if of.season:
                print(f"\n{owa(of, lines['fleet'])}")
            verdicts.append(verdict(of, lines))
            print(f"\n{verdicts[-1]}", flush=True)
            if not asked.quick and asked.subset:
                _named(of, asked.subset)
        print("\n## Against the best naive\n")
        print("\n".join(f"* {line}" for line in verdicts))
    if not asked.no_speed:
        speed_tables(asked.quick)
    print(f"\n{time.perf_counter() - began:.0f} s in all")


def _named(of: HourlySet, subset: int) -> None:
    """The named models and ours on the same few series, newest fold only."""
    newest = HourlySet(of.name, of.panel, of.horizon, of.offsets[:1], of.season)
    usable = np.flatnonzero(next(newest.folds())[3])
    rows = np.sort(np.random.default_rng(20261122).choice(usable, min(subset, usable.size), replace=False))
    names = [name for name in NAMED if of.season or name not in SLOWEST]
    lines = {name: scored(newest, maker(name, of), rows) for name in ("fleet", *NAIVES[:2], *names)}
    print_lines(newest, lines, ": random subset, newest cutoff")


if __name__ == "__main__":
    main()
