"""How fast the store loads, and how large it gets.

    python benchmarks/store.py                  2 million rows
    python benchmarks/store.py --rows 60000000  about three minutes, 1.5 GB of temporary space

Every figure that is compared is a ratio of two runs of this program on this machine. Data: 2,500 series on a
5-minute grid: sine, noise and a level each, two decimals, in the order a pull brings them (all series of a
moment, then the next). When the clock stops, what was loaded is deduplicated, rolled up by hour and day,
written and queryable.
"""

from __future__ import annotations

import argparse
import math
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from data.compact import ROW_GROUP
from data.frames import Batch
from data.store import Store

SERIES = 2_500
STEP = timedelta(minutes=5)
START = datetime(2024, 1, 1, tzinfo=UTC)
METRICS = ("cpu", "memory", "storage", "network_in", "network_out")
BATCH = 1_000_000


def written_parquet(path: Path, rows: int) -> None:
    """Writes the measurements of `rows` samples."""
    import pyarrow.parquet as pq

    names = pl.DataFrame(
        {
            "resource": [f"vm-{i // len(METRICS):05d}" for i in range(SERIES)],
            "metric": [METRICS[i % len(METRICS)] for i in range(SERIES)],
        }
    )
    generator = np.random.default_rng(1)
    level = generator.uniform(5, 60, SERIES)
    writer = None
    for first in range(0, rows // SERIES, 400):
        moments = np.arange(first, min(first + 400, rows // SERIES))
        wave = 10 * np.sin(2 * np.pi * moments / 288)[:, None]
        values = np.clip(level + wave + generator.normal(0, 3, (len(moments), SERIES)), 0, 100).round(2)
        frame = pl.concat([names] * len(moments)).with_columns(
            pl.Series("ts", np.repeat(moments, SERIES)).cast(pl.Int64) * (STEP // timedelta(microseconds=1)),
            value=values.ravel(),
        )
        frame = frame.select(
            (pl.col("ts") + pl.lit(START).to_physical()).cast(pl.Datetime("us", "UTC")),
            "resource",
            "metric",
            "value",
        )
        table = frame.to_arrow()
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    if writer:
        writer.close()


def batches(path: Path, rows: int) -> Iterator[Batch]:
    """The file as a source brings it: a million rows at a time."""
    scan = pl.scan_parquet(path)
    for first in range(0, rows, BATCH):
        samples = scan.slice(first, min(BATCH, rows - first)).collect()
        yield Batch(samples, rows_read=samples.height)


def plain_copy_seconds(source: Path, folder: Path, rows: int) -> float:
    """CREATE TABLE AS of the same rows into a file of its own, with its checkpoint."""
    path = folder / "plain.duckdb"
    path.unlink(missing_ok=True)
    started = time.perf_counter()
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE samples AS FROM read_parquet('{source}') LIMIT {rows}")
        connection.execute("CHECKPOINT")
    seconds = time.perf_counter() - started
    path.unlink()
    return seconds


def load_seconds(source: Path, path: Path, rows: int) -> float:
    """Parquet to loaded, deduplicated, rolled up, written and queryable."""
    started = time.perf_counter()
    with Store.open(path) as store:
        for batch in batches(source, rows):
            store.load(batch, run_id="bench", source="parquet")
        store.refresh_rollups()
        store.panel("hour", subjects=["vm-00000"])
    return time.perf_counter() - started


def peak_memory_gb(source: Path, folder: Path, rows: int) -> float:
    """Highest resident memory of a process that does nothing but load."""
    program = [sys.executable, __file__, "--load-only", str(source), str(folder / "memory.duckdb"), str(rows)]
    answer = subprocess.run(program, capture_output=True, text=True, check=True)
    (folder / "memory.duckdb").unlink()
    return float(answer.stdout)


def timed_ms(work: object, repetitions: int = 1) -> float:
    """Median milliseconds of a callable."""
    took = []
    for _ in range(repetitions):
        started = time.perf_counter()
        work()  # type: ignore[operator]
        took.append(time.perf_counter() - started)
    return 1000 * statistics.median(took)


def sample_bytes(path: Path) -> int:
    """Bytes of the samples alone, packed as compact does: without rollups and everything else."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        alone = Path(folder) / "samples.duckdb"
        connection.execute(f"ATTACH '{path}' AS store (READ_ONLY)")
        connection.execute(f"ATTACH '{alone}' AS alone (ROW_GROUP_SIZE {ROW_GROUP})")
        connection.execute("CREATE TABLE alone.samples AS FROM store.samples")
        connection.execute("CHECKPOINT alone")
        connection.execute("DETACH alone")
        return alone.stat().st_size


def report_of_changes(store: Store, source: Path, rows: int) -> None:
    """Ticks, reruns, corrections and the refresh of a day, on the full store."""
    newest = store.newest_sample()
    assert newest is not None
    last = pl.scan_parquet(source).slice(rows - SERIES, SERIES).collect()
    ticks = [last.with_columns(pl.col("ts") + STEP * (i + 1)) for i in range(7)]
    pending = iter(ticks)
    tick = timed_ms(lambda: store.load(Batch(next(pending)), run_id="tick", source="bench"), len(ticks))
    print(f"tick of {SERIES:,} new samples into {rows:,}: {tick:.0f} ms (median of {len(ticks)})")
    print(f"  one stale day of {SERIES:,} series rolled up: {timed_ms(store.refresh_rollups):.0f} ms")
    day = pl.scan_parquet(source).slice(rows - 288 * SERIES, 288 * SERIES).collect()
    rerun = timed_ms(lambda: store.load(Batch(day), run_id="rerun", source="bench"))
    print(f"  the same day again, {day.height:,} rows: {day.height / rerun / 1000:.2f} M rows/s")
    corrected = day.with_columns(
        pl.when(pl.int_range(pl.len()) % 100 == 0)
        .then(pl.col("value") + 1)
        .otherwise(pl.col("value"))
        .alias("value")
    )
    correction = timed_ms(lambda: store.load(Batch(corrected), run_id="correction", source="bench"))
    print(f"  with 1 % corrected: {day.height / correction / 1000:.2f} M rows/s")
    print(f"  and rolled up: {timed_ms(store.refresh_rollups):.0f} ms")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=2_000_000, help="samples in the largest store")
    rows = parser.parse_args().rows // SERIES * SERIES
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as temporary:
        folder = Path(temporary)
        source = folder / "measurements.parquet"
        written_parquet(source, rows)
        print(f"{rows:,} rows, {source.stat().st_size / rows:.2f} bytes each as Parquet (zstd)")
        sizes = [
            size for size in (rows // 60, rows // 20, rows // 6, rows // 2, rows) if size >= 100 * SERIES
        ]
        took = {}
        for size in sorted({size // SERIES * SERIES for size in sizes}):
            path = folder / "headroom.duckdb"
            shutil.rmtree(f"{path}.tmp", ignore_errors=True)
            path.unlink(missing_ok=True)
            repetitions = 3 if size <= 10_000_000 else 1
            plain, full = [], []
            for _ in range(repetitions):
                path.unlink(missing_ok=True)
                plain.append(plain_copy_seconds(source, folder, size))
                full.append(load_seconds(source, path, size))
            took[size] = statistics.median(full)
            ratio = statistics.median(p / f for p, f in zip(plain, full, strict=True))
            print(
                f"load {size:>11,}: {took[size]:7.2f} s, {size / took[size] / 1e6:.2f} M rows/s,"
                f" {ratio:.2f} of CREATE TABLE AS, {path.stat().st_size / size:.2f} bytes a sample"
                f" ({sample_bytes(path) / size:.2f} without rollups)"
            )
        slope = np.polyfit([math.log(n) for n in took], [math.log(s) for s in took.values()], 1)[0]
        print(
            f"growth exponent of the load from {min(took):,} to {max(took):,} rows: {slope:.2f} (1 = linear)"
        )
        print(f"peak memory of the largest load: {peak_memory_gb(source, folder, rows):.2f} GB")
        with Store.open(path) as store:
            report_of_changes(store, source, rows)
            print(f"panel of all series by hour: {timed_ms(lambda: store.panel('hour')):.0f} ms")
            started = time.perf_counter()
            report = store.compact()
            print(
                f"compact: {time.perf_counter() - started:.1f} s,"
                f" {report.bytes_before / report.samples:.2f} to {report.bytes_after / report.samples:.2f}"
                " bytes a sample"
            )
        print(f"  samples alone: {sample_bytes(path) / report.samples:.2f} bytes each")
        with Store.open(path) as store:
            tick = pl.scan_parquet(source).slice(rows - SERIES, SERIES).collect()
            later = [tick.with_columns(pl.col("ts") + STEP * (i + 100)) for i in range(7)]
            pending = iter(later)
            took_ms = timed_ms(
                lambda: store.load(Batch(next(pending)), run_id="tick", source="b"), len(later)
            )
            print(f"  tick into the compacted store: {took_ms:.0f} ms")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load-only"]:
        load_seconds(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
    else:
        main()
