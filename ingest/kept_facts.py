"""Kept facts: what pushed metrics ever said of resources, also of those that sent nothing since.

A batch tells only of who sent something since the last one. Without what the others said before, nobody could
tell a sender that is silent from a label that was taken away elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from data.errors import SourceError
from data.frames import RESOURCE_SCHEMA, Inventory
from ingest.landing import synced

FILE = "facts.parquet"
"""Beside the segments."""


def kept(folder: Path) -> pl.DataFrame:
    """RESOURCE_SCHEMA of everything that was said, one row per resource.

    Raises:
        SourceError: it cannot be read.
    """
    path = folder / FILE
    if not path.exists():
        return pl.DataFrame(schema=RESOURCE_SCHEMA)
    try:
        return pl.read_parquet(path).cast(RESOURCE_SCHEMA)  # type: ignore[arg-type]
    except (pl.exceptions.PolarsError, OSError) as error:
        first = (str(error).splitlines() or [""])[0][:200]
        raise SourceError(
            f"{path}: cannot be read: {first}; remove it to go on without what it kept"
        ) from error


def keep(folder: Path, told: Inventory | None) -> None:
    """Keeps what a batch told; of each column what was said last counts. On the disk when it returns."""
    if told is None or told.resources.is_empty():
        return
    before = kept(folder)
    lasts = (pl.col(name).drop_nulls().last() for name in RESOURCE_SCHEMA if name != "resource")
    now = pl.concat([before, told.resources.select(*RESOURCE_SCHEMA)])
    now = now.group_by("resource", maintain_order=True).agg(lasts).select(*RESOURCE_SCHEMA)
    if not now.equals(before):
        replaced(folder / FILE, now)


def replaced(path: Path, rows: pl.DataFrame, noted: Mapping[str, str] | None = None) -> None:
    """Puts a Parquet file in the place of another at once: a crash leaves the one or the other, whole.

    Args:
        noted: metadata of the file.
    """
    partial = path.with_name(f"{path.name}.partial")
    rows.write_parquet(partial, metadata=dict(noted or {}))
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    partial.replace(path)
    synced(path.parent)
