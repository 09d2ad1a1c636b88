"""All or nothing: the batches of one file, held back until it was read to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from data.errors import SourceError
from data.frames import Batch

HELD_ROWS = 500_000
"""Rows up to which a file is held back, which bounds memory; a larger one is handed over as it is read."""


def each_file(paths: Sequence[str], read: Callable[[str], Iterator[Batch]]) -> Iterator[Batch]:
    """The batches of all files, of one that cannot be used none; the error comes at the end.

    Raises:
        SourceError: a file cannot be used; names the first one, and says how many there are.
    """
    errors: list[SourceError] = []
    for path in paths:
        try:
            yield from all_or_nothing(read(path))
        except SourceError as error:
            errors.append(error)
    if len(errors) > 1:
        more = f" (and {len(errors) - 1} more of {len(paths)} files cannot be used)"
        raise type(errors[0])(f"{errors[0]}{more}") from errors[0]
    if errors:
        raise errors[0]


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
