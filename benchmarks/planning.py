"""Planning on the shared sets: accuracy, exhaustion, false alarms, planted growth, agreement, speed.

Rolling cutoffs; every method sees the same days. Ours gets the gaps as they are, the others the history with
gaps filled from its own past; days that were not reported are never scored. Scaled means divided by the
mean week-on-week change before the cutoff. Each set counts once. The prototype is the one beside the planning
page where it can be found. Neighbouring cutoffs overlap and a set holds few independent events: differences
under about 2 % are chance (other seeds move exhaustion scores of one set by 3 %).

usage: python -m benchmarks.planning [--quick]
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np

from benchmarks.planning_fleet import clean_up_table, driver_table, planted_growth_table
from benchmarks.planning_growth import growth_table, reconcile_table, speed_table
from benchmarks.planning_sets import PlanningSet, planning_sets
from data.panel import FloatArray
from models.exhaustion import Correction
from models.planning import plan, plan_and_reach
from models.planning.bands import BANDS

LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
PAGE = Correction((28, 90, 365), (-0.57, 0.0, 0.55), (0.52, 1.0, 0.49))
"""The correction of the planning page, which the prototype's probabilities get."""
HORIZONS = (28, 90, 365)

Answer = tuple[FloatArray, FloatArray]
"""(n, horizon, levels) quantiles and (n, samples, horizon) paths; a line is a single path."""
Method = Callable[[PlanningSet, int, FloatArray], Answer]


def ours(of: PlanningSet, cutoff: int, filled: FloatArray) -> Answer:
    """The product, with gaps."""
    made = plan(of.before(cutoff), of.horizon, LEVELS, samples=200, seed=1)
    assert made.paths is not None
    return made.quantiles, np.nan_to_num(made.paths)


def level(of: PlanningSet, cutoff: int, filled: FloatArray) -> Answer:
    """The median of four weeks, with the spread of those weeks."""
    recent = filled[:, -28:]
    bands = np.quantile(recent, LEVELS, axis=1).T[:, None].repeat(of.horizon, 1)
    return bands, recent[:, :, None].repeat(of.horizon, 2)


def line(days: int) -> Method:
    """Least squares over the last days, extended."""

    def extended(of: PlanningSet, cutoff: int, filled: FloatArray) -> Answer:
        recent = filled[:, -days:]
        x = np.arange(recent.shape[1]) - (recent.shape[1] - 1.0)
        slope = ((recent - recent.mean(1, keepdims=True)) * (x - x.mean())).sum(1) / (
            (x - x.mean()) ** 2
        ).sum()
        now = recent.mean(1) - slope * x.mean()
        path = now[:, None] + slope[:, None] * np.arange(1, of.horizon + 1)
        return path[:, :, None].repeat(len(LEVELS), 2), path[:, None]

    return extended


def prototype() -> Method | None:
    """The method of the page, where its file is."""
    path = Path(__file__).parents[1].parent / "shared" / "reference" / "planning_prototype.py"
    spec = importlib.util.spec_from_file_location("planning_prototype", path) if path.exists() else None
    if spec is None or spec.loader is None:
        return None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def published(of: PlanningSet, cutoff: int, filled: FloatArray) -> Answer:
        _, bands, paths = module.plan(filled, of.horizon, of.stock)
        return np.moveaxis(bands, 0, 2), paths

    return published


def prophet(of: PlanningSet, cutoff: int, filled: FloatArray) -> Answer:
    """Prophet as it comes, 200 draws of its predictive distribution."""
    import pandas as pd
    from prophet import Prophet

    logging.getLogger("cmdstanpy").disabled = True
    bands, paths = [], []
    for row in filled:
        days = pd.date_range("2024-01-01", periods=cutoff + of.horizon)
        # Prophet draws from the global state.
        np.random.seed(1)  # noqa: NPY002
        model = Prophet(uncertainty_samples=200)
        model.fit(pd.DataFrame({"ds": days[:cutoff], "y": row}))
        drawn = model.predictive_samples(pd.DataFrame({"ds": days[cutoff:]}))["yhat"]
        paths.append(drawn.T)
        bands.append(np.quantile(drawn, LEVELS, axis=1).T)
    return np.array(bands), np.array(paths)


@dataclass(slots=True)
class Scores:
    """What was measured of one method, by set."""

    bands: dict[tuple[str, int], list[FloatArray]] = field(default_factory=dict)
    """(set, band) -> per cutoff (4, n): pinball, coverage of 80 %, of 95 %, absolute error."""
    chances: dict[str, list[FloatArray]] = field(default_factory=dict)
    """Set -> rows of randomised PIT, then stated and happened for each of HORIZONS."""
    cpu: float = 0.0


def measure(
    methods: dict[str, Method], sets: list[PlanningSet], most: int, series: int | None = None
) -> dict[str, Scores]:
    """Runs all methods at the same cutoffs of the same series."""
    scores = {name: Scores() for name in methods}
    for of in sets:
        few = of if series is None else _first(of, series)
        for cutoff in few.cutoffs(most):
            filled = few.filled(cutoff)
            actual = few.demand[:, cutoff : cutoff + few.horizon]
            for name, method in methods.items():
                begin = time.process_time()
                bands, paths = method(few, cutoff, filled)
                scores[name].cpu += time.process_time() - begin
                _score_bands(scores[name], few, filled, actual, bands)
                _score_chances(scores[name], few, cutoff, filled, actual, paths)
    return scores


def _first(of: PlanningSet, series: int) -> PlanningSet:
    return PlanningSet(
        of.name, of.stock, of.horizon, of.first, of.every,
        of.keys[:series], of.demand[:series], of.capacity[:series],
    )  # fmt: skip


def _score_bands(
    to: Scores, of: PlanningSet, filled: FloatArray, actual: FloatArray, bands: FloatArray
) -> None:
    scale = np.abs(filled[:, 7:] - filled[:, :-7]).mean(1)
    scale = np.maximum(scale, 1e-3 * np.abs(filled).mean(1))[:, None]
    miss = actual[:, :, None] - bands
    share = np.array(LEVELS)
    pinball = np.maximum(share * miss, (share - 1) * miss)[:, :, 1:-1].mean(2) / scale
    slack = 1e-6 * np.abs(actual)
    within = [(actual >= bands[:, :, j] - slack) & (actual <= bands[:, :, -1 - j] + slack) for j in (2, 0)]
    error = np.abs(actual - bands[:, :, 4]) / scale
    known = np.isfinite(actual)
    for b, (first, last) in enumerate(BANDS):
        if first > of.horizon:
            break
        part = slice(first - 1, last)
        some = known[:, part].any(1)
        count = np.maximum(known[:, part].sum(1), 1)
        rows = []
        for values, most in ((pinball, 10.0), (within[0], 1.0), (within[1], 1.0), (error, 15.0)):
            mean = np.where(known[:, part], values[:, part], 0.0).sum(1) / count
            rows.append(np.where(some, np.minimum(mean, most), np.nan))
        to.bands.setdefault((of.name, b), []).append(np.array(rows))


def _score_chances(
    to: Scores, of: PlanningSet, cutoff: int, filled: FloatArray, actual: FloatArray, paths: FloatArray
) -> None:
    """First passage of limits that were not touched for four weeks."""
    draw = np.random.default_rng(cutoff)
    middle, top = np.median(filled[:, -28:], 1), filled[:, -28:].max(1)
    highest = np.maximum.accumulate(paths, 2)
    multiples = (1.05, 1.1, 1.2, 1.35) if of.stock else (1.1, 1.25, 1.5, 2.0, 3.0)
    limits = [m * middle for m in multiples] + [0.9 * of.capacity]
    for limit in limits:
        for i in np.flatnonzero(np.isfinite(limit) & (limit > top) & (middle > 0)):
            stated = (highest[i] >= limit[i]).mean(0)
            hits = np.flatnonzero(actual[i] >= limit[i])
            day = int(hits[0]) + 1 if len(hits) else of.horizon + 1
            below = stated[min(day - 1, of.horizon) - 1] if day > 1 else 0.0
            upper = stated[day - 1] if day <= of.horizon else 1.0
            row = [below + draw.random() * (upper - below)]
            for days in HORIZONS:
                row += [stated[days - 1], float(day <= days)] if days <= of.horizon else [np.nan, np.nan]
            to.chances.setdefault(of.name, []).append(np.array(row))


def accuracy_table(scores: dict[str, Scores], title: str) -> None:
    """Mean over sets, and the geometric mean of the ratio of our pinball loss to each method's."""
    print(f"\n## {title}\n")
    print(f"{'days ahead':10s} {'method':10s} {'sets':>4s} {'pinball':>8s} {'ours/its':>8s} "
          f"{'cover 80':>8s} {'cover 95':>8s} {'abs err':>8s}")  # fmt: skip
    for b, (first, last) in enumerate(BANDS):
        for name, score in scores.items():
            sets = [s for s, band in score.bands if band == b]
            if not sets:
                continue
            means = np.array([np.nanmean(np.concatenate(score.bands[s, b], 1), 1) for s in sets])
            mine = np.array([np.nanmean(np.concatenate(scores["ours"].bands[s, b], 1), 1) for s in sets])
            ratio = np.exp(np.log(mine[:, 0] / means[:, 0]).mean())
            row = means.mean(0)
            print(f"{first:4d}-{last:<5d} {name:10s} {len(sets):4d} {row[0]:8.3f} {ratio:8.3f} "
                  f"{row[1]:8.2f} {row[2]:8.2f} {row[3]:8.3f}")  # fmt: skip
    print("CPU s: " + ", ".join(f"{name} {score.cpu:.1f}" for name, score in scores.items()))


def set_table(scores: dict[str, Scores]) -> None:
    """Pinball loss and coverage of ours by set, with the ratio to the prototype where there is one."""
    print("\n## By set: scaled pinball (ratio to the prototype), coverage of 80 %\n")
    other = scores.get("prototype")
    for name in dict.fromkeys(s for s, _ in scores["ours"].bands):
        cells = []
        for b, (first, last) in enumerate(BANDS):
            if (name, b) not in scores["ours"].bands:
                continue
            mine = np.nanmean(np.concatenate(scores["ours"].bands[name, b], 1), 1)
            theirs = np.nanmean(np.concatenate(other.bands[name, b], 1), 1)[0] if other else np.nan
            cells.append(f"{first}-{last}: {mine[0]:.3f} ({mine[0] / theirs:.2f}) {mine[1]:.2f}")
        print(f"{name:14s} " + " | ".join(cells))


def exhaustion_table(scores: dict[str, Scores]) -> None:
    """Brier scores after correction; each set counts once."""
    print("\n## Exhaustion: share of the PIT within .1 to .9 and Brier scores (raw -> corrected)\n")
    for kind, chosen in (("28 days", 28), ("90 and 365 days", 90)):
        for name, score in scores.items():
            rows = {s: np.array(r) for s, r in score.chances.items()}
            rows = {s: r for s, r in rows.items() if (chosen == 28) == bool(np.isnan(r[:, 3]).all())}
            if not rows:
                continue
            pit = np.mean([((r[:, 0] >= 0.1) & (r[:, 0] <= 0.9)).mean() for r in rows.values()])
            cells = [f"{name:10s} sets of {kind:16s} n {sum(map(len, rows.values())):6d}  PIT {pit:.3f}"]
            for k, days in enumerate(HORIZONS):
                some = [r[np.isfinite(r[:, 1 + 2 * k])] for r in rows.values()]
                some = [r for r in some if len(r)]
                if not some:
                    continue
                right = {"ours": Correction(), "prototype": PAGE}.get(name, Correction.none())
                raw = np.mean([((r[:, 1 + 2 * k] - r[:, 2 + 2 * k]) ** 2).mean() for r in some])
                better = np.mean([_brier(r[:, 1 + 2 * k], r[:, 2 + 2 * k], right, days) for r in some])
                base = np.mean([r[:, 2 + 2 * k].mean() * (1 - r[:, 2 + 2 * k].mean()) for r in some])
                cells.append(f"{days} d: {raw:.3f} -> {better:.3f} (base rate {base:.3f})")
            print("  ".join(cells))


def _brier(stated: FloatArray, happened: FloatArray, correction: Correction, days: int) -> float:
    said = correction.apply(np.clip(stated, 0.005, 0.995)[:, None], np.array([days]))[:, 0]
    return float(((said - happened) ** 2).mean())


def reliability_table(score: Scores) -> None:
    """Stated after correction against happened; every answer counts once."""
    print("\n## Reliability of ours after correction: stated : happened (n)\n")
    rows = np.concatenate([np.array(r) for r in score.chances.values()])
    for k, days in enumerate(HORIZONS):
        some = rows[np.isfinite(rows[:, 1 + 2 * k])]
        if not len(some):
            continue
        clipped = np.clip(some[:, 1 + 2 * k], 0.005, 0.995)
        said = Correction().apply(clipped[:, None], np.array([days]))[:, 0]
        cells = []
        for low, high in ((0, 0.05), (0.05, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.01)):
            inside = (said >= low) & (said < high)
            if inside.any():
                cells.append(
                    f"{said[inside].mean():.2f}:{some[inside, 2 + 2 * k].mean():.2f} ({inside.sum()})"
                )
        print(f"{days:3d} days  " + "  ".join(cells))


def alarm_table(storage: PlanningSet, every: int) -> None:
    """Days on which usable capacity was called likelier than not within 30 days, and how many were right."""
    print("\n## Storage with purges: alarm days (of which right), P >= .5 within 30 days\n")
    cutoffs = range(90, storage.demand.shape[1] - 30, every)
    limits = (1.0, 0.9, 0.8, 0.75, 0.7)
    alarms = {name: np.zeros((len(limits), 2), int) for name in ("ours", "line 7", "line 30", "line 90")}
    happened = np.zeros(len(limits), int)
    month = PlanningSet("", True, 30, 90, every, storage.keys, storage.demand, storage.capacity)
    for cutoff in cutoffs:
        filled = month.filled(cutoff)
        after = np.nanmax(storage.demand[:, cutoff : cutoff + 30], 1)
        _, reach = plan_and_reach(month.before(cutoff), 30, (0.5,), seed=1)
        ends = {f"line {days}": line(days)(month, cutoff, filled)[1].max((1, 2)) for days in (7, 30, 90)}
        for j, share in enumerate(limits):
            limit = share * storage.capacity
            open_ = filled[:, -1] < limit
            came = open_ & (after >= limit)
            happened[j] += came.sum()
            chance = Correction().apply(reach.probability(limit), np.array(reach.days))[:, -1]
            for name, calls in {"ours": chance >= 0.5, **{n: e >= limit for n, e in ends.items()}}.items():
                alarms[name][j] += (calls & open_).sum(), (calls & came).sum()
    print(
        f"{len(cutoffs) * len(storage.keys)} series-days; limit, days followed by a crossing, alarms (right)"
    )
    for j, share in enumerate(limits):
        cells = "  ".join(f"{name} {count[j, 0]} ({count[j, 1]})" for name, count in alarms.items())
        print(f"{share:5.0%} {happened[j]:4d}   {cells}")


def main() -> None:
    """Prints every table, or says that the data is not there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cutoffs, no Prophet")
    quick = parser.parse_args().quick
    logging.getLogger("prophet").setLevel(logging.ERROR)
    sets = list(planning_sets())
    if not sets:
        print("planning: the shared data is not there, only planted growth and speed are measured")
    published = prototype()
    methods: dict[str, Method] = {"ours": ours}
    if published:
        methods["prototype"] = published
    methods |= {"level 28": level, "line 30": line(30), "line 90": line(90)}
    if sets:
        scores = measure(methods, sets, 6 if quick else 24)
        accuracy_table(scores, "Accuracy: mean over sets")
        set_table(scores)
        exhaustion_table(scores)
        reliability_table(scores["ours"])
        storage = [of for of in sets if of.name == "storage"]
        if storage:
            alarm_table(storage[0], 7 if quick else 2)
        if not quick:
            few = {"ours": ours, **({"prototype": published} if published else {}), "prophet": prophet}
            accuracy_table(measure(few, sets, 3, 3), "Prophet, on a common subset: three series of a set")
        machines = [of for of in sets if of.name == "vm cpu"]
        if machines:
            reconcile_table(machines[0])
    growth_table(published)
    planted_growth_table((7,) if quick else (7, 8))
    clean_up_table()
    driver_table()
    speed_table(published)


if __name__ == "__main__":
    main()
