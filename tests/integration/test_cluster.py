"""The work of a fan-out on real Dask workers, over loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.errors import ConfigError, SourceError, SourceUnavailable
from data.exchange import packed
from data.outcome import Forecast
from data.panel import HOUR, Panel
from data.series import SeriesKey
from headroom.cluster import collected, distributed, fan_out, forget, sweep, task
from headroom.settings import ForecastSettings, Settings
from models.fanout import fan_out as in_processes
from models.forecasters.fleet import Fleet
from tests.notation import MONDAY

distributed_package = pytest.importorskip("distributed", reason="needs the extra `cluster`")
LEVELS = (0.1, 0.5, 0.9)


def panel(n: int, seed: int) -> Panel:
    rng = np.random.default_rng(seed)
    shape = 1 + 0.4 * np.sin(2 * np.pi * np.arange(500) / 24)
    demand = np.linspace(3, 60, n)[:, None] * shape * np.exp(rng.normal(0, 0.1, (n, 500)))
    return Panel.of([SeriesKey(f"vm-{seed}-{i}", "cpu") for i in range(n)], MONDAY, HOUR, demand)


PARTS = [panel(6, seed) for seed in range(3)]


def scored(marks: str, part: Panel) -> tuple[Forecast, pl.DataFrame, None]:
    """A forecast with its scores; leaves a mark of where it was made."""
    Path(marks, f"{part.keys[0].subject}-{os.getpid()}").touch()
    made, scores, _ = Fleet().forecast_scored(part, 24, LEVELS)
    return made, scores, None


def dies_once(marks: str, part: Panel) -> Forecast:
    """Takes its worker down the first time it is asked."""
    mark = Path(marks, "died")
    if not mark.exists():
        mark.touch()
        os._exit(1)
    return Fleet().forecast(part, 24, LEVELS)


def always_dies(part: Panel) -> Forecast:
    os._exit(1)


def takes_long(part: Panel) -> Forecast:
    time.sleep(60)
    raise AssertionError("its scheduler should be gone by now")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    from distributed import LocalCluster

    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
    ) as cluster:
        yield cluster.scheduler_address


@pytest.mark.slow
def test_workers_give_what_one_process_gives(scheduler: str, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    work = partial(scored, str(marks))
    settings = Settings(
        forecast=ForecastSettings(engine="dask", scheduler=scheduler, exchange=str(tmp_path / "exchange"))
    )
    got = list(fan_out(work, PARTS, settings))
    assert os.getpid() not in {int(mark.name.split("-")[-1]) for mark in marks.iterdir()}
    for (part, (made, scores, nothing)), (same, (here, own, _)) in zip(
        got, in_processes(work, PARTS), strict=True
    ):
        assert part is same
        assert made.quantiles.tobytes() == here.quantiles.tobytes()
        assert (made.keys, made.made_by, made.refusals) == (here.keys, here.made_by, here.refusals)
        assert scores.equals(own)
        assert nothing is None
    assert list((tmp_path / "exchange").iterdir()) == [], "what was collected is removed"


@pytest.mark.slow
def test_a_task_whose_worker_dies_is_done_by_another(scheduler: str, tmp_path: Path) -> None:
    ((_, made),) = distributed(partial(dies_once, str(tmp_path)), PARTS[:1], scheduler, tmp_path / "exchange")
    assert (tmp_path / "died").exists()
    assert made.quantiles.tobytes() == Fleet().forecast(PARTS[0], 24, LEVELS).quantiles.tobytes()


def asked(folder: Path, work: object) -> tuple[bytes, str, str]:
    from importlib.metadata import version

    import cloudpickle  # type: ignore[import-untyped]

    (folder / "x-ask.parquet").write_bytes(packed(PARTS[0]))
    return cloudpickle.dumps((version("headroom"), work)), str(folder), "x"


def test_a_task_may_run_twice(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    ask = asked(tmp_path, partial(scored, str(marks)))
    first = task(*ask)
    files = {file.name: file.read_bytes() for file in tmp_path.glob("x-*")}
    # What was done is not done again.
    for mark in marks.iterdir():
        mark.unlink()
    assert task(*ask) == first
    assert not list(marks.iterdir())
    # Without its receipt it is, to the same bytes.
    (tmp_path / "x-receipt.json").unlink()
    assert task(*ask) == first
    assert {file.name: file.read_bytes() for file in tmp_path.glob("x-*")} == files
    assert collected(tmp_path, first)[0].keys == PARTS[0].keys


def test_an_answer_that_was_changed_or_lost_is_an_error(tmp_path: Path) -> None:
    receipt = task(*asked(tmp_path, partial(scored, str(tmp_path))))
    file = tmp_path / json.loads(receipt)["files"][0]["file"]
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(SourceError, match="not what the worker wrote"):
        collected(tmp_path, receipt)
    file.unlink()
    with pytest.raises(SourceUnavailable, match="must share this folder"):
        collected(tmp_path, receipt)


def test_a_worker_of_another_version_says_so(tmp_path: Path) -> None:
    import cloudpickle

    (tmp_path / "x-ask.parquet").write_bytes(packed(PARTS[0]))
    with pytest.raises(ConfigError, match=r"the job runs 0\.0\.0"):
        task(cloudpickle.dumps(("0.0.0", None)), str(tmp_path), "x")


def test_without_a_scheduler_there_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="needs a scheduler"):
        list(distributed(len, PARTS, "", tmp_path))
    monkeypatch.setattr("headroom.cluster._PATIENCE", "500ms")
    with pytest.raises(SourceUnavailable, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        list(distributed(len, PARTS, "tcp://127.0.0.1:1", tmp_path))


class Broken(Exception):
    """The machine went down."""


@pytest.mark.parametrize("survives", range(5))
def test_giving_back_may_break_off_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, survives: int
) -> None:
    """Whatever was removed by then, the next run gets the same answer, and nothing is left after it."""
    marks = tmp_path / "marks"
    marks.mkdir()
    folder = tmp_path / "exchange"
    folder.mkdir()
    ask = asked(folder, partial(scored, str(marks)))
    first = task(*ask)
    answer = packed(collected(folder, first)[0])
    removed, unlink = 0, Path.unlink

    def breaking(file: Path, missing_ok: bool = False) -> None:
        nonlocal removed
        if removed == survives:
            raise Broken
        removed += 1
        unlink(file, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", breaking)
        try:
            forget(folder, "x")
        except Broken:
            pass
        else:
            assert survives > 3, "there are a question, a receipt and two or more answers"
    asked(folder, None)  # every run writes what it asks anew
    again = task(*ask)
    assert packed(collected(folder, again)[0]) == answer
    forget(folder, "x")
    assert list(folder.iterdir()) == []


def test_a_receipt_whose_answers_are_gone_is_not_believed(tmp_path: Path) -> None:
    ask = asked(tmp_path, partial(scored, str(tmp_path)))
    told = task(*ask)
    (tmp_path / json.loads(told)["files"][1]["file"]).unlink()
    assert collected(tmp_path, task(*ask))[1].height > 0
    (tmp_path / "x-receipt.json").write_text('{"files": 3')
    assert task(*ask) == told


def test_a_worker_without_the_folder_says_so(tmp_path: Path) -> None:
    question, _, name = asked(tmp_path, None)
    with pytest.raises(SourceUnavailable, match="must share this folder"):
        task(question, str(tmp_path / "elsewhere"), name)


def test_what_ended_runs_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    name = "0" * 32
    ours = [f"{name}-ask.parquet", f"{name}-receipt.json", f"{name}-0-{'a' * 16}.parquet"]
    drafts = [f".{one}-{'b' * 8}" for one in ours]
    others = ["notes.txt", "report.parquet", f"{name}-ask.csv"]
    now = time.time()
    for file in (*ours, *drafts, *others):
        (tmp_path / file).touch()
        os.utime(tmp_path / file, (now - 4 * 86_400, now - 4 * 86_400))
    fresh = f"{'1' * 32}-receipt.json"
    (tmp_path / fresh).touch()
    sweep(tmp_path, now)
    assert {file.name for file in tmp_path.iterdir()} == {fresh, *others}


@pytest.mark.slow
def test_work_that_kills_every_worker_is_an_error(scheduler: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"4 workers .* died of the same work, 6 series from vm-0-0 cpu on"):
        list(distributed(always_dies, PARTS[:1], scheduler, tmp_path))


@pytest.mark.slow
def test_a_worker_that_lacks_a_package_is_an_error(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("def work(part):\n    return None\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import only_here  # type: ignore[import-not-found]

    # A worker that starts just now is told our path.
    (tmp_path / "only_here.py").unlink()
    with pytest.raises(ConfigError, match="cannot run headroom: No module named 'only_here'"):
        list(distributed(only_here.work, PARTS[:1], scheduler, tmp_path / "exchange"))


_SCHEDULER = """
import asyncio, distributed
async def serve():
    async with distributed.Scheduler(host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0") as scheduler:
        print(scheduler.address, flush=True)
        await asyncio.sleep(60)
asyncio.run(serve())
"""


@pytest.fixture
def lonely() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A scheduler without workers, in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", _SCHEDULER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
        process.kill()


@pytest.mark.slow
def test_a_scheduler_without_workers_is_an_error(
    lonely: tuple[str, subprocess.Popen[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headroom.cluster._GLANCE", 0.2)
    monkeypatch.setattr("headroom.cluster._WORKERLESS", 0.5)
    with pytest.raises(SourceUnavailable, match="has no workers; start some with `dask worker tcp"):
        list(distributed(takes_long, PARTS[:1], lonely[0], tmp_path))


@pytest.mark.slow
def test_a_scheduler_that_is_lost_is_an_error(
    lonely: tuple[str, subprocess.Popen[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, process = lonely
    monkeypatch.setattr("headroom.cluster._GLANCE", 0.5)
    dying = threading.Timer(1.5, process.kill)
    dying.start()
    with pytest.raises(SourceUnavailable, match="was lost"):
        list(distributed(takes_long, PARTS[:1], address, tmp_path))
    dying.join()
