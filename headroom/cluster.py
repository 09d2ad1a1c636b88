"""Cluster: the work of a fan-out on other machines, by Dask.

A task is a partition of series in a Parquet file, its answer one Parquet file per part, named in a receipt
with the content hashes. Both lie in a folder that the workers share. A file's name is made of what is asked
and of the partition, and it appears whole or not at all: a task that runs twice, because a worker was lost or
a run was broken off, writes the same files, and one that was done already is not done again.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from data.errors import ConfigError, SourceError, SourceUnavailable
from data.exchange import Answer, packed, unpacked
from data.panel import Panel
from headroom.settings import Settings
from models import fanout
from models.fanout import T

_RETRIES = 2
"""How often a task that failed is tried again, on another worker where there is one."""
_PATIENCE = "20s"
"""How long the scheduler may take to answer."""


def fan_out(
    work: Callable[[Panel], T], parts: Sequence[Panel], settings: Settings
) -> Iterator[tuple[Panel, T]]:
    """Yields every part with what `work` made of it, in order, by the engine of the settings.

    Raises:
        ConfigError: Dask is asked for but not installed, or no scheduler is named.
        SourceUnavailable: the scheduler or the shared folder cannot be reached.
        SourceError: an answer is not what its receipt says.
    """
    if settings.forecast.engine == "dask":
        chosen = settings.forecast.exchange
        folder = settings.root / chosen if chosen else settings.folder / "exchange"
        return distributed(work, parts, settings.forecast.scheduler, folder)
    return fanout.fan_out(work, parts, settings.processes)


def distributed(
    work: Callable[[Panel], T], parts: Sequence[Panel], scheduler: str, folder: Path
) -> Iterator[tuple[Panel, T]]:
    """The same on the workers of a Dask scheduler, through files in `folder`."""
    try:
        import cloudpickle  # type: ignore[import-untyped]
        from distributed import Client
    except ImportError as error:
        raise ConfigError('engine = "dask" needs the extra: pip install "headroom[cluster]"') from error
    if not scheduler:
        raise ConfigError('engine = "dask" needs a scheduler, e.g. scheduler = "tcp://planner:8786"')
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceUnavailable(f"{folder}: cannot be made: {error.strerror}") from error
    # What another version of the program made is no answer to this one.
    asked = cloudpickle.dumps((version("headroom"), work))
    try:
        client = Client(  # type: ignore[no-untyped-call]
            scheduler, timeout=_PATIENCE, set_as_default=False
        )
    except (OSError, ValueError, TimeoutError) as error:
        raise SourceUnavailable(f"no Dask scheduler answers at {scheduler}") from error
    with client:
        names, tasks = [], []
        for part in parts:
            content = packed(part)
            name = hashlib.sha256(asked + content).hexdigest()[:32]
            names.append(name)
            write_whole(folder / f"{name}-ask.parquet", content)
            tasks.append(
                client.submit(
                    task, asked, str(folder.resolve()), name, key=f"headroom-{name}", retries=_RETRIES
                )
            )
        for part, name, answer in zip(parts, names, tasks, strict=True):
            yield part, collected(folder, answer.result())
            # Only a run that was broken off leaves what it can be continued from.
            for done in folder.glob(f"{name}-*"):
                done.unlink(missing_ok=True)


def task(asked: bytes, folder: str, name: str) -> str:
    """What a worker does: reads the partition, works, writes answers and receipt; returns the receipt."""
    import cloudpickle

    place = Path(folder)
    receipt = place / f"{name}-receipt.json"
    if receipt.exists():
        return receipt.read_text(encoding="utf-8")
    theirs, work = cloudpickle.loads(asked)
    if theirs != version("headroom"):
        raise ConfigError(f"this worker runs headroom {version('headroom')}, the job runs {theirs}")
    part = unpacked((place / f"{name}-ask.parquet").read_bytes())
    made = next(fanout.fan_out(work, [part]))[1]
    answers: tuple[Answer, ...] = made if isinstance(made, tuple) else (made,)
    files = []
    for i, answer in enumerate(answers):
        content = packed(answer)
        digest = hashlib.sha256(content).hexdigest()
        file = f"{name}-{i}-{digest[:16]}.parquet"
        write_whole(place / file, content)
        files.append({"file": file, "sha256": digest})
    told = json.dumps({"several": isinstance(made, tuple), "files": files})
    write_whole(receipt, told.encode())
    return told


def collected(folder: Path, receipt: str) -> Any:
    """What the work returned, read from the files of a receipt and held against their hashes."""
    told = json.loads(receipt)
    answers = []
    for entry in told["files"]:
        file = folder / entry["file"]
        try:
            content = file.read_bytes()
        except OSError as error:
            raise SourceUnavailable(
                f"{file}: {error.strerror}; the workers must share this folder under the same path"
            ) from error
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise SourceError(f"{file}: not what the worker wrote; remove the folder and run again")
        answers.append(unpacked(content))
    return tuple(answers) if told["several"] else answers[0]


def write_whole(file: Path, content: bytes) -> None:
    """Writes a file that appears whole or not at all."""
    draft = file.with_name(f".{file.name}-{secrets.token_hex(4)}")
    draft.write_bytes(content)
    draft.replace(file)
