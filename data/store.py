"""Store: the only holder of a connection to the measurements and conclusions."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import polars as pl

from data import watermarks
from data.audit import Audit
from data.billing import BillLoaded, Settled, forget_bill, record_bill, refresh_months, settle
from data.bills import BillBatch
from data.compact import FOR_EVER, CompactReport, Retention, forget, rewrite, wal_of
from data.conclusions import replace_all
from data.connection import connected
from data.errors import HeadroomError, StoreUnavailable
from data.faults import store_error
from data.frames import Batch, Inventory
from data.inventory import record
from data.loading import Loaded, load
from data.lock import WriterLock
from data.migrate import is_current, make, migrate
from data.names import Names, names_of, record_names
from data.panel import Panel
from data.publish import publish, synced
from data.query import naive, row_of, run
from data.reach import Reach
from data.reading import Grain, Scope, Statistic, reach_of, read_panel
from data.rollups import refresh
from data.series import Window
from data.verification import EarlierRun, attach, detach, verify


class Store:
    """A DuckDB file with one writer at a time. Use as a context manager, from one thread.

    Timestamps go in and come out with their zone; inside they are UTC without one.
    """

    def __init__(
        self, path: Path, connection: duckdb.DuckDBPyConnection, lock: WriterLock | None = None
    ) -> None:
        self.path = path
        self._connection = connection
        self._lock = lock

    @classmethod
    def open(cls, path: Path, *, wait_seconds: float = 0) -> Self:
        """Opens for writing: makes the file, takes the lock, applies migrations.

        Raises:
            StoreLocked: another process writes (or a reader holds the file); waited `wait_seconds` for it.
            StoreUnavailable: the file cannot be read, or is newer than the program.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"cannot make {path.parent}: {error.strerror}") from error
        deadline = time.monotonic() + wait_seconds
        lock = WriterLock(path).acquire(wait_seconds)
        try:
            if not path.exists():
                make(path)
            connection = connected(path, deadline, read_only=False)
            try:
                migrate(connection, path)
            except BaseException:
                connection.close()
                raise
        except duckdb.Error as error:
            lock.release()
            raise store_error(path, error) or error from error
        except BaseException:
            lock.release()
            raise
        return cls(path, connection, lock)

    @classmethod
    def open_readonly(cls, path: Path) -> Self:
        """Opens for reading; a writer cannot start until it is closed, so close it soon.

        Raises:
            StoreUnavailable: there is no such file, it cannot be read, or its schema is not the program's.
            StoreLocked: a writer holds it; the published snapshot can be read at any time.
        """
        if not path.is_file():
            raise StoreUnavailable(f"no store at {path}; `headroom ingest` makes one")
        connection = connected(path, time.monotonic(), read_only=True)
        try:
            if not is_current(connection, path):
                raise StoreUnavailable(f"{path} has an older schema; `headroom ingest` brings it up to date")
        except BaseException:
            connection.close()
            raise
        return cls(path, connection)

    def close(self) -> None:
        try:
            self._connection.close()
        finally:
            if self._lock:
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes. A full disk, too little memory and a damaged file become a StoreUnavailable here."""
        try:
            self.close()
        except duckdb.Error as failed:
            raise store_error(self.path, error or failed) or failed from failed
        fault = None if isinstance(error, HeadroomError) else store_error(self.path, error)
        if fault is not None:
            raise fault from error

    # What was measured

    def load(
        self,
        batch: Batch,
        *,
        run_id: str,
        source: str,
        step_seconds: int | None = None,
        now: datetime | None = None,
    ) -> Loaded:
        """Loads a batch at once: when it returns, all of it is kept; on an error, none of it.

        Args:
            step_seconds: the grid of the source; timestamps are snapped to it (data.usable.snapped).
                None keeps them as they came.
            now: timestamps more than a day ahead of it are rejected; None takes the clock.

        Raises ValueError when the frame lacks a column or `ts` has no zone.
        """
        return load(
            self._connection,
            batch,
            run_id=run_id,
            source=source,
            step_seconds=step_seconds,
            now=now or datetime.now(UTC),
        )

    def record_inventory(
        self, inventory: Inventory, *, run_id: str, source: str, now: datetime | None = None
    ) -> None:
        """Records what there is, as versions: unchanged rows make none, changed ones close the earlier one.

        A row without valid_from holds since ever if its name is new, otherwise since `now` (None: the clock).
        """
        moment = now or datetime.now(UTC)
        with self._transaction():
            rejected = record(self._connection, inventory, now=moment)
            Audit(self._connection, run_id, source, moment).keep(rejected)

    def names(self) -> Names:
        """What resources of clouds are called."""
        return names_of(self._connection)

    def record_names(self, names: Names) -> None:
        """Keeps the names that were given since `names` was asked for, if any were."""
        if names.changed:
            with self._transaction():
                record_names(self._connection, names)

    def record_bill(
        self,
        origin: str,
        batches: Iterable[BillBatch],
        *,
        run_id: str,
        source: str,
        now: datetime | None = None,
    ) -> BillLoaded:
        """Records a bill in place of what the same file (`origin`) said before; `settle_bills` must follow.

        All of it or, when `batches` raises, nothing.
        """
        moment = now or datetime.now(UTC)
        with self._transaction():
            return record_bill(
                self._connection, origin, batches, Audit(self._connection, run_id, source, moment)
            )

    def forget_bill(self, origin: str) -> None:
        """Removes what a file said; `settle_bills` must follow."""
        with self._transaction():
            forget_bill(self._connection, origin)

    def settle_bills(self, read: Sequence[str]) -> Settled:
        """Lets charges count once that came in several files, then sums the bills by month anew.

        Args:
            read: the files that were recorded since it was last done; see `data.billing.settle`.
        """
        with self._transaction():
            settled = settle(self._connection, read)
            refresh_months(self._connection)
        return settled

    def refresh_bill_months(self) -> None:
        """Sums the bills by month anew; after bills or the inventory changed."""
        with self._transaction():
            refresh_months(self._connection)

    def refresh_rollups(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Refreshes the rollups of days that loads touched; returns how many series-days that were."""
        return refresh(self._connection, progress)

    def panel(
        self,
        grain: Grain,
        *,
        metrics: Sequence[str] | None = None,
        subjects: Sequence[str] | None = None,
        window: Window | None = None,
        statistic: Statistic = "mean",
    ) -> Panel:
        """Demand from the rollups, one row per series that reported, sorted by resource and metric.

        Demand is the statistic, peak the highest value, capacity what held at the end of each slot; NaN where
        nothing was reported or no capacity is known. The grid is the window's, or else from the earliest to
        the latest slot of any of the series. None takes all metrics (drivers too) and all subjects.
        """
        return read_panel(
            self._connection, grain, metrics=metrics, subjects=subjects, window=window, statistic=statistic
        )

    def newest_sample(self) -> datetime | None:
        """Start of the newest sample there is."""
        row = row_of(self._connection, "SELECT max(last_ts) FROM series")
        return _utc(row[0]) if row else None

    def compact(
        self,
        retention: Retention = FOR_EVER,
        *,
        now: datetime | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> CompactReport:
        """Removes what is older than the retention, then rewrites the file in the order that packs best.

        Where that would make the file larger it stays as it is. `progress` gets (done, all) in rows.
        """
        if retention.samples is not None:
            self.refresh_rollups()
        removed = forget(self._connection, retention, now or datetime.now(UTC))
        self._connection.execute("CHECKPOINT")
        before = self.path.stat().st_size
        compacted = rewrite(self._connection, self.path, progress)
        row = row_of(self._connection, "SELECT count(*) FROM samples") or (0,)
        if compacted.stat().st_size >= before:
            compacted.unlink()
            return CompactReport(row[0], before, self.path.stat().st_size, removed)
        self._connection.close()
        if wal_of(self.path).exists():
            raise StoreUnavailable(
                f"{wal_of(self.path)} was not written back; open the store again and retry"
            )
        synced(compacted)
        compacted.replace(self.path)
        synced(self.path.parent)
        self._connection = connected(self.path, time.monotonic(), read_only=False)
        return CompactReport(row[0], before, self.path.stat().st_size, removed)

    # What is asked and concluded

    def frame(self, query: str, **parameters: object) -> pl.DataFrame:
        """The answer to `data/sql/<query>.sql`; parameters not given are NULL. Raises UnknownName."""
        return run(self._connection, query, parameters)

    def reach(self, scope: Scope) -> Reach:
        """How high demand will have been by each day, of all series of a scope, as last forecast."""
        return reach_of(self.frame("reach_of", scope=scope), self.newest_sample() or datetime.now(UTC))

    def replace(self, table: str, rows: pl.DataFrame) -> None:
        """Replaces a table of conclusions as a whole, at once; see `replace_all`."""
        self.replace_all({table: rows})

    def replace_all(self, tables: Mapping[str, pl.DataFrame]) -> None:
        """Replaces tables of conclusions that belong together: whoever is killed leaves all old or all new.

        Columns that are missing become NULL. Raises UnknownName for another table and ValueError for a column
        that the table has not, or for a missing one that it needs. A frame without rows empties the table.
        """
        with self._transaction():
            replace_all(self._connection, tables)

    def verify(self, earlier: Sequence[EarlierRun], *, verified_run: str, measured_until: datetime) -> int:
        """Compares what earlier published runs forecast with what is measured by now, in `forecast_actuals`.

        Service demand is read from `service_hour` and `service_day`, so after they were made anew. Returns
        how many series were compared. Raises StoreUnavailable when an earlier run cannot be read.
        """
        try:
            attach(self._connection, earlier)
            with self._transaction():
                return verify(
                    self._connection, earlier, verified_run=verified_run, measured_until=measured_until
                )
        except duckdb.Error as error:
            raise StoreUnavailable(
                f"cannot compare earlier forecasts: {str(error).splitlines()[0]}"
            ) from error
        finally:
            detach(self._connection, earlier)

    def publish(
        self,
        folder: Path,
        *,
        run_id: str,
        as_of: datetime,
        published_at: datetime,
        program_version: str,
        currency: str,
        settings_json: str,
        keep: int = 30,
        pinned: Collection[str] = (),
    ) -> Path:
        """Publishes rollups, inventory, conclusions and runs for readers; returns the file.

        The pointer `current` moves at once, so a reader sees the old run or the new one, whole. All but the
        newest `keep` runs and the `pinned` ones are removed.
        """
        return publish(
            self._connection,
            folder,
            run_id=run_id,
            as_of=as_of,
            published_at=published_at,
            program_version=program_version,
            currency=currency,
            settings_json=settings_json,
            keep=keep,
            pinned=pinned,
        )

    # What ran

    def begin_run(
        self, run_id: str, step: str, source: str | None = None, started_at: datetime | None = None
    ) -> None:
        """Notes that a step started; a row that stays `running` belongs to a process that was killed."""
        self._connection.execute(
            "INSERT INTO runs (run_id, step, source, started_at, outcome)"
            " VALUES ($run_id, $step, $source, $started_at, 'running')",
            {
                "run_id": run_id,
                "step": step,
                "source": source,
                "started_at": naive(started_at or datetime.now(UTC)),
            },
        )

    def finish_run(
        self,
        run_id: str,
        step: str,
        source: str | None = None,
        outcome: str = "done",
        *,
        rows_read: int = 0,
        loaded: Loaded | None = None,
        message: str | None = None,
        finished_at: datetime | None = None,
    ) -> None:
        """Notes how a step ended: outcome `done`, `partly` or `failed`, and what became of its rows."""
        counts = loaded or Loaded()
        self._connection.execute(
            "UPDATE runs SET finished_at = $finished_at, outcome = $outcome, rows_read = $rows_read,"
            " rows_loaded = $new, rows_replaced = $replaced, rows_unchanged = $unchanged,"
            " rows_rejected = $rejected, newest_sample = $newest, message = $message"
            " WHERE run_id = $run_id AND step = $step AND source IS NOT DISTINCT FROM $source"
            " AND outcome = 'running'",
            {
                "run_id": run_id,
                "step": step,
                "source": source,
                "finished_at": naive(finished_at or datetime.now(UTC)),
                "outcome": outcome,
                "rows_read": rows_read,
                "new": counts.new,
                "replaced": counts.replaced,
                "unchanged": counts.unchanged,
                "rejected": counts.rejected,
                "newest": naive(counts.newest_sample) if counts.newest_sample else None,
                "message": message,
            },
        )

    def watermark(self, source: str, target: str | None = None) -> datetime | None:
        """The newest sample that a source, or one target of it, has brought; its next pull starts there."""
        return watermarks.watermark(self._connection, source, target)

    def watermark_targets(self, source: str) -> set[str]:
        """Targets of a source that have a watermark of their own."""
        return watermarks.targets(self._connection, source)

    def list_targets(self, source: str, listed: Collection[str]) -> None:
        """Notes all targets of a source: they inherit its watermark, those it has no more are forgotten."""
        with self._transaction():
            watermarks.inherit(self._connection, source, set(listed))
            watermarks.forget_targets(self._connection, source, listed)

    def set_watermark(
        self, source: str, newest: datetime, now: datetime | None = None, *, target: str | None = None
    ) -> None:
        """Moves the watermark of a source, or of one target of it, back as well as forth."""
        with self._transaction():
            watermarks.set_watermark(self._connection, source, target, newest, now or datetime.now(UTC))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None
