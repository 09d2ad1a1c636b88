"""Prometheus without a server: settings, names, and replies that are none."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from data.errors import ConfigError, SourceError
from data.series import Window
from headroom.sources import build
from ingest.prometheus import Prometheus
from ingest.prometheus_presets import PRESETS, Query
from tests.standin import Asked, Reply, standing_in

START = datetime(2024, 5, 1, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=1))
CPU = Query("cpu", "cores", "demand", peak="peak", capacity="capacity")


def matrix(*series: tuple[dict[str, str], list[Any]]) -> Reply:
    found = [{"metric": labels, "values": points} for labels, points in series]
    return Reply(200, {"status": "success", "data": {"resultType": "matrix", "result": found}})


def pulled(answer: Any, window: Window = WINDOW, **settings: Any) -> list[Any]:
    with standing_in(answer) as (url, _):
        options = {"presets": (), "queries": (CPU,), "requests_per_second": 1e6, "attempts": 1, **settings}
        return list(Prometheus(url, **options).pull(window))


def test_an_interval_is_named_by_its_start_and_only_whole_ones_are_asked() -> None:
    spans = []

    def answer(asked: Asked) -> Reply:
        form = dict(pair.split("=") for pair in asked.body.decode().split("&"))
        spans.append((int(form["start"]), int(form["end"])))
        return matrix(({"instance": "a:1"}, [[int(form["start"]), "1"]]))

    window = Window(START + timedelta(seconds=1), START + timedelta(minutes=59))
    (batch,) = pulled(answer, window)
    epoch = int(START.timestamp())
    assert set(spans) == {(epoch + 600, epoch + 3_300)}
    assert batch.samples["ts"].to_list() == [START + timedelta(minutes=5)]


def test_a_peak_is_never_below_the_mean_and_a_missing_capacity_is_unknown() -> None:
    def answer(asked: Asked) -> Reply:
        if b"query=capacity" in asked.body:
            return matrix()
        amount = "2.0" if b"query=demand" in asked.body else "1.9"
        return matrix(({"instance": "a:1"}, [[START.timestamp() + 300, amount]]))

    (batch,) = pulled(answer)
    assert batch.samples.select("value", "value_max", "capacity").row(0) == (2.0, 2.0, None)


def test_a_series_without_the_label_of_its_name_is_rejected() -> None:
    (batch,) = pulled(lambda _: matrix(({"job": "node"}, [[START.timestamp() + 300, "1"]])))
    assert batch.samples.height == 0
    assert batch.rejected["reason"].to_list() == ["a label of the name {instance} is missing"]
    assert batch.rejected["raw"].to_list() == ['{"job": "node"}']


@pytest.mark.parametrize(
    "body",
    [
        "null",
        "[]",
        '{"status": "error", "error": "no"}',
        '{"status": "success"}',
        '{"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}}',
        '{"status": "success", "data": {"resultType": "matrix", "result": [{}]}}',
        *(
            '{"status": "success", "data": {"resultType": "matrix", "result":'
            f' [{{"metric": {{"instance": "a"}}, "values": {values}}}]}}}}'
            for values in ("[[1]]", "3", '[["soon", "1"]]', '[[1e400, "1"]]', '[[1, "x"]]')
        ),
    ],
)
def test_replies_that_are_none(body: str) -> None:
    with pytest.raises(SourceError) as caught:
        pulled(lambda _: Reply(200, body))
    assert "\n" not in str(caught.value)


def test_any_bytes_end_in_a_batch_or_a_source_error() -> None:
    """A sound reply with some bytes changed, 300 times over."""
    point = [START.timestamp() + 300, "1.5"]
    sound = matrix(({"instance": "a:1"}, [point]), ({"instance": "b:1"}, [point]))
    text = bytearray(json.dumps(sound.body).encode())
    chance = random.Random(1)

    def answer(_: Asked) -> Reply:
        mutated = bytearray(text)
        for _ in range(chance.randint(1, 4)):
            mutated[chance.randrange(len(mutated))] = chance.choice(b'{}[]",:0189eE-.\\n\xff\x00a')
        return Reply(200, bytes(mutated))

    usable = 0
    with standing_in(answer) as (url, _):
        source = Prometheus(url, presets=(), queries=(CPU,), requests_per_second=1e6, attempts=1, peaks=False)
        for _ in range(300):
            try:
                usable += sum(
                    batch.samples.height + batch.rejected.height > 0 for batch in source.pull(WINDOW)
                )
            except SourceError as error:
                assert "\n" not in str(error)
    assert usable > 0


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"presets": ["node_exporters"]}, "did you mean 'node_exporter'"),
        ({"presets": []}, "neither a preset nor a query"),
        ({"step": "soon"}, "step: 'soon' is no length of time"),
        ({"url": "here"}, "is no address"),
        ({"queries": [{"metric": "cpu", "unit": "GiB", "demand": "x"}]}, "'GiB' is no unit of cpu"),
        ({"requests_per_second": 0}, "is not above 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(setting: dict[str, Any], message: str, tmp_path: Any) -> None:
    with pytest.raises(ConfigError, match=message):
        build("x", {"kind": "prometheus", "url": "http://127.0.0.1:1", **setting}, tmp_path)


def test_every_query_of_the_presets_leaves_no_placeholder() -> None:
    for selector in ("", 'job="node"'):
        source = Prometheus("http://127.0.0.1:1", selector=selector, instance="nodename")
        for queries in PRESETS.values():
            for query in queries:
                for text in (query.demand, query.peak, query.capacity):
                    assert "$" not in source._text(text).replace('"$1"', "")
