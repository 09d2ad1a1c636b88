"""Reads a Parquet or CSV file as the table it holds."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from data.errors import SourceUnavailable


def read_table(path: Path) -> pl.DataFrame:
    """The whole file; the cells of a CSV stay texts.

    A type guessed from the first rows would lose the zeros of 007 and stop at a later 0.5.

    Raises SourceUnavailable where it cannot be read.
    """
    try:
        if path.suffix.lower() == ".csv":
            return pl.read_csv(path, infer_schema=False)
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceUnavailable(f"cannot read {path}: {str(error).splitlines()[0]}") from error
