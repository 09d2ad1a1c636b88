"""The writer's lock: at most one process writes a store at a time."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from data.errors import StoreLocked, StoreUnavailable

POLL_SECONDS = 0.05


class WriterLock:
    """A file beside the store that names the writing process and is held through the kernel.

    The kernel lets go of it when the process ends, however it ends: what a killed writer leaves behind is a
    file with the number of a dead process, which the next writer takes over. A number alone could not be
    trusted, because numbers are given out again.
    """

    def __init__(self, store: Path) -> None:
        self.store = store
        self.path = store.with_name(store.name + ".lock")
        self._handle: int | None = None

    def acquire(self, wait_seconds: float = 0) -> Self:
        """Takes the lock, waiting up to `wait_seconds` for another writer to end.

        Raises:
            StoreLocked: another writer still holds it; names its process.
            StoreUnavailable: the folder cannot be written.
        """
        deadline = time.monotonic() + wait_seconds
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreUnavailable(f"cannot write beside {self.store}: {error.strerror}") from error
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() >= deadline:
                    os.close(handle)
                    raise StoreLocked(self.store, self.holder()) from None
                time.sleep(POLL_SECONDS)
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(handle)
            raise StoreUnavailable(f"cannot write beside {self.store}: {error.strerror}") from error
        self._handle = handle
        return self

    def holder(self) -> int | None:
        """The process that took the lock last, None where the file does not say."""
        try:
            return int(self.path.read_text().strip())
        except (OSError, ValueError):
            return None

    def release(self) -> None:
        """Lets go; the file stays (removing it would let two writers hold two files of that name)."""
        if self._handle is not None:
            os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
