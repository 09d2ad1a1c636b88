"""Memory of a worker process: what it frees stays with it.

By default glibc gives large arrays back to the system, which zeroes the same pages again for the next array:
measured, a tenth of the time of an hourly forecast.
"""

from __future__ import annotations

import contextlib
import ctypes
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""
_KEPT = 2**28
"""Bytes that stay with the process at most: about what a partition of series takes."""
_LARGEST = 2**25
"""Arrays above this many bytes are given back whole; glibc allows no more."""


@cache
def keep_freed_memory() -> bool:
    """Asks the C library once to keep what is freed; False where it is not glibc."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        return bool(library.mallopt(_TRIM_THRESHOLD, _KEPT) and library.mallopt(_MMAP_THRESHOLD, _LARGEST))
    return False
