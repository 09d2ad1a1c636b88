"""A writer to be killed while it does upkeep: loads, rolls up, compacts and brings an old schema up to date.

    python upkeep_writer.py <folder> <first day>

Day n holds a sample of value n for each of SERIES series; the line `loaded n` is written when it is kept.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from data.compact import Retention
from data.frames import Batch
from data.store import Store
from tests.integration.store_writer import say

SERIES = 400
START = datetime(2024, 1, 1, tzinfo=UTC)
KEPT_DAYS = 7


def batch(day: int) -> Batch:
    """SERIES series, one sample each."""
    return Batch(
        pl.DataFrame(
            {
                "ts": [START + timedelta(days=day)] * SERIES,
                "resource": [f"vm-{i}" for i in range(SERIES)],
                "metric": ["cpu"] * SERIES,
                "value": [float(day)] * SERIES,
            }
        )
    )


def main(folder: Path, first: int) -> None:
    """Works until killed."""
    say("start")
    for day in range(first, first + 10_000):
        with Store.open(folder / "headroom.duckdb", wait_seconds=10) as store:
            store.load(batch(day), run_id=f"run-{day}", source="writer")
            say(f"loaded {day}")
            store.refresh_rollups()
            store.compact(Retention(samples=KEPT_DAYS), now=START + timedelta(days=day))
            say(f"compacted {day}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
