"""The sample fleet's planted days: growth that is followed, clean-up that is no alarm, planned drivers.

What was planted is known, so it shows whether a forecast does what it is meant to; it is no measure of how
good forecasts of real demand are.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import numpy as np
import polars as pl

from data.panel import DAY, FloatArray, Panel
from data.sample.fleet import SampleFleet, sample_fleet
from data.sample.paths import sawtooth
from data.series import Driver, SeriesKey
from models.planning import plan_and_reach, plan_bands
from models.planning.driven import DailyDrivers

END = datetime(2026, 11, 22, tzinfo=UTC)
LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
_CUTOFFS = (310, 324, 338, 352, 366, 372)
_LONGEST = 90


@dataclass(frozen=True, slots=True)
class DailyFleet:
    """Daily peaks of the sample fleet, and what was planted in it."""

    panel: Panel
    fleet: SampleFleet

    @classmethod
    def make(cls, seed: int) -> Self:
        """Of the fleet as it is made for `headroom demo`, with a fixed end."""
        fleet = sample_fleet(END, seed=seed)
        keys: list[SeriesKey] = []
        rows: list[FloatArray] = []
        for kept in fleet.history.chunks:
            hourly = kept.hourly_max
            if kept.fine is not None:
                fine = kept.fine.reshape(len(kept.fine), -1, 12).max(2)
                hourly = np.concatenate([hourly, fine], 1)
            with warnings.catch_warnings():
                # A day without a report is no number, which is what it should be.
                warnings.simplefilter("ignore", RuntimeWarning)
                recent = np.nanmax(hourly.reshape(len(hourly), -1, 24), 2)
            rows.append(np.concatenate([kept.daily_max, recent], 1).astype(float))
            keys += [SeriesKey(*key) for key in zip(kept.subjects, kept.metrics, strict=True)]
        return cls(Panel.of(keys, fleet.history.start, DAY, np.concatenate(rows)), fleet)

    def rows_of(self, kind: str) -> dict[int, dict[str, object]]:
        """Row of the panel -> what was planted there."""
        place = {key: row for row, key in enumerate(self.panel.keys)}
        planted = self.fleet.truths.filter((pl.col("kind") == kind) & pl.col("metric").is_not_null())
        return {
            place[SeriesKey(truth["subject"], truth["metric"])]: truth
            for truth in planted.iter_rows(named=True)
        }


def planted_growth_table(seeds: Sequence[int] = (7, 8)) -> None:
    """Up to 90 days from six cutoffs, of series that grow in a straight line since so many days."""
    print(
        "\n## Planted growth of the sample fleet, to 90 days: coverage of 80 %, pinball / level, by its age\n"
    )
    scores: dict[str, list[tuple[float, float]]] = {}
    for seed in seeds:
        made = DailyFleet.make(seed)
        for row, truth in made.rows_of("exhausting").items():
            began = int(str(truth["detail"]).split(" for ")[1].split(" ")[0])
            metric = made.panel.keys[row].metric
            like = [i for i, key in enumerate(made.panel.keys) if key.metric == metric and i != row][:12]
            panel = made.panel.take([row, *like])
            for cut in _CUTOFFS:
                age = began - (panel.slots - cut)
                ahead = min(_LONGEST, panel.slots - cut)
                bands = plan_bands(panel.until(cut), ahead, LEVELS, samples=64, seed=1).quantiles[0]
                actual = panel.demand[0, cut : cut + ahead]
                held = float(((actual >= bands[:, 1]) & (actual <= bands[:, 3])).mean())
                miss = actual[:, None] - bands
                loss = np.maximum(np.array(LEVELS) * miss, (np.array(LEVELS) - 1) * miss).mean()
                for name in ("all", _age(age)):
                    scores.setdefault(name, []).append((held, float(loss / np.abs(actual).mean())))
    for name in ("all", "under 6 weeks", "6 to 10 weeks", "10 to 17 weeks", "longer"):
        if name in scores:
            held, loss = np.array(scores[name]).mean(0)
            print(f"{name:16s} n {len(scores[name]):4d}  coverage {held:.2f}  pinball {loss:.4f}")


def _age(days: int) -> str:
    for most, name in ((42, "under 6 weeks"), (70, "6 to 10 weeks"), (119, "10 to 17 weeks")):
        if days < most:
            return name
    return "longer"


def clean_up_table(series: int = 24) -> None:
    """Saw-teeth as the sample fleet plants them: none ever reaches nine tenths."""
    print("\n## Storage that is cleaned up regularly: 90 days ahead, and P of 90 % within a year\n")
    rows = []
    for seed in range(series):
        draw = np.random.default_rng(seed)
        path, _ = sawtooth(24 * 430, draw)
        rows.append(path.reshape(-1, 24).max(1) * (1 + draw.normal(0, 0.003, 430)))
    whole = Panel.of([SeriesKey(f"volume-{i}", "storage") for i in range(series)], END, DAY, np.array(rows))
    for cut in (180, 240, 300, 340):
        forecast, _ = plan_and_reach(whole.until(cut), _LONGEST, LEVELS, seed=1)
        _, reach = plan_and_reach(whole.until(cut), 365, LEVELS, seed=1)
        actual = whole.demand[:, cut : cut + _LONGEST]
        held = ((actual >= forecast.at(0.1)) & (actual <= forecast.at(0.9))).mean()
        chance = reach.probability(np.full(series, 0.9))[:, -1]
        print(f"{cut} days of history  coverage {held:.2f}  mean P {chance.mean():.3f}"
              f"  dated {(chance >= 0.5).sum()} of {series}")  # fmt: skip


def driver_table(seed: int = 7) -> None:
    """Every driver planned as it really came: who follows, and by how much the forecast errs less."""
    print("\n## Planned drivers of the sample fleet, 90 days: mean error as a share of demand\n")
    made = DailyFleet.make(seed)
    keys, cut = made.panel.keys, made.panel.slots - _LONGEST
    drivers = made.panel.take([i for i, key in enumerate(keys) if key.metric == Driver.REQUESTS])
    row_of = {key.subject: row for row, key in enumerate(drivers.keys)}
    owned = made.fleet.inventory.resources.filter(pl.col("service").is_in(list(row_of)))
    row_of |= {name: row_of[service] for name, service in owned.select("resource", "service").iter_rows()}
    asked = made.panel.take(
        [i for i, key in enumerate(keys) if key.metric == "cpu" and key.subject in row_of]
    )
    true = {keys[row].subject for row in made.rows_of("driven")} or set(
        made.fleet.truths.filter(pl.col("kind") == "driven")["subject"]
    )
    plans = {}
    for row, demand in enumerate(drivers.demand):
        level = np.nanmean(demand[cut - 28 : cut])
        plans[row] = {
            (drivers.start + (cut + day) * DAY).date(): float(
                np.nanmean(demand[cut + day - 3 : cut + day + 4])
            )
            / float(level)
            for day in range(3, _LONGEST - 4, 7)
        }
    history, actual = asked.until(cut), asked.demand[:, cut:]
    plain = plan_bands(history, _LONGEST, LEVELS, samples=64, seed=1)
    for name, given in (("forecast drivers", None), ("planned drivers", plans)):
        told = DailyDrivers.of(
            drivers.until(cut), row_of, _LONGEST, plans=given, forecast=given is None
        ).outlook(history, _LONGEST)
        used = sorted({row for row, *_ in told[1]})
        line = f"{name:16s} used for {len(used)} of {len(asked)}, {len(true)} truly follow"
        if used:
            moved = plan_bands(history, _LONGEST, LEVELS, samples=64, seed=1, outlook=told[0])
            errors = [_error(one.at(0.5)[used], actual[used]) for one in (plain, moved)]
            right = sum(asked.keys[row].subject in true for row in used)
            line += f", {right} of them among these; error {errors[0]:.3f} -> {errors[1]:.3f}"
        print(line)


def _error(middle: FloatArray, actual: FloatArray) -> float:
    return float(np.nanmean(np.abs(middle - actual) / np.nanmean(actual, 1, keepdims=True)))
