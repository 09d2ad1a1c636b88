"""A writer to be killed: loads numbered batches, refreshes and publishes, and acknowledges each on stdout.

    python store_writer.py <folder> <first batch>

Batch n holds ROWS samples of value n, one minute of its own; the line `loaded n` is written when it is kept.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from data.frames import Batch
from data.store import Store

ROWS = 3_000
START = datetime(2024, 1, 1, tzinfo=UTC)


def batch(number: int) -> Batch:
    """ROWS series, one sample each."""
    return Batch(
        pl.DataFrame(
            {
                "ts": [START + timedelta(minutes=number)] * ROWS,
                "resource": [f"vm-{i}" for i in range(ROWS)],
                "metric": ["cpu"] * ROWS,
                "value": [float(number)] * ROWS,
            }
        )
    )


def say(line: str) -> None:
    """Tells the test at once; a line longer than a pipe's buffer could be cut by the kill."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


def main(folder: Path, first: int) -> None:
    """Loads until killed."""
    with Store.open(folder / "headroom.duckdb", wait_seconds=10) as store:
        say("open")
        for number in range(first, first + 10_000):
            store.load(batch(number), run_id=f"run-{number}", source="writer")
            say(f"loaded {number}")
            if number % 3 == 0:
                store.refresh_rollups()
            if number % 5 == 0:
                store.publish(
                    folder / "published",
                    run_id=f"run-{number}",
                    as_of=START + timedelta(minutes=number),
                    published_at=datetime.now(UTC),
                    program_version="test",
                    currency="EUR",
                    settings_json="{}",
                    keep=3,
                )
                say(f"published {number}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
