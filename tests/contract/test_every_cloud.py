"""What holds for every cloud that tells resources apart by more than their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("azure.monitor.querymetrics", reason="needs the extra `azure`")
pytest.importorskip("google.cloud.monitoring_v3", reason="needs the extra `gcp`")

from data.names import Names
from data.series import Window
from data.store import Store
from headroom.jobs.ingest import ingest
from headroom.jobs.run import Run
from headroom.settings import load
from ingest.azure import Azure
from ingest.gcp import Gcp
from ingest.source import Naming, targets_of
from tests.standin import standing_in
from tests.unit.ingest import azure_replies, gcp_replies
from tests.unit.ingest.clouds import amounts, taken_in

Machine = tuple[str, str, str]
"""Target (subscription, project), place (group, zone) and name; its disk is called as the machine."""

FIRST, ELSEWHERE, OF_OTHERS = ("one", "p-b", "web-1"), ("one", "p-a", "web-1"), ("another", "p-b", "web-1")


@contextmanager
def azure(*machines: Machine, cores: int = 4) -> Iterator[Azure]:
    estate = []
    for target, group, name in machines:
        where = {"group": group, "subscription": target}
        estate += [azure_replies.machine(name, cores=cores, **where), azure_replies.disk(name, **where)]
    with standing_in(azure_replies.answering(*estate)) as (url, _):
        subscriptions = tuple(dict.fromkeys(target for target, _, _ in machines))
        yield Azure(subscriptions, "AZURE_TEST_TOKEN", ("vm", "disks"), management_url=url, metrics_url=url)


@contextmanager
def gcp(*machines: Machine, cores: int = 4) -> Iterator[Gcp]:
    estate = [
        gcp_replies.machine(name, zone=zone, project=target, disks={"persistent-disk-0": name}, cores=cores)
        for target, zone, name in machines
    ]
    series = [(name, zone, target) for target, zone, name in machines]
    with gcp_replies.cloud(
        lambda request: gcp_replies.time_series(request, series), gcp_replies.computing(*estate)
    ) as settings:
        projects = tuple(dict.fromkeys(target for target, _, _ in machines))
        yield Gcp(**settings | {"projects": projects, "services": ("compute", "disks")})


Cloud = Callable[..., AbstractContextManager[Azure | Gcp]]


@pytest.fixture(params=[azure, gcp])
def cloud(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    for name in ("AZURE_TEST_TOKEN", "GCP_TEST_TOKEN"):
        monkeypatch.setenv(name, "the-token")
    return request.param  # type: ignore[no-any-return]


def window(source: Azure | Gcp) -> Window:
    start = azure_replies.START if isinstance(source, Azure) else gcp_replies.START
    return Window(start, start + timedelta(hours=1))


def seen(source: Azure | Gcp, names: Names) -> dict[str, str]:
    """Kinds by name, target by target as a run asks them, which must be those of the samples too."""
    assert isinstance(source, Naming)
    found: dict[str, str] = {}
    for one in targets_of(source.calling(names)).values():
        assert isinstance(one, Azure | Gcp)
        listed = one.inventory().resources
        assert listed["resource"].is_unique().all()
        told = dict(listed.select("resource", "kind").rows())
        assert not told.keys() & found.keys(), "no two targets use one name"
        samples = pl.concat(batch.samples for batch in one.pull(window(source)))
        assert set(samples["resource"]) == told.keys()
        assert samples.select("ts", "resource", "metric").is_unique().all()
        found |= told
    return found


@contextmanager
def run(source: Azure | Gcp, folder: Path, until: datetime) -> Iterator[Store]:
    """Ingests as the program does, some time after `until`; gives the store."""
    (folder / "headroom.toml").write_text("")
    settings = load(folder / "headroom.toml", {})
    configured = {one.name: getattr(source, one.name) for one in fields(source) if one.name != "names"}
    table = {"kind": type(source).__name__.lower(), **configured}
    settings = settings.model_copy(update={"source": {"cloud": table}})
    with Store.open(settings.store_path) as store:
        (summary,) = ingest(Run(settings, store, until + timedelta(minutes=20), "run"))
        assert summary.error is None
        yield store


def test_a_machine_its_disk_and_others_of_the_name_are_several_resources(cloud: Cloud) -> None:
    with cloud(FIRST, ELSEWHERE, OF_OTHERS) as source:
        found = seen(source, Names())
    assert sorted(found.values()) == ["vm"] * 3 + ["volume"] * 3
    # Each is measured by itself, not as the sum of all, nor as the last of them.
    with cloud(FIRST, ELSEWHERE, OF_OTHERS) as source:
        measured = amounts(taken_in(source, window(source)), window(source).start)
    for name, kind in found.items():
        flow = (1.0, 2.0) if kind == "vm" else (3.0, 4.0)
        for metric, amount in zip(("network_in", "network_out"), flow, strict=True):
            assert measured[name, metric][0] == pytest.approx(amount)


def test_a_name_stays_when_others_of_the_name_come_and_go(cloud: Cloud) -> None:
    names = Names()
    with cloud(FIRST) as source:
        first = seen(source, names)
    assert first["web-1"] == "vm", "alone it is called what everybody calls it"
    with cloud(FIRST, ELSEWHERE, OF_OTHERS) as source:
        every = seen(source, names)
    assert first.items() <= every.items() and len(every) == 6
    with cloud(ELSEWHERE, OF_OTHERS) as source:
        rest = seen(source, names)
    assert rest.items() <= every.items() and "web-1" not in rest


def test_names_are_kept_from_run_to_run(cloud: Cloud, tmp_path: Path) -> None:
    """Through the store, as `headroom ingest` does: the second machine comes a day later."""
    kept: dict[object, object] = {}
    for machines in ((FIRST,), (ELSEWHERE, OF_OTHERS, FIRST)):
        with cloud(*machines) as source, run(source, tmp_path, window(source).end) as store:
            count = len(kept)
            kept |= dict(store.frame("resources_now").select("resource", "site").rows())
            named = store.names().given
            hosts = store.frame("samples_of", metric="network_in")["resource"].unique().to_list()
    assert count == 2 and len(kept) == 6
    (holder,) = [identity for identity, (_, name) in named.items() if name == "web-1"]
    assert "p-b" in holder and "another" not in holder, "the first kept its name"
    assert sorted(hosts) == sorted(kept)


def test_what_was_measured_before_a_resize_is_of_the_size_of_its_time(cloud: Cloud, tmp_path: Path) -> None:
    """The hour before is asked for again, and must not be taken for one of the new size."""
    hour = None
    for cores, hours in ((4, 2), (8, 4)):
        with cloud(FIRST, cores=cores) as source:
            until = window(source).start + timedelta(hours=hours)
            with run(source, tmp_path, until) as store:
                panel = store.panel("hour", subjects=["web-1"], metrics=["cpu", "memory"])
        measured = dict(zip((key.metric for key in panel.keys), panel.demand[:, 1], strict=True))
        held = dict(zip((key.metric for key in panel.keys), panel.capacity[:, 1], strict=True))
        hour = hour or (measured, held)
        assert (measured, held) == hour == ({"cpu": 1.0, "memory": 4.0}, {"cpu": 4.0, "memory": 16.0})


def test_a_machine_set_up_anew_elsewhere_carries_on(cloud: Cloud) -> None:
    names = Names()
    with cloud(FIRST) as source:
        seen(source, names)
    with cloud(ELSEWHERE) as source:
        assert seen(source, names)["web-1"] == "vm"
