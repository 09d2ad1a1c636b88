"""Services and their resources made to agree: bottom-up, top-down or weighted, whichever did best before.

A service's demand is forecast itself and as the sum of its resources. The two differ; after reconciliation
the medians of the resources add up to the median of their service on every day, so also over sites, teams
and the fleet. Quantiles other than the median do not add up and should not: members need not peak together.

The weighted way is MinT with a diagonal covariance (Wickramasuriya, Athanasopoulos & Hyndman 2019), which
for two levels shares the gap in proportion to how wrong each side was before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.outcome import Forecast
from data.panel import FloatArray, Panel
from data.series import SeriesKey
from models.forecaster import Forecaster

METHODS = ("bottom_up", "top_down", "weighted")
_MEDIAN = (0.5,)
_WIDEST = 2.0
"""A band becomes at most so many times as wide by agreeing, and at least the inverse."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Which resources a service is the sum of, per metric."""

    members: tuple[NDArray[np.intp], ...]
    """Per row of the service forecast, rows of the resource forecast; empty = nothing to agree with."""

    @classmethod
    def of(
        cls, resources: Sequence[SeriesKey], services: Sequence[SeriesKey], service_of: Mapping[str, str]
    ) -> Self:
        """Matches by service and metric; resources without a service belong nowhere."""
        rows: dict[tuple[str, str], list[int]] = {}
        for row, key in enumerate(resources):
            if key.subject in service_of:
                rows.setdefault((service_of[key.subject], key.metric), []).append(row)
        return cls(tuple(np.array(rows.get((key.subject, key.metric), []), np.intp) for key in services))


@dataclass(frozen=True, slots=True)
class Experience:
    """What past cutoffs say about agreeing."""

    method: Mapping[str, str]
    """Metric -> the method that did best; `""` for metrics nothing is known of."""
    errors: Mapping[tuple[str, str], float]
    """(metric, method) -> mean scaled error over services and resources; `base` is without agreeing."""
    resource_variance: FloatArray
    """(n,) mean squared error of each resource's own forecast; NaN = unknown."""
    service_variance: FloatArray
    """(k,)"""

    @classmethod
    def none(cls, resources: int, services: int) -> Self:
        """Nothing is known: weighted, everyone equally wrong."""
        return cls({"": "weighted"}, {}, np.full(resources, np.nan), np.full(services, np.nan))


def backtest(
    resources: Panel,
    services: Panel,
    hierarchy: Hierarchy,
    forecaster: Forecaster,
    horizon: int,
    *,
    cutoffs: int = 3,
    least_before: int = 62,
) -> Experience:
    """Tries every method at earlier cutoffs, `horizon` slots apart, and keeps the best per metric.

    An error is |median - what happened| over the mean week-on-week change, so that large and small series
    count alike; a method's error is the mean of its error on services and its error on their resources.
    Cutoffs with less than `least_before` slots of history are skipped.
    """
    experience = Experience.none(len(resources), len(services))
    sums: dict[tuple[str, str], list[float]] = {}
    squares = [np.full((2, len(panel)), 0.0) for panel in (resources, services)]
    for fold in range(1, cutoffs + 1):
        cut = resources.slots - fold * horizon
        if cut < least_before:
            break
        both = [forecaster.forecast(panel.until(cut), horizon, _MEDIAN) for panel in (resources, services)]
        after = [panel.demand[:, cut : cut + horizon] for panel in (resources, services)]
        for made, actual, (total, count) in zip(both, after, squares, strict=True):
            miss = (made.quantiles[:, :, 0] - actual) ** 2
            total += np.nansum(miss, 1)
            count += np.isfinite(miss).sum(1)
        scales = [_scale(panel.demand[:, :cut]) for panel in (resources, services)]
        with_known = replace(
            experience,
            resource_variance=_variance(*squares[0]),
            service_variance=_variance(*squares[1]),
        )
        for method in ("base", *METHODS):
            agreed = both if method == "base" else _agree(both[0], both[1], hierarchy, with_known, method)
            for metric, error in _errors(agreed, after, scales, hierarchy, services.keys).items():
                sums.setdefault((metric, method), []).append(error)
    errors = {what: float(np.mean(some)) for what, some in sums.items()}
    best = {
        metric: min(METHODS, key=lambda method: errors[metric, method]) for metric in {m for m, _ in errors}
    }
    return Experience({"": "weighted"} | best, errors, _variance(*squares[0]), _variance(*squares[1]))


def reconcile(
    resources: Forecast, services: Forecast, hierarchy: Hierarchy, experience: Experience
) -> tuple[Forecast, Forecast]:
    """Resources and services whose medians agree, each by the method that did best for its metric.

    A service with a member that has no forecast at all is left as it is, and so are its members. Bands are
    scaled with their medians, at most to twice or half of their width, so nothing crosses and nothing turns
    negative.

    Raises ValueError when the two forecasts differ in start, horizon or levels.
    """
    if (resources.start, resources.horizon, resources.levels) != (
        services.start, services.horizon, services.levels,
    ):  # fmt: skip
        raise ValueError("resources and services are not forecast for the same days and levels")
    return _agree(resources, services, hierarchy, experience, None)


def incoherence(resources: Forecast, services: Forecast, hierarchy: Hierarchy) -> FloatArray:
    """(k,) largest relative gap of each service's median to the sum of its members'; NaN without members."""
    gaps = np.full(len(services), np.nan)
    lower, upper = resources.at(0.5), services.at(0.5)
    for row, members in enumerate(hierarchy.members):
        if len(members):
            total = lower[members].sum(0)
            gaps[row] = np.max(np.abs(total - upper[row]) / np.maximum(np.abs(upper[row]), 1e-12))
    return gaps


def _agree(
    resources: Forecast, services: Forecast, hierarchy: Hierarchy, experience: Experience, method: str | None
) -> tuple[Forecast, Forecast]:
    lower, upper = resources.at(0.5), services.at(0.5)
    new_lower, new_upper = lower.copy(), upper.copy()
    for row, members in enumerate(hierarchy.members):
        if not len(members) or not np.isfinite(lower[members]).all() or not np.isfinite(upper[row]).all():
            continue
        metric = services.keys[row].metric
        how = method or experience.method.get(metric, experience.method[""])
        total = lower[members].sum(0)
        gap = upper[row] - total
        if how == "bottom_up":
            share = 0.0
        elif how == "top_down":
            share = 1.0
        else:
            own = experience.resource_variance[members]
            of_service = experience.service_variance[row]
            unknown = np.isnan(own).any() or np.isnan(of_service)
            below = len(members) if unknown else own.sum()
            above = 1.0 if unknown else of_service
            share = below / (below + above) if below + above > 0 else 0.5
            if not unknown and below > 0:
                new_lower[members] = lower[members] + (own / below)[:, None] * (share * gap)
        new_upper[row] = np.maximum(total + share * gap, 0) if (total >= 0).all() else total + share * gap
        new_lower[members] = _fitted(new_lower[members], new_upper[row])
    return _moved(resources, lower, new_lower), _moved(services, upper, new_upper)


def _fitted(members: FloatArray, total: FloatArray) -> FloatArray:
    """Members scaled to add up to `total` (horizon,), none below zero when the total is not."""
    kept = np.maximum(members, 0) if (total >= 0).all() else members
    current = kept.sum(0)
    even = total / len(members)
    usable = np.abs(current) > 1e-12 * (1 + np.abs(total))
    factor = np.where(usable, total / np.where(usable, current, 1.0), 0.0)
    fitted: FloatArray = np.where(usable, kept * factor, even)
    return fitted


def _moved(made: Forecast, before: FloatArray, after: FloatArray) -> Forecast:
    """The forecast with its median at `after`: scaled where the median is positive, shifted elsewhere.

    A median near nothing that gets a share of the gap is many times what it was, and its band must not be.
    """
    changed = before != after
    if not changed.any():
        return made
    factor = np.where(before > 1e-12, after / np.where(before > 1e-12, before, 1.0), 1.0)
    spread = (made.quantiles - before[:, :, None]) * np.clip(factor, 1 / _WIDEST, _WIDEST)[:, :, None]
    moved = after[:, :, None] + spread
    moved = np.where(made.quantiles.min((1, 2), keepdims=True) >= 0, np.maximum(moved, 0), moved)
    return replace(made, quantiles=np.where(changed[:, :, None], moved, made.quantiles), paths=None)


def _scale(before: FloatArray) -> FloatArray:
    """(n,) mean week-on-week change of what was reported, at least a thousandth of the level."""
    change = np.abs(before[:, 7:] - before[:, :-7])
    known = np.isfinite(change)
    mean = np.where(known, change, 0.0).sum(1) / np.maximum(known.sum(1), 1)
    level = np.nan_to_num(np.abs(before)).sum(1) / np.maximum(np.isfinite(before).sum(1), 1)
    scale: FloatArray = np.maximum(np.maximum(mean, 1e-3 * level), 1e-12)
    return scale


def _errors(
    made: Sequence[Forecast],
    after: Sequence[FloatArray],
    scales: Sequence[FloatArray],
    hierarchy: Hierarchy,
    keys: Sequence[SeriesKey],
) -> dict[str, float]:
    """Metric -> mean of the services' and their members' scaled error."""
    wrong = []
    for forecast, actual, scale in zip(made, after, scales, strict=True):
        miss = np.abs(forecast.quantiles[:, :, 0] - actual)
        known = np.isfinite(miss)
        mean = np.where(known, miss, 0.0).sum(1) / np.maximum(known.sum(1), 1)
        wrong.append(np.where(known.any(1), np.minimum(mean / scale, 15.0), np.nan))
    errors = {}
    for metric in sorted({key.metric for key in keys}):
        rows = [i for i, key in enumerate(keys) if key.metric == metric and len(hierarchy.members[i])]
        if not rows:
            continue
        above = wrong[1][rows]
        below = wrong[0][np.concatenate([hierarchy.members[i] for i in rows])]
        if np.isfinite(above).any() and np.isfinite(below).any():
            errors[metric] = 0.5 * float(np.nanmean(above) + np.nanmean(below))
    return errors


def _variance(total: FloatArray, count: FloatArray) -> FloatArray:
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
