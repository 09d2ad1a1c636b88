"""The same in every process: what is said about days, and every decision, whatever the order of sets is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

NOTES = """
from datetime import date, timedelta
import numpy as np
from models.features.calendar import SpecialDay
from models.planning.day_effects import DayEffects

start, t, horizon = date(2024, 1, 1), 800, 300
working = [k for k in range(0, t + horizon, 29) if (start + timedelta(days=k)).weekday() < 5]
names = ("new year", "may day", "harvest", "reformation", "epiphany", "mid summer")
feasts = [SpecialDay(start + timedelta(days=k), names[i % 6]) for i, k in enumerate(working)]
demand = np.random.default_rng(0).normal(100, 1, (2, t))
demand[:, [k for k in working if k < t]] *= 0.2
found = DayEffects.learn(demand, start, horizon, feasts, month_ends=False)
assert len({note[4].partition(":")[0] for note in found.notes}) == 6, found.notes
print(found.notes)
"""

DECISIONS = """
from models.decide import decide
from tests.fleets import planned, random_fleet

for seed in (3, 7, 11):
    inputs = random_fleet(seed)
    decisions = decide(inputs)
    for name, rows in sorted(decisions.frames().items()):
        print(name, rows.write_json())
    plan = planned(inputs, decisions, risk_budget=5.0, per_window=2)
    print([(one.name, one.saving, one.risk, sorted(one.resources)) for one in plan.chosen])
    print([(one.proposal.name, one.because) for one in plan.left_out], plan.saving, plan.risk, plan.notes)
"""


def said(program: str, seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("program", [NOTES, DECISIONS], ids=["notes on days", "decisions and the plan"])
def test_nothing_depends_on_how_this_process_orders_its_sets(program: str) -> None:
    first = said(program, "1")
    assert len(first) > 500
    assert all(said(program, seed) == first for seed in ("2", "3"))
