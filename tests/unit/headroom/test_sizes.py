"""Sizes of a run: which hours the policy sees, and how large a replica may be."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.decision import Size
from data.errors import ConfigError
from headroom.jobs.forecast import subjects
from headroom.jobs.run import Run
from headroom.jobs.sizes import by_metric, hours_that_count, sizes_of, stated_capacities
from headroom.settings import DecideSettings, ForecastSettings
from tests.hourly_run import MONDAY, hourly_run, hours, inventory

DAYS = 42
NEWEST = MONDAY + timedelta(hours=24 * DAYS - 1)


def cores(run: Run) -> dict[str, float]:
    """Resource -> cores the policy would hold."""
    frames = run.store.frame("resources_now"), run.store.frame("services_now")
    panel = subjects(run, "hour", NEWEST).resources
    counted, _ = hours_that_count(run, panel, *frames)
    hourly = by_metric(panel)
    found = sizes_of(run, hourly, counted, *frames, stated_capacities(run))["cpu"]
    return {
        key.subject: answer.target
        for key, answer in zip(hourly["cpu"].keys, found, strict=True)
        if isinstance(answer, Size)
    }


def workload(name: str, cluster: str) -> dict[str, object]:
    labels = f'{{"cluster": "{cluster}", "node_pool": "default", "replicas": "2"}}'
    return {"resource": name, "kind": "workload", "provider": "kubernetes", "labels": labels}


def node(name: str, cluster: str) -> dict[str, object]:
    labels = f'{{"cluster": "{cluster}", "node_pool": "default"}}'
    return {"resource": name, "kind": "server", "labels": labels}


def test_a_node_that_nobody_measures_limits_the_replicas_of_its_own_cluster(tmp_path: Path) -> None:
    known = inventory(
        [workload("e", "east"), workload("w", "west"), node("n1", "east"), node("n2", "west")],
        [
            {"resource": "n1", "metric": "cpu", "capacity": 2.0, "unit": "cores"},
            {"resource": "n2", "metric": "cpu", "capacity": 64.0, "unit": "cores"},
        ],
    )
    demand = hours(DAYS, 3.0)
    with hourly_run(tmp_path, {("e", "cpu"): demand, ("w", "cpu"): demand}, known) as run:
        found = cores(run)
    # Two replicas of at most nine tenths of a node of 2 cores; demand goes up to 6.
    assert found["e"] <= 3.6 and found["w"] > 5.0


def test_a_measured_capacity_wins_over_a_stated_one_unless_it_is_0(tmp_path: Path) -> None:
    known = inventory(
        [workload("e", "east"), node("n1", "east")],
        [{"resource": "n1", "metric": "cpu", "capacity": 2.0, "unit": "cores"}],
    )
    demand = {("e", "cpu"): hours(DAYS, 3.0), ("n1", "cpu"): hours(DAYS, 0.5)}
    with hourly_run(tmp_path, demand, known, capacity=8.0) as run:
        assert cores(run)["e"] > 5.0


@pytest.mark.parametrize(
    ("labels", "settings", "share"),
    [
        ('{"hours": "business"}', {}, 50 / 168),
        ('{"hours": "business"}', {"business_hours": "Sat 10-12"}, 2 / 168),
        ('{"hours": "Mon-Fri 08-18, Mon 09-12, Fri 17-20"}', {}, 52 / 168),
        ('{"hours": "Mon-Sun 00:00-24:00"}', {}, 1.0),
        ('{"hours": "24x7"}', {}, 1.0),
        ('{"hours": "whenever"}', {}, 1.0),
        ('{"hours": false}', {}, 1.0),
        ("no labels at all", {}, 1.0),
    ],
)
def test_what_labels_say_about_hours(
    tmp_path: Path, labels: str, settings: dict[str, Any], share: float
) -> None:
    known = inventory([{"resource": "a", "labels": labels}])
    with hourly_run(tmp_path, {("a", "cpu"): hours(DAYS)}, known, decide=DecideSettings(**settings)) as run:
        panel = subjects(run, "hour", NEWEST).resources
        counted, unread = hours_that_count(
            run, panel, run.store.frame("resources_now"), run.store.frame("services_now")
        )
    recent = counted.get("a", np.ones(panel.slots, bool))[-24 * DAYS :]
    assert recent.mean() == pytest.approx(share)
    assert ("a" in counted) == (share < 1), "all hours are no limit"
    assert unread == (["a"] if "whenever" in labels else [])


def test_a_zone_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    known = inventory([{"resource": "a", "labels": '{"hours": "business"}'}])
    zones = ForecastSettings.model_construct(zones={"shop": "Mars/Base"})
    with hourly_run(tmp_path, {("a", "cpu"): hours(DAYS)}, known, forecast=zones) as run:
        frames = run.store.frame("resources_now"), run.store.frame("services_now")
        with pytest.raises(ConfigError, match="Mars/Base"):
            hours_that_count(run, run.store.panel("hour"), *frames)
