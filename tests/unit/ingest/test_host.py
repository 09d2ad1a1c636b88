"""This machine: what is measured agrees with what the kernel says."""

from __future__ import annotations

import os

import psutil
import pytest

from data.errors import ConfigError
from ingest.host import Host, _reading


def test_every_sample_is_an_amount_within_its_capacity() -> None:
    (batch,) = Host(name="here", interval=0.2, count=1).pull(None)
    amounts = {(row["resource"], row["metric"]): row for row in batch.samples.iter_rows(named=True)}
    cpu, memory = amounts["here", "cpu"], amounts["here", "memory"]
    assert cpu["capacity"] == os.cpu_count()
    # clock ticks make the share of a short interval inexact
    assert 0 <= cpu["value"] <= cpu["capacity"] * 1.5
    assert memory["capacity"] == psutil.virtual_memory().total / 2**30
    assert 0 < memory["value"] < memory["capacity"]
    assert all(row["value"] >= 0 for row in amounts.values())


def test_a_machine_at_work_shows_at_least_the_work() -> None:
    def burn() -> None:
        end = os.times().user + 0.3
        while os.times().user < end:
            pass

    source = Host(name="here", interval=0.1, count=1)
    before = _reading()
    burn()
    after = _reading()
    rows = {row[2]: row[3] for row in source._rows(before, after) if row[1] == "here"}
    assert rows["cpu"] >= 0.25 / (after.clock - before.clock)


def test_inventory_names_what_is_measured() -> None:
    source = Host(name="here", interval=0.1, count=1)
    (batch,) = source.pull(None)
    inventory = source.inventory()
    assert set(batch.samples["resource"]) <= set(inventory.resources["resource"])
    assert set(inventory.resources["kind"]) <= {"server", "volume"}


@pytest.mark.parametrize("settings", [{"interval": 0.0}, {"count": 0}, {"interval": 1e9}])
def test_settings_that_cannot_be_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        Host(**settings)  # type: ignore[arg-type]
