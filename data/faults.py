"""What DuckDB and the disk say when they can go on no longer, as an error that a person can act on."""

from __future__ import annotations

import errno
from pathlib import Path

import duckdb

from data.errors import StoreUnavailable

_FULL = ("no space left", "not enough space", "disk quota", "file too large", "max_temp_directory_size")
"""What is in the message of a write that failed for want of room; DuckDB gives no code."""


def store_error(path: Path, error: BaseException | None) -> StoreUnavailable | None:
    """The error to raise in place of `error`, None for one that is a bug or none at all.

    An error while another was handled (a ROLLBACK that fails because the disk is full) hides the reason, so
    the first one of the chain counts.
    """
    first: BaseException | None = None
    while error is not None:
        if isinstance(error, duckdb.Error) or (
            isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        ):
            first = error
        error = error.__cause__ or error.__context__
    if first is None:
        return None
    text = str(first)
    said = (text.splitlines() or [type(first).__name__])[0]
    kept = "what was not finished is as it was before; run the command again"
    if isinstance(first, OSError) or any(word in text.casefold() for word in _FULL):
        return StoreUnavailable(f"no room left on the disk of {path} ({said}); free some: {kept}")
    if isinstance(first, duckdb.OutOfMemoryException) or "out of memory" in text.casefold():
        return StoreUnavailable(f"not enough memory for {path} ({said}); {kept}")
    if isinstance(first, duckdb.IOException | duckdb.FatalException | duckdb.InternalException):
        return StoreUnavailable(f"{path} cannot be read or written: {said}; {kept}")
    return None
