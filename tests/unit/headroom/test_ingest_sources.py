"""The ingest job with sources that know their inventory, and with one that must hear what was loaded."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from data.errors import UnknownName
from data.frames import RESOURCE_SCHEMA
from data.store import Store
from headroom.jobs.ingest import ingest
from headroom.jobs.inventory import completed
from headroom.jobs.run import Run
from headroom.settings import Settings, load
from headroom.sources import configured
from ingest.landing import Kind, Landing, segments
from tests.unit.ingest.payloads import START, node_scrape

NOW = START + timedelta(hours=2)


def settings(folder: Path, text: str) -> Settings:
    (folder / "headroom.toml").write_text(text)
    return load(folder / "headroom.toml", {})


def land(folder: Path, seconds: range) -> None:
    with Landing(folder / "var" / "landing", 2**30) as landing:
        for at in seconds:
            landing.append(Kind.REMOTE_WRITE, node_scrape(at), NOW)


def test_what_was_pushed_is_loaded_without_being_configured_and_only_once(tmp_path: Path) -> None:
    chosen = settings(tmp_path, "")
    assert configured(chosen) == {}
    land(tmp_path, range(0, 601, 60))
    assert list(configured(chosen)) == ["landing"]
    with Store.open(chosen.store_path) as store:
        (looked,) = ingest(Run(chosen, store, NOW, "1"), dry_run=True)
        assert looked.loaded.new > 0
        assert len(segments(tmp_path / "var" / "landing", ".sealed")) == 1, "a dry run forgets nothing"
        (first,) = ingest(Run(chosen, store, NOW, "2"))
        assert first.error is None and first.loaded.new == looked.loaded.new
        assert segments(tmp_path / "var" / "landing", ".sealed") == []
        (second,) = ingest(Run(chosen, store, NOW, "3"))
        assert (second.read, second.loaded.new) == (0, 0)
        land(tmp_path, range(600, 1_201, 60))
        (third,) = ingest(Run(chosen, store, NOW, "4"))
        assert third.loaded.new > 0 and third.loaded.rejected == 0
        panel = store.panel("hour", metrics=["cpu"])
    assert panel.demand[0, 0] == pytest.approx(0.5)
    assert panel.capacity[0, 0] == 2.0


def test_what_came_while_other_sources_were_loaded_does_not_come_from_the_future(tmp_path: Path) -> None:
    """The run began two hours ago; what was pushed since then would be lost if it were rejected."""
    chosen = settings(tmp_path, "")
    land(tmp_path, range(0, 7_201, 60))
    with Store.open(chosen.store_path) as store:
        run = Run(chosen, store, START, "1", began=time.monotonic() - 7_200)
        (summary,) = ingest(run)
    assert (summary.error, summary.loaded.rejected) == (None, 0)
    assert summary.loaded.newest_sample == START + timedelta(minutes=118), "the last minute still fills"


def test_a_source_brings_its_inventory(tmp_path: Path) -> None:
    chosen = settings(tmp_path, '[source.here]\nkind = "host"\nname = "this"\ninterval = 0.1\ncount = 1\n')
    now = datetime.now(UTC)
    with Store.open(chosen.store_path) as store:
        (summary,) = ingest(Run(chosen, store, now, "1"))
        assert summary.error is None and summary.loaded.new > 0
        kinds = dict(store._connection.execute("SELECT resource, kind FROM resources").fetchall())
    assert kinds["this"] == "server"
    assert set(kinds.values()) <= {"server", "volume"}


def test_what_people_wrote_down_wins_and_what_they_left_open_is_filled(tmp_path: Path) -> None:
    """The host says it is a server; the file says whose it is. No run makes a version more than the first."""
    (tmp_path / "resources.csv").write_text("resource,kind,service,site\nthis,vm,shop,\nthat,vm,shop,attic\n")
    (tmp_path / "services.csv").write_text("service,team\nshop,blue\n")
    files = '[inventory]\nresources = ["resources.csv"]\nservices = ["services.csv"]\n'
    host = '[source.here]\nkind = "host"\nname = "this"\ninterval = 0.1\ncount = 1\n'
    chosen = settings(tmp_path, files + host)
    now = datetime.now(UTC)
    with Store.open(chosen.store_path) as store:
        for number in range(3):
            (summary,) = ingest(Run(chosen, store, now + timedelta(minutes=number), str(number)))
            assert summary.error is None
            rows = store.frame("resource_versions").filter(pl.col("resource").is_in(["this", "that"]))
            told = rows.select("resource", "kind", "service", "site").rows()
            assert sorted(told) == [("that", "vm", "shop", "attic"), ("this", "vm", "shop", None)]


def test_a_cell_that_the_file_leaves_empty_is_filled_by_the_source() -> None:
    stated = frame(
        [
            {"resource": "a", "kind": "vm", "service": "shop"},
            {"resource": "b", "kind": "vm", "site": "attic"},
            {"resource": "b", "kind": "vm", "valid_from": START},
        ]
    )
    found = [
        frame([{"resource": "a", "kind": "server", "service": "other", "instance_type": "m5.large"}]),
        frame([{"resource": "b", "kind": "server", "site": "cellar", "provider": "aws"}]),
        frame([{"resource": "a", "kind": "server", "instance_type": "old", "provider": "aws"}]),
    ]
    rows = completed(stated, found).select("resource", "kind", "service", "site", "provider", "instance_type")
    assert rows.rows() == [
        ("a", "vm", "shop", None, "aws", "m5.large"),
        ("b", "vm", None, "attic", "aws", None),
        ("b", "vm", None, None, None, None),  # history stays as it was written
    ]


def frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=RESOURCE_SCHEMA)


def test_a_source_whose_inventory_cannot_be_read_says_so(tmp_path: Path) -> None:
    text = '[source.far]\nkind = "prometheus"\nurl = "http://127.0.0.1:9"\nattempts = 1\n'
    chosen = settings(tmp_path, text)
    with Store.open(chosen.store_path) as store:
        (summary,) = ingest(Run(chosen, store, NOW, "1"), sleep=lambda _: None)
    assert summary.error is not None and "cannot be reached" in summary.error


def test_a_name_that_is_no_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown source 'pushed'"):
        configured(settings(tmp_path, ""), "pushed")
