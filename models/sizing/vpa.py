"""Kubernetes Vertical Pod Autoscaler, its recommender's default rule.

From the source of kubernetes/autoscaler (vertical-pod-autoscaler/pkg/recommender: model and logic): a
decaying histogram, target p90, lower p50, upper p95, each plus 15 %, and a confidence that widens the
interval of young pods. It has no minimum of samples: one hour gives a recommendation.

An hourly history stands in for its samples as follows. CPU: its one-minute samples of an hour all weigh the
same, so an hour counts once, at its mean (`demand`). Memory: one sample per day, the day's highest `peak`,
days counted back from the end of the history. Out-of-memory events are not in a Panel, so their samples are
not made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from data.decision import Size
from data.outcome import Forecast, Refusal
from data.panel import FloatArray, Panel
from data.spoken import spoken
from models.sizing.observed import by_day, only_metric, window
from models.sizing.policy import SizingOptions

_BYTES_PER_GIB = 2.0**30
_EXPIRES_DAYS = 8
"""Days without a sample after which the recommender forgets a container."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """Bounds of a histogram whose buckets grow by a ratio (model/histogram_options.go)."""

    first: float
    largest: float
    growth: float = 0.05

    def start(self, bucket: NDArray[np.int64]) -> FloatArray:
        """Lower bound of each bucket."""
        return np.asarray(self.first * ((1 + self.growth) ** bucket - 1) / self.growth, float)

    @property
    def count(self) -> int:
        """Number of buckets; the last one starts at or above `largest`."""
        return int(np.ceil(np.log(self.largest * self.growth / self.first + 1) / np.log(1 + self.growth))) + 1

    def find(self, amounts: FloatArray) -> NDArray[np.int64]:
        """Bucket of each amount; what is larger than the last bound falls into the last bucket."""
        bucket = np.log(np.maximum(amounts, 0) * self.growth / self.first + 1) / np.log(1 + self.growth)
        found: NDArray[np.int64] = np.clip(bucket.astype(np.int64), 0, self.count - 1)
        return found


CPU_BUCKETS = Buckets(0.01, 1000.0)
"""Cores."""
MEMORY_BUCKETS = Buckets(1e7 / _BYTES_PER_GIB, 1e12 / _BYTES_PER_GIB)
"""GiB, from the source's 10 MB and 1 TB."""


@dataclass(frozen=True, slots=True)
class Vpa:
    """VPA's recommender. CPU in cores from `demand`, memory in GiB from the daily maximum of `peak`."""

    target_percentile: float = 0.9
    lower_percentile: float = 0.5
    upper_percentile: float = 0.95
    margin: float = 0.15
    """Added to all three."""
    half_life_hours: float = 24.0
    """After this time a sample counts half."""
    least_cores: float = 0.025
    """Floor of a pod's CPU."""
    least_gib: float = 250e6 / _BYTES_PER_GIB
    """Floor of a pod's memory, 250 MB."""

    refuses_short_history: ClassVar[bool] = False
    """The published rule has no minimum of samples."""

    @property
    def lookback_days(self) -> int | None:
        """Thirty half-lives: what is older weighs less than a billionth."""
        return int(np.ceil(30 * self.half_life_hours / 24))

    def size(self, history: Panel, forecast: Forecast | None, options: SizingOptions) -> list[Size | Refusal]:
        """One answer per series; refuses only metrics without a rule and series without any sample of
        late."""
        if (refusal := only_metric(history, ("cpu", "memory"), "VPA")) is not None:
            return [refusal] * len(history)
        if not len(history):
            return []
        recent = window(history, self.lookback_days)
        cpu = history.keys[0].metric == "cpu"
        if cpu:
            amounts, age, buckets, least = recent.demand, 1.0, CPU_BUCKETS, self.least_cores
        else:
            amounts, age, buckets, least = by_day(recent.peak), 24.0, MEMORY_BUCKETS, self.least_gib
        found = self._histogram(amounts, age, buckets)
        # Confidence counts the days between first and last sample, and samples at one per minute.
        reported = ~np.isnan(history.demand)
        hours = reported.sum(axis=1)
        first = np.where(hours > 0, reported.argmax(axis=1), 0)
        last = np.where(hours > 0, history.slots - reported[:, ::-1].argmax(axis=1), 0)
        confidence = np.minimum((last - first) / 24, hours * 60 / 1440)
        silent = (history.slots - last) / 24 >= _EXPIRES_DAYS
        unit = "cores" if cpu else "GiB"
        answers: list[Size | Refusal] = []
        for row in range(len(history)):
            if hours[row] == 0 or silent[row] or np.isnan(found[row, 1]):
                answers.append(Refusal(f"no sample within {_EXPIRES_DAYS} days"))
                continue
            sure = max(float(confidence[row]), 1e-9)
            lower, target, upper = (float(p) * (1 + self.margin) for p in found[row])
            lower, upper = lower * (1 + 0.001 / sure) ** -2, upper * (1 + 1 / sure)
            lower, target, upper = max(lower, least), max(target, least), max(upper, least)
            because = (
                f"p{self.target_percentile * 100:g} of a histogram that halves in {self.half_life_hours:g} h"
                f" is {spoken(found[row, 1])} {unit}, plus {self.margin:.0%}"
            )
            answers.append(Size(min(lower, target), target, max(upper, target), because))
        return answers

    def _histogram(self, amounts: FloatArray, hours_apart: float, buckets: Buckets) -> FloatArray:
        """(n, 3) lower, target and upper percentile: the upper edge of the bucket each falls into."""
        n, t = amounts.shape
        age = hours_apart * np.arange(t)[::-1]
        weight = np.where(np.isnan(amounts), 0.0, 2.0 ** (-age / self.half_life_hours))
        bucket = buckets.find(np.nan_to_num(amounts))
        cells = (np.arange(n)[:, None] * buckets.count + bucket).ravel()
        heights = np.bincount(cells, weight.ravel(), minlength=n * buckets.count).reshape(n, buckets.count)
        summed = np.cumsum(heights, axis=1)
        found = np.empty((n, 3))
        levels = (self.lower_percentile, self.target_percentile, self.upper_percentile)
        for j, level in enumerate(levels):
            # A hair below the threshold: sums of powers of two must not depend on their order.
            reached = summed >= (level - 1e-12) * summed[:, -1:]
            found[:, j] = buckets.start(np.minimum(reached.argmax(axis=1) + 1, buckets.count - 1))
        found[summed[:, -1] <= 0] = np.nan
        return found
