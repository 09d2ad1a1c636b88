"""How fast files become samples, against DuckDB's own readers.

    python -m benchmarks.reading                2 million rows
    python -m benchmarks.reading --rows 16000000

Our figure includes everything up to the store's door: reading, times, units, every check of the intake.
DuckDB's is `CREATE TABLE AS` of the same file in memory, typed as the file is, without any check. "To a
table" is the way into a store on disk, loaded and deduplicated, against `CREATE TABLE AS` into a file, each
with its checkpoint; "rolled up" adds the rollups to ours. Ratios are medians over alternating runs in one
process; the peak memory is that of a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from data.store import Store
from ingest.files import Files
from ingest.intake import intake

SERIES = 2_500
START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def measurements(rows: int) -> pl.DataFrame:
    """A plain sample frame: memory in MiB, so that there is something to convert."""
    moments = rows // SERIES
    rng = np.random.default_rng(1)
    value = rng.gamma(4, 500, rows).round(2)
    return pl.DataFrame(
        {
            "ts": pl.Series([START + timedelta(minutes=5 * i) for i in range(moments)]).gather(
                np.repeat(np.arange(moments), SERIES)
            ),
            "resource": pl.Series([f"vm-{i:04}" for i in range(SERIES)]).gather(
                np.tile(np.arange(SERIES), moments)
            ),
            "value": value[: moments * SERIES],
            "value_max": (value * 1.25)[: moments * SERIES],
        }
    ).with_columns(metric=pl.lit("memory"), capacity=pl.lit(16_384.0), unit=pl.lit("MiB"))


def ours(path: Path) -> int:
    return sum(intake(batch, now=NOW).samples.height for batch in Files((str(path),)).pull(None))


def theirs(path: Path) -> int:
    reader = "read_parquet" if path.suffix == ".parquet" else "read_csv"
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        connection.execute(f"CREATE TABLE samples AS SELECT * FROM {reader}('{path}')")
        return int(connection.execute("SELECT count(*) FROM samples").fetchall()[0][0])


def ours_loaded(path: Path, roll_up: bool = False) -> int:
    """File to table: checked, deduplicated, written and queryable."""
    target = path.with_name("headroom.duckdb")
    target.unlink(missing_ok=True)
    loaded = 0
    with Store.open(target) as store:
        for batch in Files((str(path),)).pull(None):
            loaded += store.load(intake(batch, now=NOW), run_id="r", source="bench", now=NOW).new
        if roll_up:
            store.refresh_rollups()
    return loaded


def ours_rolled_up(path: Path) -> int:
    """As ours_loaded, and by hour and day."""
    return ours_loaded(path, roll_up=True)


def theirs_loaded(path: Path) -> int:
    """File to table: CREATE TABLE AS into a file, with its checkpoint."""
    target = path.with_name("plain.duckdb")
    target.unlink(missing_ok=True)
    reader = "read_parquet" if path.suffix == ".parquet" else "read_csv"
    with duckdb.connect(str(target)) as connection:
        connection.execute("SET threads = 2; SET enable_progress_bar = false")
        connection.execute(f"CREATE TABLE samples AS SELECT * FROM {reader}('{path}')")
        connection.execute("CHECKPOINT")
        return int(connection.execute("SELECT count(*) FROM samples").fetchall()[0][0])


def seconds(read: Callable[[Path], int], path: Path, rows: int) -> float:
    started = time.perf_counter()
    count = read(path)
    if count != rows:
        raise SystemExit(f"{path.name}: {count:,} of {rows:,} rows were read")
    return time.perf_counter() - started


def compared(
    mine: Callable[[Path], int], other: Callable[[Path], int], path: Path, rows: int, repeats: int
) -> str:
    """Speeds of both in million rows a second, and the median ratio of alternating runs."""
    pairs = [(seconds(mine, path, rows), seconds(other, path, rows)) for _ in range(repeats)]
    a, b = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
    ratio = statistics.median(theirs / ours for ours, theirs in pairs)
    return f"{rows / a / 1e6:>13.2f} {rows / b / 1e6:>17.2f} {ratio:>7.2f}"


def peak(path: Path) -> float:
    """MiB that a process needs to read the file."""
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.reading", "--only", str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(answer.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        ours(asked.only)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    with tempfile.TemporaryDirectory() as folder:
        frame = measurements(asked.rows)
        rows = frame.height
        files = [Path(folder) / name for name in ("rows.parquet", "rows.csv")]
        frame.write_parquet(files[0])
        frame.write_csv(files[1], datetime_format="%Y-%m-%dT%H:%M:%SZ")
        del frame
        print(f"{rows:,} rows      ours M rows/s   DuckDB M rows/s   ratio   peak MiB")
        for path in files:
            print(f"{path.name:<14} {compared(ours, theirs, path, rows, asked.repeats)} {peak(path):>10.0f}")
            speeds = compared(ours_loaded, theirs_loaded, path, rows, asked.repeats)
            print(f"  to a table   {speeds}")
            speeds = compared(ours_rolled_up, theirs_loaded, path, rows, asked.repeats)
            print(f"  rolled up    {speeds}")


if __name__ == "__main__":
    main()
