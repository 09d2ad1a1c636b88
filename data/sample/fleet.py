"""The sample fleet: a made-up hybrid estate whose faults are known because they were planted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from data.frames import Batch, Inventory
from data.sample.demand import SeriesPlan, Simulator
from data.sample.estate import Estate, build_estate
from data.sample.files import write_inventory, write_metrics
from data.sample.history import History, frames, gather
from data.sample.incidents import happen
from data.sample.inventory import inventory_of
from data.sample.plans import plan_drivers, plan_resources
from data.sample.shapes import Clock, Float32Array
from data.sample.truths import truth_frame

_CHUNK = 250
"""Series simulated at a time: about 10 MB an array."""


@dataclass(frozen=True, slots=True)
class Span:
    """How much history there is at which resolution, in whole days before today."""

    days: int = 400
    """Days of history in all; the oldest are daily samples."""
    hourly_days: int = 90
    """Days before today from which on there are hourly samples."""
    fine_days: int = 7
    """Days before today from which on infrastructure and drivers have 5-minute samples."""

    def __post_init__(self) -> None:
        if not 1 <= self.fine_days < self.hourly_days < self.days or self.days < 120:
            raise ValueError(f"1 <= fine_days < hourly_days < days and 120 <= days do not hold: {self}")


@dataclass(frozen=True, slots=True)
class SampleFleet:
    """Inventory, measurements and truths of one made-up estate."""

    inventory: Inventory
    truths: pl.DataFrame
    """`truths.TRUTH_SCHEMA`: what was planted."""
    end: datetime
    """End of the history, a full hour in UTC."""
    history: History

    def batches(self) -> Iterator[Batch]:
        """Sample frames in order of time, none overlapping the next, of about a million rows each."""
        for frame in frames(self.history):
            yield Batch(frame, rows_read=frame.height)

    def write_files(self, folder: Path) -> list[Path]:
        """Writes `inventory/*.csv`, `metrics/*.parquet`, `truths.parquet` and, to read, `truths.csv`.

        The names of the metrics files sort in order of time. Returns the paths of all files.
        """
        folder.mkdir(parents=True, exist_ok=True)
        truths = [folder / "truths.parquet", folder / "truths.csv"]
        self.truths.write_parquet(truths[0])
        self.truths.write_csv(truths[1])
        return [
            *write_inventory(self.inventory, folder / "inventory"),
            *write_metrics(self.batches(), folder / "metrics"),
            *truths,
        ]


def sample_fleet(end: datetime, seed: int = 7, scale: float = 1.0, span: Span | None = None) -> SampleFleet:
    """Makes the fleet as it was measured until `end` (cut to the full hour).

    The same arguments make the same fleet.

    Args:
        end: with a time zone.
        scale: 1 = 500 endpoints and 332 infrastructure resources; at least about 10 of each kind of thing
            remain at 0.1.

    Raises:
        ValueError: `end` has no time zone, or `scale` is not above 0.
    """
    if end.tzinfo is None:
        raise ValueError(f"the end of the sample fleet needs a time zone: {end.isoformat()}")
    if not scale > 0:
        raise ValueError(f"the scale of the sample fleet must be above 0: {scale:g}")
    span = span or Span()
    end = end.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    start = end.replace(hour=0) - timedelta(days=span.days)
    clock = Clock(start, int((end - start) // timedelta(hours=1)))
    layout, happened, planning, simulation = np.random.SeedSequence(seed).spawn(4)

    estate = build_estate(clock, np.random.default_rng(layout), scale)
    incidents = happen(estate, clock, np.random.default_rng(happened))
    drivers = plan_drivers(estate.services, incidents)
    plans = plan_resources(estate, clock, incidents, drivers, np.random.default_rng(planning))
    incidents.events += plans.events
    history = _measure(estate, clock, span, drivers, plans.series, simulation)
    inventory = inventory_of(estate, clock, incidents.frame())
    return SampleFleet(inventory, truth_frame(plans.truths), end, history)


def _measure(
    estate: Estate,
    clock: Clock,
    span: Span,
    drivers: Sequence[SeriesPlan],
    resources: Sequence[SeriesPlan],
    seeds: np.random.SeedSequence,
) -> History:
    """Simulates chunk by chunk and keeps of each what is sampled."""
    hourly_from = 24 * (span.days - span.hourly_days)
    fine_from = 24 * (span.days - span.fine_days)
    simulator = Simulator(clock, fine_from)
    endpoints = {resource.name for resource in estate.resources if resource.kind == "endpoint"}
    groups: list[tuple[Sequence[SeriesPlan], bool]] = [
        ([plan for plan in resources if plan.subject not in endpoints], True),
        ([plan for plan in resources if plan.subject in endpoints], False),
    ]
    chunks = [
        (group[i : i + _CHUNK], is_fine) for group, is_fine in groups for i in range(0, len(group), _CHUNK)
    ]
    spawned = seeds.spawn(len(chunks) + 1)
    driving: Float32Array | None = None
    gathered = []
    if drivers:
        simulated = simulator.simulate(drivers, np.random.default_rng(spawned[-1]))
        driving = simulated.hourly
        gathered.append(gather(drivers, simulated, hourly_from, fine_from, is_fine=True))
    for (plans, is_fine), seed in zip(chunks, spawned, strict=False):
        simulated = simulator.simulate(plans, np.random.default_rng(seed), driving)
        gathered.append(gather(plans, simulated, hourly_from, fine_from, is_fine=is_fine))
    return History(clock.start, hourly_from, fine_from, clock.hours, tuple(gathered))
