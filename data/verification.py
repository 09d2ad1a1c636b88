"""Verification: compares what earlier runs forecast with what was measured since, and keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from data.publish import quoted
from data.query import plain, text_of
from data.series import Metric


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """A published run whose forecast is old enough to be compared."""

    run_id: str
    path: Path
    age_days: int
    """How old it is at least."""


def verify(
    connection: duckdb.DuckDBPyConnection,
    earlier: Sequence[EarlierRun],
    *,
    verified_run: str,
    measured_until: datetime,
) -> int:
    """Compares and keeps, within the caller's transaction; returns how many series were compared.

    Rows of the same measurements and age are replaced, so comparing twice changes nothing.

    Args:
        measured_until: end of the newest complete hour.

    Raises:
        duckdb.Error: a published run cannot be read.
    """
    known = {"measured_until": plain(measured_until)}
    connection.execute(text_of("verify_thin")[0], known | {"ages": [run.age_days for run in earlier]})
    compared = 0
    for run in earlier:
        for table in ("points", "series"):
            connection.execute(
                f"CREATE OR REPLACE TEMP VIEW verify_{table} AS FROM {_catalog(run)}.forecast_{table}"
            )
        inserted = connection.execute(
            f"INSERT INTO forecast_actuals BY NAME {text_of('verify_forecast')[0]}",
            known
            | {
                "forecast_run": run.run_id,
                "verified_run": verified_run,
                "age_days": run.age_days,
                "held": [str(metric) for metric in Metric],
            },
        ).fetchall()
        compared += int(inserted[0][0])
    return compared


def attach(connection: duckdb.DuckDBPyConnection, earlier: Sequence[EarlierRun]) -> None:
    """Makes the published runs readable for `verify`; not within a transaction."""
    for run in earlier:
        connection.execute(f"ATTACH '{quoted(run.path)}' AS {_catalog(run)} (READ_ONLY)")


def detach(connection: duckdb.DuckDBPyConnection, earlier: Sequence[EarlierRun]) -> None:
    """Undoes `attach`, also where it came only half way."""
    for table in ("points", "series"):
        connection.execute(f"DROP VIEW IF EXISTS verify_{table}")
    for run in earlier:
        connection.execute(f"DETACH DATABASE IF EXISTS {_catalog(run)}")


def _catalog(run: EarlierRun) -> str:
    return f"verified_{run.age_days}"
