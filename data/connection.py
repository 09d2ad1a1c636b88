"""Opens a store's file in DuckDB: how much memory it may take, and who holds it."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import duckdb

from data.errors import StoreLocked, StoreUnavailable

MEMORY_LIMIT = "512MB"
"""Of DuckDB; what does not fit goes to a folder beside the store.

With the batch at hand it is under 1 GB."""


def connected(path: Path, deadline: float, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Opens the file, waiting until the deadline for whoever holds it."""
    while True:
        try:
            connection = duckdb.connect(
                str(path),
                read_only=read_only,
                config={
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                    "memory_limit": MEMORY_LIMIT,
                    "temp_directory": f"{path}.tmp",
                    "preserve_insertion_order": False,
                },
            )
            connection.execute("SET enable_progress_bar = false")
            return connection
        except duckdb.Error as error:
            cause = str(error)
            held = "Conflicting lock" in cause or "different configuration" in cause
            if not held:
                raise StoreUnavailable(f"cannot open {path}: {cause.splitlines()[0]}") from error
            if time.monotonic() >= deadline:
                holder = re.search(r"PID (\d+)", cause)
                raise StoreLocked(path, int(holder[1]) if holder else os.getpid()) from error
            time.sleep(0.05)
