"""Published: the newest published snapshot, reopened when the pointer moves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.estate import Estate
from data.app_state import AppState
from data.publish import POINTER
from data.snapshot import Snapshot
from models.pricing import Pricer


@dataclass(slots=True)
class Published:
    """Hands out the estate of the newest snapshot; safe to call from many threads.

    Opening is asked for once per request. `open_snapshot` may return the object it returned before: as
    long as its run is the same, what was read of it is kept.
    """

    open_snapshot: Callable[[], Snapshot]
    state: AppState | None = None
    """Decisions and saved scenarios; None = nothing can be decided or saved."""
    pricer: Callable[[], Pricer] | None = None
    """Prices with the lists of one's own; None = as far as they travel with the run."""
    _estate: Estate | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def estate(self) -> Estate:
        """The estate to answer a request from.

        An answer in the making keeps the snapshot it started with, so one page never mixes two runs.

        Raises:
            StoreUnavailable: when nothing is published yet.
        """
        with self._lock:
            snapshot = self.open_snapshot()
            if self._estate is None or self._estate.snapshot is not snapshot:
                self._estate = Estate(snapshot)
            return self._estate


def follow(folder: Path) -> Callable[[], Snapshot]:
    """A callable that gives the run the pointer names, opened anew only when the pointer has moved.

    The snapshot before it is not closed: a request in another thread may still read it. It closes when
    the last of them lets it go.
    """
    newest: tuple[tuple[str, int], Snapshot] | None = None
    pointer = folder / POINTER

    def open_newest() -> Snapshot:
        nonlocal newest
        try:
            named = (pointer.read_text(encoding="utf-8"), pointer.stat().st_mtime_ns)
        except FileNotFoundError:
            named = ("", 0)
        if newest is None or newest[0] != named:
            newest = (named, Snapshot.open(folder))
        return newest[1]

    return open_newest
