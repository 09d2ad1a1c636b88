"""A receiver and loader to be killed: takes in numbered requests, acknowledging each on stdout, and loads.

    python pushed_writer.py <folder> <first request>

Request n holds a part of a scrape, up to an hour out of order; `landed n` is written when it is kept.
"""

from __future__ import annotations

import os
import random
import sys
from datetime import timedelta
from pathlib import Path

from data.store import Store
from ingest.intake import intake
from ingest.landing import Kind, Landing
from ingest.pushed import Pushed
from tests.unit.ingest.payloads import START, node_scrape, node_series, write_request

SCRAPES = 90
RECEIVED = START + timedelta(hours=2)


def requests() -> list[bytes]:
    """Every scrape in two parts, some of them twice, delivered up to an hour late."""
    chance = random.Random(7)
    parts: list[tuple[float, bytes]] = []
    for number in range(SCRAPES):
        at = 30.0 * number
        series = node_series([at], swing=0.2)
        chance.shuffle(series)
        middle = chance.randint(1, len(series) - 1)
        for part in (series[:middle], series[middle:]):
            parts.append((at + chance.choice((0.0, chance.uniform(0, 3_600))), write_request(*part)))
    parts += chance.sample(parts, len(parts) // 4)
    return [payload for _, payload in sorted(parts, key=lambda one: one[0])]


def whole() -> bytes:
    """All scrapes at once, in order."""
    return write_request(*node_series([30.0 * number for number in range(SCRAPES)], swing=0.2))


def load(folder: Path, store: Store) -> None:
    """What the job does."""
    pushed = Pushed(str(folder), lateness="5m", longest_gap="10m")
    for batch in pushed.pull(None):
        usable = intake(batch, now=RECEIVED)
        store.load(usable, run_id="run", source="landing", step_seconds=60, now=RECEIVED)
        pushed.loaded(batch)


def finish(folder: Path, store: Store) -> None:
    """Another machine's scrape much later shows that all intervals have ended."""
    with Landing(folder, 2**30) as landing:
        landing.append(Kind.REMOTE_WRITE, node_scrape(1, "other"), RECEIVED)
    load(folder, store)


def main(folder: Path, first: int) -> None:
    """Works until killed or done."""
    every = requests()
    with Store.open(folder / "headroom.duckdb", wait_seconds=10) as store:
        for number in range(first, len(every)):
            with Landing(folder / "landing", 2**30) as landing:
                landing.append(Kind.REMOTE_WRITE, every[number], START + timedelta(minutes=30))
            os.write(sys.stdout.fileno(), f"landed {number}\n".encode())
            if number % 4 == 3:
                load(folder / "landing", store)
        load(folder / "landing", store)
    os.write(sys.stdout.fileno(), b"done\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
