"""The sample fleet as files, in the layout the files source and the inventory files read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from data.frames import Batch, Inventory


def write_inventory(inventory: Inventory, folder: Path) -> list[Path]:
    """Writes one CSV per inventory frame: resources, services, dependencies, capacities, events."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in ("resources", "services", "dependencies", "capacities", "events"):
        frame: pl.DataFrame = getattr(inventory, name)
        path = folder / f"{name}.csv"
        frame.write_csv(path, datetime_format="%Y-%m-%dT%H:%M:%SZ")
        written.append(path)
    return written


def write_metrics(batches: Iterable[Batch], folder: Path) -> list[Path]:
    """Writes one Parquet file per batch, named by its first and last day so that names sort in time."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for batch in batches:
        first, last = batch.samples["ts"][0], batch.samples["ts"][-1]
        path = folder / f"samples-{first:%Y%m%d}-{last:%Y%m%d}.parquet"
        batch.samples.write_parquet(path, compression="lz4")
        written.append(path)
    return written
