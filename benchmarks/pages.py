"""How long the server takes to make each page of the dashboard.

    python -m benchmarks pages                  of the sample fleet in var/demo
    python -m benchmarks pages --folder FOLDER  of any store's folder

First = the first time after a run was published, with all that a page reads; then = the best of three
repeats. Both include the JSON that is sent, before it is compressed. Milliseconds of the wall clock: run
it alone.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import plotly.utils

from dashboard.app import render
from dashboard.pages import PAGES
from dashboard.published import Published, follow

REPEATS = 3


def addresses(published: Published) -> list[str]:
    """Every page; those about one thing with the busiest service and its first resource."""
    estate = published.estate()
    rows = estate.resources.drop_nulls("service")
    named = {}
    if rows.height:
        service = rows.group_by("service").len().sort("len", "service").row(-1)[0]
        named["/service"] = f"/service?name={quote(service)}"
    if estate.resources.height:
        named["/resource"] = f"/resource?name={quote(estate.resources['resource'][0])}"
    return [named.get(page.path, page.path) for page in PAGES]


def seconds(published: Published, address: str) -> tuple[float, int]:
    """The time to make and to write a page, and its bytes."""
    started = time.perf_counter()
    body, rail, topbar = render(published, f"http://localhost{address}", "light", datetime.now(UTC))
    parts = [one.to_plotly_json() for one in (body, *rail, *(part for part in topbar if part is not None))]
    text = json.dumps(parts, cls=plotly.utils.PlotlyJSONEncoder)
    return time.perf_counter() - started, len(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("var/demo"), help="folder of a store")
    folder = parser.parse_args().folder
    if not (folder / "published" / "current").exists():
        print(f"nothing is published in {folder}; `headroom demo --no-serve` makes the sample fleet")
        return
    published = Published(follow(folder / "published"))
    estate = published.estate()
    print(f"{estate.resources.height:,} resources, run {estate.snapshot.run_id}")
    print(f"{'page':<40}{'first ms':>10}{'then ms':>10}{'kB':>10}")
    for address in addresses(published):
        first, size = seconds(published, address)
        again = min(seconds(published, address)[0] for _ in range(REPEATS))
        print(f"{address[:39]:<40}{first * 1000:>10.0f}{again * 1000:>10.0f}{size / 1000:>10.0f}")


if __name__ == "__main__":
    main()
