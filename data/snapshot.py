"""Snapshot: one published run, read-only; what the dashboard, reports and notebooks read."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import polars as pl

from data.errors import StoreUnavailable, UnknownName
from data.migrate import is_current, migrate
from data.panel import Panel
from data.publish import POINTER, PublishedRun, published_runs
from data.query import frame_of, row_of, run
from data.reach import Reach
from data.reading import Grain, Scope, Statistic, reach_of, read_panel
from data.series import Window

HINT = "run `headroom run` to make one"


class Snapshot:
    """A published run. Threads may share it: every question gets a cursor of its own.

    Holding it open hurts nobody: the next run is another file, and a pruned file stays readable until closed.
    """

    def __init__(
        self, path: Path, connection: duckdb.DuckDBPyConnection, copy: tempfile.TemporaryDirectory[str] | None
    ) -> None:
        self.path = path
        self._connection = connection
        self._copy = copy
        row = row_of(
            connection,
            "SELECT run_id, as_of, published_at, program_version, currency, settings FROM snapshot",
        )
        if row is None:
            raise StoreUnavailable(f"{path} is not a published run")
        self.run_id: str = row[0]
        self.as_of: datetime = row[1].replace(tzinfo=UTC)
        """End of the newest complete hour measured."""
        self.published_at: datetime = row[2].replace(tzinfo=UTC)
        self.program_version: str = row[3]
        self.currency: str = row[4]
        self.settings: str = row[5] or "{}"
        """JSON of the settings that shaped the conclusions."""

    @classmethod
    def open(cls, folder: Path, run_id: str | None = None) -> Self:
        """Opens the run that the pointer names, or an earlier one by its id.

        A run published by an older program is brought up to this one's schema in a temporary copy.

        Raises:
            StoreUnavailable: nothing is published, or it cannot be read.
            UnknownName: no such run.
        """
        if run_id is not None:
            known = {found.run_id: found.path for found in published_runs(folder)}
            if run_id not in known:
                raise UnknownName("run", run_id, known)
            return cls._opened(known[run_id])
        path = _newest(folder)
        while True:
            try:
                return cls._opened(path)
            except StoreUnavailable:
                # Between reading the pointer and opening the file, newer runs may have had it removed.
                moved = _newest(folder)
                if moved == path:
                    raise
                path = moved

    @classmethod
    def _opened(cls, path: Path) -> Self:
        copy = None
        try:
            connection = _connected(path)
            if not is_current(connection, path):
                connection.close()
                copy = tempfile.TemporaryDirectory(prefix="headroom-")
                migrated = Path(shutil.copy(path, copy.name))
                with duckdb.connect(str(migrated)) as old:
                    migrate(old, migrated)
                connection = _connected(migrated)
        except duckdb.Error as error:
            raise StoreUnavailable(f"cannot open {path}: {str(error).splitlines()[0]}; {HINT}") from error
        return cls(path, connection, copy)

    @staticmethod
    def runs(folder: Path) -> list[PublishedRun]:
        """All published runs, newest first; empty where nothing is published."""
        return published_runs(folder)

    def close(self) -> None:
        self._connection.close()
        if self._copy:
            self._copy.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def frame(self, query: str, **parameters: object) -> pl.DataFrame:
        """The answer to `data/sql/<query>.sql`; parameters not given are NULL. Raises UnknownName."""
        with self._connection.cursor() as cursor:
            return run(cursor, query, parameters)

    def table(self, name: str) -> pl.DataFrame:
        """A whole table, e.g. `findings`. Raises UnknownName."""
        with self._connection.cursor() as cursor:
            known = [row[0] for row in cursor.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
            if name not in known:
                raise UnknownName("table", name, known)
            return frame_of(cursor, f"FROM {name}")

    def panel(
        self,
        grain: Grain,
        *,
        metrics: Sequence[str] | None = None,
        subjects: Sequence[str] | None = None,
        window: Window | None = None,
        statistic: Statistic = "mean",
    ) -> Panel:
        """As `Store.panel`."""
        with self._connection.cursor() as cursor:
            return read_panel(
                cursor, grain, metrics=metrics, subjects=subjects, window=window, statistic=statistic
            )

    def demand(
        self,
        subject: str,
        metric: str,
        *,
        grain: Grain = "hour",
        window: Window | None = None,
        scope: Scope = "resource",
    ) -> pl.DataFrame:
        """Demand of one series: ts, mean, p95, max, capacity; rows only where something was reported."""
        return self.frame(
            f"demand_{scope}_{grain}",
            subject=subject,
            metric=metric,
            start=window.start if window else None,
            until=window.end if window else None,
        )

    def forecast(
        self, subject: str, metric: str, *, grain: Grain = "hour", scope: Scope = "resource"
    ) -> pl.DataFrame:
        """Quantile paths of one series: ts, q05 … q95; empty where there is no forecast."""
        return self.frame("forecast_path", subject=subject, metric=metric, grain=grain, scope=scope)

    def reach(self, scope: Scope, subjects: Sequence[str] | None = None) -> Reach:
        """How high demand will have been by each day, of all series of a scope or of some subjects."""
        return reach_of(self.frame("reach_of", scope=scope, subjects=subjects), self.as_of)


def _newest(folder: Path) -> Path:
    try:
        return folder / (folder / POINTER).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise StoreUnavailable(f"nothing is published in {folder}; {HINT}") from None


def _connected(path: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        str(path),
        read_only=True,
        config={"autoinstall_known_extensions": False, "autoload_known_extensions": False},
    )
