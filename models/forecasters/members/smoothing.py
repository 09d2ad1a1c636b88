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
    """The states of (settings, n) recursions after a slot, and the decayed sum of their errors."""

    level: Single
    trend: Single
    day: Single
    """(day, settings, n)"""
    week: Single
    """(week, settings, n), or (1, …) zeros without a weekly season"""
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
    # Series last and everything in place: a step costs little more than reading and writing its states.
    shape = len(grid), len(values)
    columns = np.array([[s.level, s.trend, s.day, s.week, s.carry] for s in grid], np.float32).T
    alpha, beta, gamma_day, gamma_week, carry = (np.repeat(c[:, None], shape[1], 1) for c in columns)
    phi = np.float32(damping)
    ahead = day if day > 1 else 24
    reach = np.float32(np.sum(damping ** np.arange(1, ahead + 1)))
    carried, carries = carry**ahead, bool(carry.any())
    keep = np.float32(np.exp(-1.0 / memory))
    level, trend, daily, weekly = _begun(values, len(grid), day, week)
    slots, trusted, bounds = (np.ascontiguousarray(part.T) for part in (values, trust, censored))
    whole: NDArray[np.bool_] = np.all(trusted, axis=1)
    bounded: NDArray[np.bool_] = np.any(bounds, axis=1)
    miss, error, loss, surprise, work = (np.zeros(shape, np.float32) for _ in range(5))
    promised = np.zeros((ahead, *shape), np.float32)
    tracked_from = max(0, min(cutoffs) - int(5 * memory) - ahead)
    kept: dict[int, State] = {}
    wanted = set(cutoffs)
    for at in range(max(cutoffs)):
        slot, of_day, of_week = slots[at], daily[at % day], weekly[at % week]
        trend *= phi
        level += trend
        np.subtract(slot, level, out=miss)
        if day > 1:
            miss -= of_day
        if week > 1:
            miss -= of_week
        if bounded[at]:
            # Demand at capacity was at least this much: it can raise the level, never lower it.
            np.copyto(miss, 0.0, where=bounds[at] & (miss < 0))
        if not whole[at]:
            miss *= trusted[at]
        tracked = at >= tracked_from
        if tracked:
            loss *= keep
            if carries:
                np.multiply(carry, error, out=surprise)
                np.subtract(miss, surprise, out=surprise)
                np.abs(surprise, out=surprise)
            else:
                np.abs(miss, out=surprise)
            if at >= tracked_from + ahead:
                np.subtract(slot, promised[at % ahead], out=work)
                surprise += np.abs(work, out=work)
            if not whole[at]:
                surprise *= trusted[at]
            loss += surprise
        level += np.multiply(alpha, miss, out=work)
        trend += np.multiply(beta, miss, out=work)
        if day > 1:
            of_day += np.multiply(gamma_day, miss, out=work)
        if week > 1:
            of_week += np.multiply(gamma_week, miss, out=work)
        miss, error = error, miss
        if tracked:
            promise = np.multiply(reach, trend, out=promised[at % ahead])
            promise += level
            if day > 1:
                promise += daily[(at + ahead) % day]
            if week > 1:
                promise += weekly[(at + ahead) % week]
            if carries:
                promise += np.multiply(carried, error, out=work)
        if at + 1 in wanted:
            states = (level, trend, daily, weekly, error, loss)
            kept[at + 1] = State(*(state.copy() for state in states))
    return kept


def _begun(values: Single, settings: int, day: int, week: int) -> tuple[Single, Single, Single, Single]:
    """States before the first slot, from the first two long seasons (Taylor 2003, section 3)."""
    n, t = values.shape
    longest = max(day, week)
    cycles = max(1, min(2, t // longest))
    opening = values[:, : min(t, cycles * longest)]
    centre = opening.mean(1)
    daily = np.zeros((day, settings, n), np.float32)
    weekly = np.zeros((week, settings, n), np.float32)
    days = opening.shape[1] // day
    if day > 1 and days:
        shape = opening[:, : days * day].reshape(n, days, day).mean(1) - centre[:, None]
        daily += shape.T[:, None, :]
        if week > 1 and t >= week:
            of_week = opening[:, : cycles * week].reshape(n, cycles, week).mean(1) - centre[:, None]
            of_week -= np.tile(shape, week // day)
            # Two weeks say too little about single hours; the rest is learnt on the way.
            weekly += 0.7 * of_week.T[:, None, :]
    level = np.repeat(centre[None, :], settings, 0).astype(np.float32)
    return level, np.zeros((settings, n), np.float32), daily, weekly


def looked_ahead(
    state: State, grid: tuple[Setting, ...], damping: float, cutoff: int, horizon: int, best: int
) -> FloatArray:
    """(n, horizon) mean path of the settings with the lowest loss."""
    order = np.argsort(state.loss, axis=0, kind="stable")[:best]
    rows = np.arange(order.shape[1])
    steps = np.arange(1, horizon + 1)
    slots = cutoff + steps - 1
    fading = np.array([s.carry for s in grid], np.float32)[:, None] ** steps
    level, trend, error = state.level[order, rows], state.trend[order, rows], state.error[order, rows]
    day, week = len(state.day), len(state.week)
    # Seasons and damped trend are linear in the states, so the mean over settings can be taken first.
    path = level.mean(0)[:, None] + trend.mean(0)[:, None] * np.cumsum(damping**steps)
    if day > 1:
        path = path + state.day[:, order, rows].mean(1)[slots % day].T
    if week > 1:
        path = path + state.week[:, order, rows].mean(1)[slots % week].T
    if fading.any():
        for own, left in zip(order, error, strict=True):
            path = path + left[:, None] * fading[own]
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
        standard = Standard.of_bent(batch, min(cutoffs))
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
