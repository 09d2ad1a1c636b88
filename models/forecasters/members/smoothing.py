"""Exponential smoothing with up to two seasons and AR(1) errors, many settings at once.

Taylor's double seasonal method (2003, J. Operational Research Society 54; with first-order autoregressive
errors as in Taylor 2010, European J. Operational Research 204) in error-correction form with a damped trend
(Gardner & McKenzie 1985, Management Science 31). Every series runs through a small grid of smoothing
constants side by side; per series the settings with the lowest recent errors, one slot and one season ahead,
are averaged. An unreported slot moves the state along without correcting it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.panel import FloatArray
from models.features.seasons import Seasons
from models.forecasters.members.batch import Batch, Paths
from models.forecasters.members.standard import Standard

Single = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Setting:
    """Smoothing constants: level, trend, day, week, and how much of an error lives on in the next slot."""

    level: float
    trend: float
    day: float
    week: float
    carry: float


@dataclass(frozen=True, slots=True)
class State:
    """The states of (n, settings) recursions after a slot, and the decayed sum of their errors."""

    level: Single
    trend: Single
    day: Single
    """(day, n, settings)"""
    week: Single
    """(week, n, settings), or (1, …) zeros without a weekly season"""
    error: Single
    loss: Single


def smoothed(
    values: Single,
    trust: NDArray[np.bool_],
    censored: NDArray[np.bool_],
    grid: tuple[Setting, ...],
    damping: float,
    day: int,
    week: int,
    cutoffs: tuple[int, ...],
    memory: float,
) -> dict[int, State]:
    """Runs every setting over (n, t) values and keeps the states at the cutoffs.

    `day` and `week` are the seasons' slots, 1 for none. `memory` is the slots over which errors
    count towards the choice of settings.
    """
    n = len(values)
    columns = np.array([[s.level, s.trend, s.day, s.week, s.carry] for s in grid], np.float32).T
    alpha, beta, gamma_day, gamma_week, carry = columns[:, None, :]
    phi = np.float32(damping)
    ahead = day if day > 1 else 24
    reach = np.float32(np.sum(damping ** np.arange(1, ahead + 1)))
    carried = carry**ahead
    keep = np.float32(np.exp(-1.0 / memory))
    level, trend, daily, weekly = _begun(values, len(grid), day, week)
    error = np.zeros((n, len(grid)), np.float32)
    loss = np.zeros((n, len(grid)), np.float32)
    promised: list[Single | None] = [None] * ahead
    tracked_from = min(cutoffs) - int(5 * memory) - ahead
    whole: NDArray[np.bool_] = np.all(trust, axis=0)
    bounded: NDArray[np.bool_] = np.any(censored, axis=0)
    kept: dict[int, State] = {}
    wanted = set(cutoffs)
    for at in range(max(cutoffs)):
        slot = values[:, at, None]
        of_day, of_week = daily[at % day], weekly[at % week]
        base = level + phi * trend
        miss = slot - base
        miss -= of_day
        if week > 1:
            miss -= of_week
        if bounded[at]:
            # Demand at capacity was at least this much: it can raise the level, never lower it.
            np.copyto(miss, 0.0, where=censored[:, at, None] & (miss < 0))
        if not whole[at]:
            miss *= trust[:, at, None]
        if at >= tracked_from:
            loss *= keep
            surprise = np.abs(miss - carry * error)
            earlier = promised[at % ahead]
            if earlier is not None:
                surprise += np.abs(slot - earlier)
            if not whole[at]:
                surprise *= trust[:, at, None]
            loss += surprise
        level = base + alpha * miss
        trend = phi * trend + beta * miss
        if day > 1:
            of_day += gamma_day * miss
        if week > 1:
            of_week += gamma_week * miss
        error = miss
        if at >= tracked_from:
            promise = level + reach * trend
            if day > 1:
                promise += daily[(at + ahead) % day]
            if week > 1:
                promise += weekly[(at + ahead) % week]
            promise += carried * error
            promised[at % ahead] = promise
        if at + 1 in wanted:
            kept[at + 1] = State(level, trend, daily.copy(), weekly.copy(), error, loss.copy())
    return kept


def _begun(values: Single, settings: int, day: int, week: int) -> tuple[Single, Single, Single, Single]:
    """States before the first slot, from the first two long seasons (Taylor 2003, section 3)."""
    n, t = values.shape
    longest = max(day, week)
    cycles = max(1, min(2, t // longest))
    opening = values[:, : min(t, cycles * longest)]
    centre = opening.mean(1)
    daily = np.zeros((day, n, settings), np.float32)
    weekly = np.zeros((week, n, settings), np.float32)
    days = opening.shape[1] // day
    if day > 1 and days:
        shape = opening[:, : days * day].reshape(n, days, day).mean(1) - centre[:, None]
        daily += shape.T[:, :, None]
        if week > 1 and t >= week:
            of_week = opening[:, : cycles * week].reshape(n, cycles, week).mean(1) - centre[:, None]
            of_week -= np.tile(shape, week // day)
            # Two weeks say too little about single hours; the rest is learnt on the way.
            weekly += 0.7 * of_week.T[:, :, None]
    level = np.repeat(centre[:, None], settings, 1).astype(np.float32)
    return level, np.zeros((n, settings), np.float32), daily, weekly


def looked_ahead(
    state: State, grid: tuple[Setting, ...], damping: float, cutoff: int, horizon: int, best: int
) -> FloatArray:
    """(n, horizon) mean path of the settings with the lowest loss."""
    order = np.argsort(state.loss, axis=1, kind="stable")[:, :best]
    rows = np.arange(len(order))[:, None]
    steps = np.arange(1, horizon + 1)
    slots = cutoff + steps - 1
    carry = np.array([s.carry for s in grid], np.float32)[order]
    level, trend, error = state.level[rows, order], state.trend[rows, order], state.error[rows, order]
    day, week = len(state.day), len(state.week)
    # Seasons and damped trend are linear in the states, so the mean over settings can be taken first.
    path = level.mean(1)[:, None] + trend.mean(1)[:, None] * np.cumsum(damping**steps)
    if day > 1:
        path = path + state.day[:, rows, order].mean(2)[slots % day].T
    if week > 1:
        path = path + state.week[:, rows, order].mean(2)[slots % week].T
    for j in range(order.shape[1]):
        if carry[:, j].any():
            path = path + error[:, j, None] * carry[:, j, None] ** steps
    looked: FloatArray = path.astype(float)
    return looked


@dataclass(frozen=True, slots=True)
class Smoothing:
    """One named family of smoothing: its grid, its seasons, its damping."""

    name: str
    grid: tuple[Setting, ...]
    seasons: int
    """How many seasons it has: 0, 1 (day) or 2 (day and week)."""
    damping: float
    memory: float
    best: int

    def minimum(self, seasons: Seasons, horizon: int) -> int:
        if self.seasons == 2:
            return 1 << 40 if seasons.week is None else 2 * seasons.week + seasons.day
        if self.seasons == 1:
            return 1 << 40 if seasons.day == 1 else 3 * seasons.day
        return 8

    def paths(self, batch: Batch, cutoffs: tuple[int, ...], horizon: int) -> Paths:
        standard = Standard.of(batch, batch.bent, min(cutoffs))
        day = batch.seasons.day if self.seasons else 1
        week = batch.seasons.week or 1 if self.seasons == 2 else 1
        states = smoothed(
            standard.values.astype(np.float32),
            batch.weight > 0,
            batch.censored,
            self.grid,
            self.damping,
            day,
            week,
            cutoffs,
            self.memory,
        )
        out = np.empty((len(cutoffs), len(batch), horizon))
        for at, cutoff in enumerate(cutoffs):
            path = looked_ahead(states[cutoff], self.grid, self.damping, cutoff, horizon, self.best)
            out[at] = batch.unbent(standard.back(path), cutoff)
        return {self.name: out}
