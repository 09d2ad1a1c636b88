"""Every benchmark in turn, each in a process of its own: `python -m benchmarks`, or one by name."""

from __future__ import annotations

import os
import subprocess
import sys
import time

BENCHMARKS = {
    "forecasting": "hourly forecasts: accuracy against naives and named models, cost per series",
    "planning": "daily forecasts to a year, exhaustion, reliability, false alarms",
    "sizing": "sizing policies: frontier, calibration, peers at their own breach",
    "decide": "findings, recommendations, alternatives and the plan of 10,000 resources",
    "store": "loading, ticks, rollups, bytes per sample",
    "reading": "reading files against DuckDB's reader",
    "pages": "how long the server takes for each page of the dashboard",
    "receiver": "taking in and loading what is pushed, against plain append and fsync",
    "fuzz": "10,000 mutated files and 10,000 payloads",
}

MODULES = {"decide": "deciding"}
"""Where the module has another name than the benchmark."""


def main() -> int:
    words = sys.argv[1:]
    first = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    names, options = words[:first] or list(BENCHMARKS), words[first:]
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown or "--help" in options or "-h" in options:
        print(__doc__)
        for name, what in BENCHMARKS.items():
            print(f"  {name:<12} {what}")
        return 2 if unknown else 0
    failed = 0
    # One BLAS thread per process, set before numpy is imported: figures are CPU seconds of one core.
    environ = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    for name in names:
        print(f"\n=== {name}: {BENCHMARKS[name]} ===", flush=True)
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{MODULES.get(name, name)}", *options],
            env=environ,
            check=False,
        )
        failed += done.returncode != 0
        print(f"--- {name} took {time.perf_counter() - started:.0f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
