"""All or nothing: the batches of one file, held back until it was read to its end."""

from __future__ import annotations

from collections.abc import Iterator

from data.errors import SourceError
from data.frames import Batch

HELD_ROWS = 500_000
"""Rows up to which a file is held back, which bounds memory; a larger one is handed over as it is read."""


def all_or_nothing(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches; of a file that turns out to be unusable none, or the error says that some were read.

    Raises:
        SourceError: as the batches do.
    """
    held: list[Batch] | None = []
    rows = 0
    try:
        for batch in batches:
            rows += batch.rows_read
            if held is None:
                yield batch
                continue
            held.append(batch)
            if rows > HELD_ROWS:
                yield from held
                held = None
    except SourceError as error:
        if held is None:
            raise type(error)(f"{error}; the {rows:,} rows before that were read") from error
        raise
    yield from held or ()
