"""Errors a caller can act on. Anything else is a bug and keeps its own type.

* HeadroomError
  x ConfigError          the operator must change a file or a flag
  x SourceError          a source answered, but not usefully
    + SourceUnavailable  worth another try; only these are retried
  x StoreUnavailable     the store is missing, unreadable, or newer than the program
    + StoreLocked        another process is writing; says which
  x UnknownName          asked for a resource, service, metric, policy … nobody knows
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class HeadroomError(Exception):
    """Base of every error that the command line prints as one line, without a traceback."""


class ConfigError(HeadroomError):
    """The settings name something that does not exist or cannot be."""


class SourceError(HeadroomError):
    """A source answered, but not with something we can use."""


class SourceUnavailable(SourceError):
    """The source could not be reached; the same call may succeed later."""


class StoreUnavailable(HeadroomError):
    """The store cannot be opened."""


class StoreLocked(StoreUnavailable):
    """Another process holds the writer's lock."""

    def __init__(self, path: Path, pid: int | None) -> None:
        self.path = path
        self.pid = pid
        holder = f"process {pid}" if pid is not None else "another process"
        super().__init__(f"{path} is being written by {holder}; wait for it to end")


class UnknownName(HeadroomError):
    """Nobody knows the name; says what comes close."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=3)
        if near:
            hint = f"did you mean {', '.join(near)}?"
        elif names:
            hint = f"there are {', '.join(names[:12])}{' …' if len(names) > 12 else ''}"
        else:
            hint = "there are none"
        super().__init__(f"unknown {kind} {name!r}; {hint}")
