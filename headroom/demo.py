"""The sample fleet, taken through the same line as anybody's own data."""

from __future__ import annotations

import shutil
import time
from datetime import datetime
from pathlib import Path

import typer

from data.errors import ConfigError
from data.sample import sample_fleet
from data.store import Store
from headroom.jobs.everything import everything
from headroom.jobs.run import Run, clock, new_run_id
from headroom.progress import Steps
from headroom.settings import Settings, load

_MARK = ".headroom-demo"
"""A folder that carries this file was made here and may be deleted here."""

_SETTINGS = """\
# The sample fleet. `headroom --help` and the README say how to load your own data instead.
[store]
folder = "."

[inventory]
resources = "inventory/resources.csv"
services = "inventory/services.csv"
dependencies = "inventory/dependencies.csv"
capacities = "inventory/capacities.csv"
events = "inventory/events.csv"

[source.fleet]
kind = "files"
paths = ["metrics/*.parquet"]

[decide]
replay_days = 28
"""


def prepare(
    folder: Path, *, fresh: bool = False, scale: float = 1.0, seed: int = 7, steps: Steps | None = None
) -> Settings:
    """Makes and works through the sample fleet, unless it is there already; returns its settings.

    Raises:
        ConfigError: the folder holds something that was not made here.
    """
    steps = steps or Steps()
    file = folder / "headroom.toml"
    if not fresh and (folder / "published" / "current").exists():
        settings = load(file, environ={})
        steps.console.print(f"using the sample fleet in {folder}; `headroom demo --fresh` makes a new one")
        return settings
    if folder.exists():
        if any(folder.iterdir()) and not (folder / _MARK).exists():
            raise ConfigError(f"{folder} holds something else; choose another --folder")
        shutil.rmtree(folder)
    started = time.perf_counter()
    folder.mkdir(parents=True)
    (folder / _MARK).touch()
    file.write_text(_SETTINGS, encoding="utf-8")
    now = clock()
    with steps.step("Make the sample fleet"):
        sample_fleet(_last_hour(now), seed=seed, scale=scale).write_files(folder)
    settings = load(file, environ={})
    with Store.open(settings.store_path) as store:
        everything(Run(settings, store, now, new_run_id(now), steps))
    typer.echo(f"ready after {time.perf_counter() - started:.0f} s", err=True)
    return settings


def _last_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)
