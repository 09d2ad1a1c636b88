"""Cluster: the work of a fan-out on other machines, by Dask.

A task is a partition of series in a Parquet file, its answer one Parquet file per part, named in a receipt
with the content hashes. Both lie in a folder that the workers share. A file's name is made of what is asked
and of the partition, and it appears whole or not at all: a task that runs twice, because a worker was lost or
a run was broken off, writes the same files, and one that was done already is not done again.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from datetime import timedelta
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
_GLANCE = 30.0
"""Seconds after which is looked whether there are workers at all."""
_WORKERLESS = 300.0
"""Seconds that there may be none: some clusters start them only when there is work."""
_LEFT = timedelta(days=3)
"""Age at which files of the exchange belong to a run that ended: no run takes that long."""
_OURS = re.compile(r"\.?[0-9a-f]{32}-(ask\.parquet|receipt\.json|\d+-[0-9a-f]{16}\.parquet)(-[0-9a-f]{8})?")
"""Names of our files and of their drafts; the folder may hold others."""


def fan_out(
    work: Callable[[Panel], T], parts: Sequence[Panel], settings: Settings
) -> Iterator[tuple[Panel, T]]:
    """Yields every part with what `work` made of it, in order, by the engine of the settings.

    Raises:
        ConfigError: Dask is asked for but not installed, or no scheduler is named.
        SourceUnavailable: the scheduler or the shared folder cannot be reached or was lost, or nobody works.
        SourceError: an answer is not what its receipt says, or workers die of the work.
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
        sweep(folder, time.time())
    except OSError as error:
        raise SourceUnavailable(f"{folder}: cannot be used: {error.strerror}") from error
    # What another version of the program made is no answer to this one.
    asked = cloudpickle.dumps((version("headroom"), work))
    try:
        client = Client(  # type: ignore[no-untyped-call]
            scheduler, timeout=_PATIENCE, set_as_default=False
        )
    except (OSError, ValueError, TimeoutError) as error:
        raise SourceUnavailable(f"no Dask scheduler answers at {scheduler}") from error
    # Under the same key the scheduler hands out what it holds for another client, whose files may be gone.
    ours = secrets.token_hex(4)
    with client:
        names, tasks = [], []
        for part in parts:
            content = packed(part)
            name = hashlib.sha256(asked + content).hexdigest()[:32]
            names.append(name)
            write_whole(folder / f"{name}-ask.parquet", content)
            key = f"headroom-{name}-{ours}"
            tasks.append(client.submit(task, asked, str(folder.resolve()), name, key=key, retries=_RETRIES))
        for part, name, answer in zip(parts, names, tasks, strict=True):
            yield part, collected(folder, _receipt(client, answer, part, scheduler))
            # Only a run that was broken off leaves what it can be continued from.
            forget(folder, name)


def _receipt(client: Any, answer: Any, part: Panel, scheduler: str) -> str:
    """The receipt of a task, once it is done; errors of Dask in our words."""
    from distributed import KilledWorker
    from distributed.comm.core import CommClosedError

    alone_since: float | None = None
    while True:
        try:
            return str(answer.result(timeout=_GLANCE))
        except TimeoutError:
            if answer.done():
                raise
        except KilledWorker as error:
            first = f" from {part.keys[0].subject} {part.keys[0].metric} on" if len(part) else ""
            raise SourceError(
                f"{error.allowed_failures + 1} workers at {scheduler} died of the same work,"
                f" {len(part)} series{first}; their logs say why, often it is too little memory"
            ) from error
        except (CancelledError, CommClosedError) as error:
            told = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise SourceUnavailable(
                f"the Dask scheduler at {scheduler} was lost: {told}; run again, what is done is kept"
            ) from error
        except ImportError as error:
            raise ConfigError(f"a worker at {scheduler} cannot run headroom: {error}") from error
        try:
            workers = len(client.nthreads())
        except (OSError, CancelledError, TimeoutError):
            continue  # the next look at the answer says what is wrong
        now = time.monotonic()
        alone_since = None if workers else now if alone_since is None else alone_since
        if alone_since is not None and now - alone_since >= _WORKERLESS:
            raise SourceUnavailable(
                f"the Dask scheduler at {scheduler} has no workers; start some with"
                f" `dask worker {scheduler} --nthreads 1`"
            )


def task(asked: bytes, folder: str, name: str) -> str:
    """What a worker does: reads the partition, works, writes answers and receipt; returns the receipt.

    Raises:
        ConfigError: the worker runs another version of the program.
        SourceUnavailable: the worker cannot read or write the shared folder.
    """
    import cloudpickle

    place = Path(folder)
    receipt = place / f"{name}-receipt.json"
    if (before := _redeemable(receipt)) is not None:
        return before
    theirs, work = cloudpickle.loads(asked)
    if theirs != version("headroom"):
        raise ConfigError(f"this worker runs headroom {version('headroom')}, the job runs {theirs}")
    try:
        content = (place / f"{name}-ask.parquet").read_bytes()
    except OSError as error:
        raise _unshared(place / f"{name}-ask.parquet", error) from error
    made = next(fanout.fan_out(work, [unpacked(content)]))[1]
    answers: tuple[Answer, ...] = made if isinstance(made, tuple) else (made,)
    files = []
    try:
        for i, answer in enumerate(answers):
            content = packed(answer)
            digest = hashlib.sha256(content).hexdigest()
            file = f"{name}-{i}-{digest[:16]}.parquet"
            write_whole(place / file, content)
            files.append({"file": file, "sha256": digest})
        told = json.dumps({"several": isinstance(made, tuple), "files": files})
        write_whole(receipt, told.encode())
    except OSError as error:
        raise _unshared(place, error) from error
    return told


def _redeemable(receipt: Path) -> str | None:
    """An earlier receipt, if everything it names is there still."""
    try:
        told = receipt.read_text(encoding="utf-8")
        if all((receipt.parent / entry["file"]).is_file() for entry in json.loads(told)["files"]):
            return told
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none, or none that says anything: the work is done again
    return None


def collected(folder: Path, receipt: str) -> Any:
    """What the work returned, read from the files of a receipt and held against their hashes."""
    told = json.loads(receipt)
    answers = []
    for entry in told["files"]:
        file = folder / entry["file"]
        try:
            content = file.read_bytes()
        except OSError as error:
            raise _unshared(file, error) from error
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise SourceError(f"{file}: not what the worker wrote; remove the folder and run again")
        answers.append(unpacked(content))
    return tuple(answers) if told["several"] else answers[0]


def forget(folder: Path, name: str) -> None:
    """Removes the files of a task, the receipt first: one that names what is gone is worth nothing."""
    (folder / f"{name}-receipt.json").unlink(missing_ok=True)
    for pattern in (f"{name}-*", f".{name}-*"):
        for done in folder.glob(pattern):
            done.unlink(missing_ok=True)


def sweep(folder: Path, now: float) -> None:
    """Removes what runs left that ended long ago (now: seconds since 1970) and were never continued."""
    old = []
    for file in folder.iterdir():
        with suppress(OSError):  # another run removed it
            if _OURS.fullmatch(file.name) and now - file.stat().st_mtime > _LEFT.total_seconds():
                old.append(file)
    # Receipts first, as in `forget`.
    for file in sorted(old, key=lambda one: not one.name.endswith("-receipt.json")):
        file.unlink(missing_ok=True)


def write_whole(file: Path, content: bytes) -> None:
    """Writes a file that appears whole or not at all."""
    draft = file.with_name(f".{file.name}-{secrets.token_hex(4)}")
    draft.write_bytes(content)
    draft.replace(file)


def _unshared(file: Path, error: OSError) -> SourceUnavailable:
    return SourceUnavailable(
        f"{file}: {error.strerror}; the workers must share this folder under the same path"
    )
