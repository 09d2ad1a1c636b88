"""Options that several commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from headroom.jobs.run import Run

SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", "-c", help="Settings file; default $HEADROOM_SETTINGS or ./headroom.toml."),
]
Since = Annotated[
    str | None,
    typer.Option(help="Only what was measured from then on: 2026-11-01 or 2026-11-01T06:00Z (UTC)."),
]
Until = Annotated[str | None, typer.Option(help="Only what was measured before then (UTC).")]
PORTS = 65535
"""The highest port."""


def said(error: OSError) -> str:
    """Why a file cannot be written, in the system's words: some libraries put their own around them."""
    return os.strerror(error.errno) if error.errno else str(error).partition(" (os error")[0]


def moment(text: str | None, option: str) -> datetime | None:
    """Reads a time given on the command line; without a zone it is UTC.

    Raises:
        ConfigError: it is not a time.
    """
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"{option}: {text!r} is not a time; write 2026-11-01 or 2026-11-01T06:00Z"
        ) from error
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


@contextmanager
def opened(settings_file: Path | None) -> Iterator[Run]:
    """A run on the writable store of the settings."""
    from data.store import Store
    from headroom.jobs.run import Run, clock, new_run_id
    from headroom.settings import load

    settings = load(settings_file)
    with Store.open(settings.store_path, wait_seconds=settings.store.lock_wait_seconds) as store:
        now = clock()  # after waiting for another writer
        yield Run(settings, store, now, new_run_id(now))


def print_table(table: Table) -> None:
    """Prints a table as wide as the terminal, or wide enough for a file."""
    from rich.console import Console

    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(table)
