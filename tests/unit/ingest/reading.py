"""Reads what a test wrote to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from data.frames import REJECTED_SCHEMA, SAMPLE_SCHEMA
from ingest.files import Files

PLAIN = "ts,resource,metric,value,unit\n"
ROW = "2024-05-01T00:00:00Z,a,cpu,2,cores\n"


def read(path: Path, **settings: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Samples and rejected rows of one file."""
    batches = list(Files.from_table({"paths": [str(path)], **settings}).pull(None))
    samples = pl.concat([pl.DataFrame(schema=SAMPLE_SCHEMA), *(batch.samples for batch in batches)])
    rejected = pl.concat([pl.DataFrame(schema=REJECTED_SCHEMA), *(batch.rejected for batch in batches)])
    return samples, rejected


def read_text(
    folder: Path, text: str | bytes, name: str = "m.csv", **settings: Any
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Samples and rejected rows of a file with that content."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path, **settings)


def reasons(rejected: pl.DataFrame) -> list[tuple[int | None, str]]:
    return list(rejected.select("line", "reason").iter_rows())
