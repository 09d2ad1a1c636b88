"""Check: connect to a source, read a little, and say what was found; nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from data.errors import HeadroomError
from data.frames import Batch, Inventory
from data.series import Window
from headroom.jobs.pulling import stated_capacities
from headroom.settings import Settings
from headroom.sources import configured
from ingest.intake import intake
from ingest.inventory_files import InventoryFiles
from ingest.source import InventorySource, Source, targets_of
from ingest.times import length_of_time

ENOUGH = 100_000
"""Samples after which reading stops."""


@dataclass(slots=True)
class Checked:
    """What was found at a source, or at one target of it."""

    name: str
    kinds: Counter[str] = field(default_factory=Counter)
    """Resources it knows, by kind."""
    sizes: set[str] = field(default_factory=set)
    """Metrics whose capacity it knows."""
    window: Window | None = None
    """What was asked for; None = whatever there is."""
    read: int = 0
    usable: int = 0
    resources: set[str] = field(default_factory=set)
    metrics: set[str] = field(default_factory=set)
    newest: datetime | None = None
    reasons: Counter[str] = field(default_factory=Counter)
    """Why rows were rejected, and how many."""
    error: str | None = None

    @property
    def works(self) -> bool:
        return self.error is None and not (self.reasons and not self.usable)


def check(settings: Settings, name: str, now: datetime) -> list[Checked]:
    """Connects to each target of a configured source and reads what its newest intervals hold.

    Raises:
        ConfigError: the source is configured wrongly.
        UnknownName: there is none of that name.
        SourceError: an inventory file cannot be used.
    """
    source = configured(settings, name)[name]
    files = InventoryFiles.from_table(settings.inventory, root=settings.root).inventory()
    found = []
    for target, one in targets_of(source).items():
        checked = Checked(name if target is None else f"{name} {target}")
        try:
            _look(one, files, now, checked)
        except HeadroomError as error:
            checked.error = str(error)
        found.append(checked)
    return found


def _look(source: Source, files: Inventory, now: datetime, checked: Checked) -> None:
    sizes = [stated_capacities(files.capacities)]
    if isinstance(source, InventorySource):
        told = source.inventory()
        checked.kinds.update(str(kind) for kind in told.resources["kind"])
        sizes.append(stated_capacities(told.capacities))
        checked.sizes = set(told.capacities["metric"])
    checked.window = _recent(source, now)
    for batch in _some(source, checked.window):
        if batch.inventory is not None:
            checked.kinds.update(str(kind) for kind in batch.inventory.resources["kind"])
            sizes.append(stated_capacities(batch.inventory.capacities))
        drivers = getattr(source, "drivers", None) or {}
        usable = intake(batch, now=now, drivers=drivers, capacities=pl.concat(sizes))
        checked.read += usable.rows_read
        checked.usable += usable.samples.height
        checked.resources.update(usable.samples["resource"].unique())
        checked.metrics.update(usable.samples["metric"].unique())
        newest = usable.samples["ts"].max()
        if isinstance(newest, datetime):
            checked.newest = max(newest, checked.newest or newest)
        checked.reasons.update(usable.rejected["reason"])


def _recent(source: Source, now: datetime) -> Window | None:
    """The newest two intervals that are settled, of a source that is asked for intervals."""
    if not getattr(source, "resumes", False):
        return None
    step = timedelta(seconds=getattr(source, "step_seconds", None) or 60)
    return Window(now - length_of_time(getattr(source, "settle", "1s")) - 3 * step, now)


def _some(source: Source, window: Window | None) -> Iterator[Batch]:
    """Batches until there is enough to tell; of files the first one that has any row."""
    rows = 0
    for batch in source.pull(window):
        yield batch
        rows += batch.rows_read
        if rows >= ENOUGH or (window is None and rows):
            return
