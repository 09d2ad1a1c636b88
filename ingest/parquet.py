"""Parquet files in pieces of bounded size, here and in object stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import SourceError, SourceUnavailable
from ingest.pieces import LINE, Piece

ROWS_AT_ONCE = 250_000
"""Rows of a piece."""

_READ_AHEAD = 2**20
"""Bytes of a column read at once."""


def read_parquet(path: str, wanted: Callable[[list[str]], list[str]]) -> Iterator[Piece]:
    """Yields the rows of a local file.

    Page by page through pyarrow: Polars decodes whole row groups, and files with a single large one exist.

    Raises:
        SourceError: if it is not there, empty, truncated or no Parquet.
    """
    file = Path(path)
    if not file.is_file():
        raise SourceError(f"{path}: cannot be read: no such file")
    if file.stat().st_size == 0:
        raise SourceError(f"{path}: is empty")
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=_READ_AHEAD) as opened:
            columns = wanted(list(opened.schema_arrow.names))
            line = 1
            for batch in opened.iter_batches(batch_size=ROWS_AT_ONCE, columns=columns):
                # Polars trusts that strings are UTF-8; in a damaged file they need not be.
                batch.validate(full=True)
                rows = pl.from_arrow(batch)
                assert isinstance(rows, pl.DataFrame)
                numbers = pl.int_range(line, line + rows.height, dtype=pl.Int64).alias(LINE)
                yield Piece(rows.with_columns(numbers))
                line += rows.height
    except SourceError:
        raise
    except (
        pa.ArrowException,
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
        OSError,
        ValueError,
    ) as error:
        raise SourceError(
            f"{path}: is no readable Parquet file; is it truncated? ({_first(error)})"
        ) from error


def read_distant_parquet(
    path: str, storage: Mapping[str, str | int], wanted: Callable[[list[str]], list[str]]
) -> Iterator[Piece]:
    """Yields the rows of a file, or of the files that a pattern matches, in an object store.

    Raises:
        SourceError: if there is none, or it cannot be read.
        SourceUnavailable: if the store does not answer.
    """
    try:
        lazy = pl.scan_parquet(path, storage_options=dict(storage), credential_provider=None)
        columns = wanted(lazy.collect_schema().names())
        numbered = lazy.with_row_index(LINE, offset=1).select(*columns, pl.col(LINE).cast(pl.Int64))
        for rows in numbered.collect_batches(chunk_size=ROWS_AT_ONCE, maintain_order=True):
            yield Piece(rows)
    except SourceError:
        raise
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        first = _first(error)
        if "object-store error" in first or isinstance(error, OSError):
            if "not found" in first.casefold():
                raise SourceError(f"{path}: there is no such object") from error
            raise SourceUnavailable(f"{path}: cannot be fetched: {first}") from error
        raise SourceError(f"{path}: is no readable Parquet file; is it truncated? ({first})") from error


def _first(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
