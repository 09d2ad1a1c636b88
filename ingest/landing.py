"""Landing: what was received but not yet loaded, in segment files that survive a crash.

A segment is a row of records, each with its length and checksum. A writer appends under a lock, flushes to
the disk, and only then may the sender be told. A reader seals segments by renaming them under the same lock,
so that nothing is appended to what was read. A record that a crash cut off was never acknowledged.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows: every segment holds one record
    fcntl = None  # type: ignore[assignment]

from data.errors import HeadroomError

SEGMENT_BYTES = 8 * 2**20
"""A segment is closed when it has grown to this."""

OPEN, SEALED = ".open", ".sealed"
_MAGIC = b"HRm1"
_HEADER = struct.Struct("<4sBqII")
"""Magic, kind, received at (microseconds since 1970), bytes, checksum."""


class Kind(IntEnum):
    """What a record holds."""

    REMOTE_WRITE = 1
    OTLP = 2
    OTLP_JSON = 3


class LandingFull(HeadroomError):
    """Too much waits to be loaded, or the disk is full; the sender should try again later."""


@dataclass(frozen=True, slots=True)
class Record:
    """One received payload."""

    kind: Kind
    received_at: datetime
    payload: bytes


@dataclass(frozen=True, slots=True)
class Torn:
    """Bytes of a segment that are no record."""

    offset: int
    length: int


class Landing:
    """The writer's side; one per process, from any thread."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self._limit = limit_bytes
        self._guard = threading.Lock()
        self._file: BinaryIO | None = None
        self._path: Path | None = None
        self._held, self._held_at = 0, -1e9

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, kind: Kind, payload: bytes, received_at: datetime) -> None:
        """Keeps the payload; when it returns, a crash or a power cut cannot lose it.

        Raises:
            LandingFull: too much waits to be loaded, or it cannot be written.
        """
        with self._guard:
            self._check_room(len(payload))
            micros = round(received_at.timestamp() * 1e6)
            checked = zlib.crc32(payload, zlib.crc32(struct.pack("<Bq", kind, micros)))
            record = _HEADER.pack(_MAGIC, kind, micros, len(payload), checked) + payload
            try:
                while not self._written(record):
                    self._close()
            except OSError as error:
                self._close()
                raise LandingFull(f"{self.folder}: cannot be written: {error.strerror or error}") from error
            self._held += len(record)

    def close(self) -> None:
        """Lets go of the open segment; it stays to be loaded."""
        with self._guard:
            self._close()

    def _check_room(self, size: int) -> None:
        now = time.monotonic()
        if now - self._held_at > 1.0:
            # Asked anew each second: other processes write here too, and loading removes.
            self._held, self._held_at = waiting_bytes(self.folder), now
        if self._held + size > self._limit:
            raise LandingFull(f"{self.folder}: {self._held:,} bytes wait to be loaded; run `headroom ingest`")

    def _written(self, record: bytes) -> bool:
        """Appends and flushes; False if a reader has sealed the segment in the meantime."""
        if self._file is None:
            self._open()
        file, path = self._file, self._path
        assert file is not None and path is not None
        with _locked(file):
            if not still(file, path):
                return False
            before = os.fstat(file.fileno()).st_size
            try:
                written = file.write(record)
                if written != len(record):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(file.fileno(), before)
                raise
        if before + len(record) >= SEGMENT_BYTES or fcntl is None:
            self._close()
        return True

    def _open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{os.getpid()}-{threading.get_ident() % 10_000:04d}{OPEN}"
        self._path = self.folder / name
        # Unbuffered: a buffered part of a failed write would be written again later.
        self._file = self._path.open("xb", buffering=0)
        synced(self.folder)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._path = None, None


def waiting_bytes(folder: Path) -> int:
    """Bytes of all segments that wait."""
    total = 0
    for path in segments(folder, OPEN) + segments(folder, SEALED):
        with contextlib.suppress(OSError):  # loaded in the meantime
            total += path.stat().st_size
    return total


def segments(folder: Path, ending: str) -> list[Path]:
    """Segments in the order in which they were begun."""
    return sorted(folder.glob(f"*{ending}")) if folder.is_dir() else []


def seal(folder: Path) -> list[Path]:
    """Closes every open segment to writers; returns all sealed ones, oldest first."""
    for path in segments(folder, OPEN):
        try:
            with path.open("rb+", buffering=0) as file, _locked(file):
                if still(file, path):
                    path.rename(path.with_suffix(SEALED))
        except FileNotFoundError:
            continue  # sealed by another reader
    return segments(folder, SEALED)


def remove(paths: list[Path]) -> None:
    """Removes what was loaded."""
    for path in paths:
        path.unlink(missing_ok=True)
    if paths:
        synced(paths[0].parent)


def records(path: Path) -> Iterator[Record | Torn]:
    """The records of a segment; what is none of them is Torn, and reading goes on behind it."""
    text = path.read_bytes()
    at = 0
    while at < len(text):
        record = _record_at(text, at)
        if record is not None:
            yield record
            at += _HEADER.size + len(record.payload)
            continue
        following = text.find(_MAGIC, at + 1)
        while following >= 0 and _record_at(text, following) is None:
            following = text.find(_MAGIC, following + 1)
        end = following if following >= 0 else len(text)
        yield Torn(at, end - at)
        at = end


def _record_at(text: bytes, at: int) -> Record | None:
    if at + _HEADER.size > len(text):
        return None
    magic, kind, micros, size, checked = _HEADER.unpack_from(text, at)
    payload = text[at + _HEADER.size : at + _HEADER.size + size]
    if magic != _MAGIC or len(payload) != size:
        return None
    if zlib.crc32(payload, zlib.crc32(struct.pack("<Bq", kind, micros))) != checked:
        return None
    try:
        return Record(Kind(kind), datetime.fromtimestamp(micros / 1e6, UTC), payload)
    except (ValueError, OverflowError, OSError):
        return None


@contextlib.contextmanager
def _locked(file: BinaryIO) -> Iterator[None]:
    if fcntl is None:
        yield
        return
    fcntl.flock(file.fileno(), fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)


def still(file: BinaryIO, path: Path) -> bool:
    """Whether the open file still has that name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def synced(folder: Path) -> None:
    """Makes names in the folder durable."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
