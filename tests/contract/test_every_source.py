"""What holds for every source in the registry. A new one is tested by being listed, with its case."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.errors import ConfigError, SourceError
from data.frames import REJECTED_SCHEMA, SAMPLE_SCHEMA, Batch
from data.series import Window
from headroom.sources import build
from ingest.registry import SOURCES
from ingest.source import Source
from tests.contract.source_cases import CASES, SourceCase

_watching: list[list[str]] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook: hooks cannot be taken out again, so it does nothing while nobody watches."""
    if _watching and event in (
        "open",
        "socket.connect",
        "socket.getaddrinfo",
        "subprocess.Popen",
        "glob.glob",
    ):
        _watching[-1].append(f"{event} {arguments[0]}")


sys.addaudithook(_watch)


@contextmanager
def watched() -> Iterator[list[str]]:
    """Collects what is opened, connected to or started."""
    seen: list[str] = []
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching.pop()


@pytest.fixture(params=sorted(SOURCES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def case(kind: str, tmp_path: Path) -> Iterator[SourceCase]:
    case = CASES[kind](tmp_path)
    yield case
    case.close()


def source_of(kind: str, settings: dict[str, Any], folder: Path) -> Source:
    return build(kind, {"kind": kind, **settings}, folder)


def pulled(source: Source, window: Window | None) -> list[Batch]:
    return list(source.pull(window))


def test_every_source_has_a_case() -> None:
    assert set(CASES) == set(SOURCES)


def test_constructing_touches_nothing(kind: str, case: SourceCase, tmp_path: Path) -> None:
    source_of(kind, case.settings, tmp_path)  # imports are done by now
    with watched() as seen:
        source_of(kind, case.settings, tmp_path)
    assert seen == []
    with watched() as seen:
        pulled(source_of(kind, case.settings, tmp_path), None)
    assert seen, "pulling opens nothing: the watch sees too little to prove anything"


def test_frames_have_the_schema_and_rejections_a_reason(kind: str, case: SourceCase, tmp_path: Path) -> None:
    batches = pulled(source_of(kind, case.settings, tmp_path), None)
    assert sum(batch.samples.height for batch in batches) > 0
    for batch in batches:
        assert dict(batch.samples.schema) == SAMPLE_SCHEMA
        assert dict(batch.rejected.schema) == REJECTED_SCHEMA
        assert batch.rejected["reason"].null_count() == 0
        assert batch.rows_read >= 0


def test_pulling_twice_yields_the_same(kind: str, case: SourceCase, tmp_path: Path) -> None:
    if case.live:
        pytest.skip(f"{kind} measures anew with every pull")
    source = source_of(kind, case.settings, tmp_path)
    first, second = pulled(source, None), pulled(source, None)
    for name in ("samples", "rejected"):
        assert pl.concat(getattr(batch, name) for batch in first).equals(
            pl.concat(getattr(batch, name) for batch in second)
        )


def test_samples_lie_within_the_window_and_are_those_of_the_whole(
    kind: str, case: SourceCase, tmp_path: Path
) -> None:
    source = source_of(kind, case.settings, tmp_path)
    if case.live:
        assert sum(batch.samples.height for batch in pulled(source, case.window)) == 0
        return
    within = pl.concat(batch.samples for batch in pulled(source, case.window))
    assert within.height > 0
    assert within["ts"].is_between(case.window.start, case.window.end, closed="left").all()
    everything = pl.concat(batch.samples for batch in pulled(source, None))
    assert everything.height > within.height
    inside = pl.col("ts").is_between(case.window.start, case.window.end, closed="left")
    assert everything.filter(inside).equals(within)


def test_a_broken_answer_is_a_source_error(kind: str, case: SourceCase, tmp_path: Path) -> None:
    if case.broken is None:
        pytest.skip(f"{kind} asks nobody who could answer badly")
    with pytest.raises(SourceError) as caught:
        pulled(source_of(kind, case.broken, tmp_path), None)
    assert "\n" not in str(caught.value)


def test_a_setting_that_does_not_exist_is_named(kind: str, case: SourceCase, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[source\..*no setting 'nonsense'"):
        source_of(kind, {**case.settings, "nonsense": 1}, tmp_path)
