"""Publishes what readers need as one read-only file per run, and moves the pointer to it at once."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from data.migrate import migrate
from data.query import naive

POINTER = "current"
"""File in the folder of published runs that names the newest: its content is the file name."""

LEFT_OUT = frozenset(
    {
        "samples",
        "dirty_days",
        "raw_since",
        "stated_capacities",
        "snapshot",
        "rejected",
        "bills",
        "resource_names",
    }
)
"""Tables that readers do not get: raw samples, and what only the writer needs."""

ORDER = {
    "rollup_hour": "series_id, ts",
    "rollup_day": "series_id, day",
    "service_hour": "service, metric, ts",
    "service_day": "service, metric, ts",
    "forecast_points": "grain, scope, subject, metric, ts",
    "forecast_actuals": "grain, scope, subject, metric, measured_until",
}
"""Sorted by what a page asks for, so that a query reads a few blocks."""

EXAMPLES = 100
"""Rejected rows kept per source and reason; `rejected_counts` is complete."""


@dataclass(frozen=True, slots=True)
class PublishedRun:
    """One published run; every one of them can still be opened."""

    run_id: str
    as_of: datetime
    """End of the newest complete hour measured, UTC."""
    published_at: datetime
    program_version: str
    currency: str
    path: Path


def publish(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    *,
    run_id: str,
    as_of: datetime,
    published_at: datetime,
    program_version: str,
    currency: str,
    settings_json: str,
    keep: int,
    pinned: Collection[str],
) -> Path:
    """Writes `<run_id>.duckdb`, then moves the pointer; a reader sees the old file or the new one, whole.

    Afterwards all but the newest `keep` runs, the pinned ones and this one are removed.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", run_id):
        raise ValueError(f"a run id is letters, digits, '.', '_' and '-': {run_id!r}")
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".*.part*"):  # of a publication that was killed; there is one writer
        leftover.unlink()
    target = folder / f"{run_id}.duckdb"
    part = folder / f".{run_id}.part"
    try:
        _write(
            connection,
            part,
            {
                "run_id": run_id,
                "as_of": naive(as_of),
                "at": naive(published_at),
                "version": program_version,
                "currency": currency,
                "settings": settings_json,
            },
        )
    except BaseException:
        # On a full disk half a run would be in the way of whatever is done next.
        for leftover in folder.glob(f"{part.name}*"):
            leftover.unlink()
        raise
    described = {
        "run_id": run_id,
        "as_of": as_of.astimezone(UTC).isoformat(),
        "published_at": published_at.astimezone(UTC).isoformat(),
        "program_version": program_version,
        "currency": currency,
    }
    _write_at_once(folder / f"{run_id}.json", json.dumps(described, indent=1) + "\n")
    synced(part)
    part.replace(target)
    _write_at_once(folder / POINTER, target.name + "\n")
    _prune(folder, keep, {run_id, *pinned})
    return target


def _write(connection: duckdb.DuckDBPyConnection, part: Path, snapshot: dict[str, object]) -> None:
    """Copies what readers need, and the row of `snapshot` that says what it is."""
    with duckdb.connect(str(part)) as fresh:
        migrate(fresh, part)
    connection.execute(f"ATTACH '{quoted(part)}' AS published")
    try:
        _copy(connection)
        connection.execute(
            "INSERT INTO published.snapshot VALUES ($run_id, $as_of, $at, $version, $currency, $settings)",
            snapshot,
        )
        connection.execute("CHECKPOINT published")
    finally:
        connection.execute("DETACH published")


def published_runs(folder: Path) -> list[PublishedRun]:
    """All published runs, newest first."""
    runs = []
    for file in folder.glob("*.json"):
        try:
            described = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:  # removed since it was listed
            continue
        path = file.with_suffix(".duckdb")
        if path.exists():
            described["as_of"] = datetime.fromisoformat(described["as_of"])
            described["published_at"] = datetime.fromisoformat(described["published_at"])
            runs.append(PublishedRun(path=path, **described))
    return sorted(runs, key=lambda run: (run.published_at, run.run_id), reverse=True)


def _copy(connection: duckdb.DuckDBPyConnection) -> None:
    tables = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'published' ORDER BY table_name"
    ).fetchall()
    connection.execute("BEGIN")
    try:
        for (table,) in tables:
            if table in LEFT_OUT or table == "schema_version":
                continue
            order = f" ORDER BY {ORDER[table]}" if table in ORDER else ""
            connection.execute(f"INSERT INTO published.{table} BY NAME SELECT * FROM main.{table}{order}")
        connection.execute(
            "INSERT INTO published.rejected BY NAME SELECT * FROM main.rejected QUALIFY row_number() OVER"
            " (PARTITION BY source, reason ORDER BY rejected_at DESC) <= $examples",
            {"examples": EXAMPLES},
        )
        connection.execute("COMMIT")
    except BaseException:
        # Else the store could not even note that publishing failed.
        connection.execute("ROLLBACK")
        raise


def _prune(folder: Path, keep: int, kept: Collection[str]) -> None:
    for run in published_runs(folder)[max(keep, 1) :]:
        if run.run_id not in kept:
            run.path.unlink()
            run.path.with_suffix(".json").unlink()
    for described in folder.glob("*.json"):  # of a run whose removal or publication was killed half way
        if not described.with_suffix(".duckdb").exists():
            described.unlink()


def _write_at_once(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    synced(part)
    part.replace(path)
    synced(path.parent)


def synced(path: Path) -> None:
    """Has the system write a file or a folder to disk: a rename must not survive what it names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def quoted(path: Path) -> str:
    """A path within the quotes of an SQL string."""
    return str(path).replace("'", "''")
