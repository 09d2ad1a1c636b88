"""Archive: readings that were used already, kept for a while so that late ones can join them.

One Parquet file per hour of readings and load, named by hour, number and time of arrival. What was kept
twice, as after a crash, counts once; of two readings of one series and moment the one kept later counts.
"""

from __future__ import annotations

import bisect
import contextlib
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows: an open file cannot be removed
    fcntl = None  # type: ignore[assignment]

import polars as pl

from data.errors import SourceError
from ingest.landing import still, synced
from ingest.readings import READING_SCHEMA, SERIES

FOLDER = "readings"
"""Of the archive, beside the segments."""
FILES_AT_ONCE = 8
"""Files of one hour from which on they become one."""

_HOUR = "%Y%m%d%H"
_PARTIAL = ".partial"
"""Of a file that is being written: its writer holds a lock on it, which ends with the writer."""
_NAME = re.compile(r"(\d+)-(\d+)-(-?\d+)")
"""Hour, number and when it was received."""


class _File(NamedTuple):
    path: Path
    hour: str
    number: int
    """In the order of arrival."""
    received: int
    """Microseconds since 1970 at which the newest of it was received."""


def keep(folder: Path, readings: pl.DataFrame, received: datetime) -> None:
    """Keeps readings (READING_SCHEMA); on the disk when it returns."""
    if readings.is_empty():
        return
    folder.mkdir(parents=True, exist_ok=True)
    number = max((file.number for file in _files(folder)), default=0) + 1
    micros = round(received.timestamp() * 1e6)
    for (hour,), rows in readings.group_by(pl.col("ts").dt.strftime(_HOUR), maintain_order=True):
        _write(folder / f"{hour}-{number:012d}-{micros}.parquet", rows)
    synced(folder)


class Listing:
    """What is kept at the moment of its making; asked often, as a long backfill does, it lists once."""

    def __init__(self, folder: Path) -> None:
        self._of_hour: dict[str, list[_File]] = {}
        for file in _files(folder):
            self._of_hour.setdefault(file.hour, []).append(file)
        self._hours = sorted(self._of_hour)

    def kept(self, since: datetime, until: datetime, resources: pl.Series) -> pl.DataFrame:
        """READING_SCHEMA from since to until (both included) of the resources, in the order of arrival.

        Raises:
            SourceError: a file of the archive cannot be read.
        """
        first = bisect.bisect_left(self._hours, since.astimezone(UTC).strftime(_HOUR))
        last = bisect.bisect_right(self._hours, until.astimezone(UTC).strftime(_HOUR))
        files = [file for hour in self._hours[first:last] for file in self._of_hour[hour]]
        wanted = pl.col("ts").is_between(since, until) & pl.col("resource").is_in(resources.implode())
        found = [pl.DataFrame(schema=READING_SCHEMA)]
        for file in sorted(files, key=_arrival):
            try:
                rows = pl.scan_parquet(file.path).filter(wanted).collect()
                found.append(rows.cast(READING_SCHEMA))  # type: ignore[arg-type]
            except (pl.exceptions.PolarsError, OSError) as error:
                first_line = (str(error).splitlines() or [""])[0][:200]
                raise SourceError(
                    f"{file.path}: cannot be read: {first_line}; remove it to go on without what it kept"
                ) from error
        return pl.concat(found)


def oldest(folder: Path) -> datetime | None:
    """When the oldest that is kept was received; None = nothing is kept."""
    received = min((file.received for file in _files(folder)), default=None)
    return None if received is None else datetime.fromtimestamp(received / 1e6, UTC)


def tidy(folder: Path, received: datetime, longest: timedelta) -> None:
    """Removes what arrived longer ago than that, and makes one file of many of the same hour.

    What a writer left behind that was killed goes too.
    """
    for partial in folder.glob(f"*{_PARTIAL}"):
        _remove_abandoned(partial)
    horizon = round((received - longest).timestamp() * 1e6)
    of_hour: dict[str, list[_File]] = {}
    for file in _files(folder):
        if file.received < horizon:
            file.path.unlink(missing_ok=True)
        else:
            of_hour.setdefault(file.hour, []).append(file)
    for hour, files in of_hour.items():
        if len(files) < FILES_AT_ONCE:
            continue
        try:
            rows = pl.concat([pl.read_parquet(file.path).select(*READING_SCHEMA) for file in files])
        except (pl.exceptions.PolarsError, OSError):
            continue  # `Listing.kept` names the damaged one once it is needed
        rows = rows.unique([*SERIES, "ts"], keep="last", maintain_order=True)
        newest = max(file.received for file in files)
        merged = folder / f"{hour}-{files[-1].number:012d}-{newest}.parquet"
        # Takes the place of the last one; if a crash leaves the others, they are earlier in the order.
        _write(merged, rows)
        synced(folder)
        for file in files:
            if file.path != merged:
                file.path.unlink(missing_ok=True)


def _files(folder: Path) -> list[_File]:
    """In the order of arrival."""
    found = []
    for path in folder.glob("*.parquet") if folder.is_dir() else ():
        if parts := _NAME.fullmatch(path.stem):
            found.append(_File(path, parts[1], int(parts[2]), int(parts[3])))
    return sorted(found, key=_arrival)


def _arrival(file: _File) -> tuple[int, str]:
    return file.number, file.hour


def _write(path: Path, rows: pl.DataFrame) -> None:
    partial = path.with_suffix(_PARTIAL)
    with _owned(partial) as file:
        rows.sort("resource", maintain_order=True).write_parquet(file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
        partial.replace(path)


@contextlib.contextmanager
def _owned(path: Path) -> Iterator[BinaryIO]:
    """An empty file of that name that nobody takes for abandoned while it is open."""
    while True:
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "rb+") as file:
            if fcntl is not None:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX)
                if not still(file, path):
                    continue  # it was taken for abandoned before the lock was there
            file.truncate()
            yield file
            return


def _remove_abandoned(path: Path) -> None:
    """Removes a partial file unless its writer lives."""
    # What cannot be opened or locked belongs to somebody, or is gone.
    with contextlib.suppress(OSError), path.open("rb+") as file:
        if fcntl is not None:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not still(file, path):
                return
        path.unlink()
