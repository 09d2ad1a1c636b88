"""What the fleet forecast costs: CPU per series, memory, processes, against named models in the same run."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from datetime import UTC, datetime

import numpy as np

from data.panel import HOUR, Panel
from data.series import SeriesKey
from models import fanout
from models.forecasters import FORECASTERS

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
HORIZON = 336
_IMPORT = """
import sys, time
began = time.process_time()
import models.forecasters
spent = time.process_time() - began
heavy = sorted({'pandas', 'statsmodels', 'prophet', 'statsforecast', 'scipy'} & set(sys.modules))
print(f'{spent:.2f} CPU s; heavy libraries loaded: {", ".join(heavy) or "none"}')
"""
_MEMORY = """
from benchmarks.forecasting_speed import HORIZON, LEVELS, synthetic
from models.forecasters import FORECASTERS
from pathlib import Path
def highest():
    lines = Path('/proc/self/status').read_text().splitlines()
    return int(next(line for line in lines if line.startswith('VmHWM')).split()[1]) / 1024
panel = synthetic(512)
before = highest()
FORECASTERS['fleet']().forecast_scored(panel, HORIZON, LEVELS)
print(f'{highest():.0f} MB at most for a partition of 512 series ({before:.0f} MB before it began)')
"""


def synthetic(n: int, slots: int = 2160, seed: int = 0) -> Panel:
    """Hours of day and week with autocorrelated noise; for timing, not for accuracy."""
    draw = np.random.default_rng(seed)
    slot = np.arange(slots)
    level = np.exp(draw.normal(2, 1, (n, 1)))
    day = 1 + 0.5 * np.sin(2 * np.pi * (slot / 24 + draw.random((n, 1))))
    week = 1 + 0.2 * np.sin(2 * np.pi * slot / 168)
    noise = draw.normal(0, 0.1, (n, slots))
    for k in range(1, slots):
        noise[:, k] += 0.8 * noise[:, k - 1]
    keys = [SeriesKey(f"s{i:05d}", "cpu") for i in range(n)]
    return Panel.of(keys, datetime(2024, 1, 1, tzinfo=UTC), HOUR, level * day * week * np.exp(noise))


def _said(program: str) -> str:
    """What a program prints in a process of its own."""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def speed_tables(quick: bool) -> None:
    """Cost per series and its growth, processes, memory, imports, and ratios to named models."""
    print(f"\n# Speed: 2,160 hours, {HORIZON} ahead, with backtests, scores and bands\n")
    fleet = FORECASTERS["fleet"]()
    costs = {}
    sizes = (256, 512) if quick else (1024, 4096)
    fleet.forecast_scored(synthetic(8), HORIZON, LEVELS)  # what only the first call costs, as for the others
    for n in sizes:
        panel = synthetic(n)
        began = _cpu()
        fanout.forecast_scored(fleet, panel, HORIZON, LEVELS)  # type: ignore[arg-type]
        costs[n] = (_cpu() - began) / n * 1000
        print(f"* {n} series: {costs[n]:.2f} CPU ms per series, {costs[n] * 10:.1f} CPU s per 10,000")
    print(f"* cost of {sizes[1]} relative to {sizes[0]}, per series: {costs[sizes[1]] / costs[sizes[0]]:.2f}")
    print(f"* memory: {_said(_MEMORY)}")
    print(f"* import: {_said(_IMPORT)}")
    if quick:
        return
    panel = synthetic(8192)
    fanout.forecast_scored(fleet, synthetic(1024), HORIZON, LEVELS, 2)  # type: ignore[arg-type]  # starts them
    walls = []
    for processes in (1, 2):
        began = time.perf_counter()
        fanout.forecast_scored(fleet, panel, HORIZON, LEVELS, processes)  # type: ignore[arg-type]
        walls.append(time.perf_counter() - began)
    print(
        f"* 8,192 series: {walls[0]:.1f} s in one process, {walls[1]:.1f} in two: {walls[0] / walls[1]:.2f}x"
    )
    own = costs[sizes[1]]
    for name in ("prophet", "statsforecast_autoets"):
        few = synthetic(6 if name == "prophet" else 3, seed=5)
        model = FORECASTERS[name]()
        model.forecast(synthetic(1, 400), 24, LEVELS)
        began = _cpu()
        model.forecast(few, HORIZON, LEVELS)
        each = (_cpu() - began) / len(few) * 1000
        print(f"* {name}: {each:.0f} CPU ms per series, {each / own:.0f} times ours, without a backtest")
