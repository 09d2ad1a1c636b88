"""Nodes that limit a replica: by cluster and pool, listed, measured or stated."""

from __future__ import annotations

import pytest

from models.estate import Resource
from models.node_caps import known_capacities, node_caps, nodes_of, unknown_pools


def node(name: str, kind: str = "server", **labels: str) -> Resource:
    return Resource(name, kind=kind, labels=labels)


def test_caps_come_from_the_nodes_of_the_pool_or_from_the_settings() -> None:
    resources = [
        node("n1", node_pool="large"),
        node("n2", node_pool="large"),
        node("n3", "vm", cluster="k8s"),
        node("a", "workload", node_pool="large", cluster="k8s"),
        node("b", "workload", cluster="k8s"),
        node("c", "workload", cluster="elsewhere"),
        node("d", "workload"),
    ]
    held = {"n1": {"cpu": 8.0, "memory": 64.0}, "n2": {"cpu": 16.0, "memory": 32.0}, "n3": {"cpu": 4.0}}
    caps = node_caps(resources, held, {"k8s": {"memory": 20.0}})
    assert caps == {
        "a": {"cpu": pytest.approx(14.4), "memory": pytest.approx(57.6)},
        "b": {"cpu": pytest.approx(3.6), "memory": pytest.approx(18.0)},
    }


def test_pools_of_the_same_name_in_two_clusters_are_two_pools() -> None:
    resources = [
        node("n1", cluster="east", node_pool="default"),
        node("n2", cluster="west", node_pool="default"),
        *(node(f"at-{name}", "workload", cluster=name, node_pool="default") for name in ("east", "west")),
        node("anywhere", "workload", node_pool="default"),
        node("whole", "workload", cluster="east"),
    ]
    held = {"n1": {"cpu": 4.0}, "n2": {"cpu": 40.0}}
    caps = {name: cap["cpu"] for name, cap in node_caps(resources, held, {}).items()}
    assert caps == pytest.approx({"at-east": 3.6, "at-west": 36.0, "anywhere": 36.0, "whole": 3.6})
    said = node_caps(resources, held, {"default": {"cpu": 8.0}, "west/default": {"cpu": 20.0}})
    told = {name: cap["cpu"] for name, cap in said.items()}
    assert told == pytest.approx({"at-east": 7.2, "at-west": 18.0, "anywhere": 7.2, "whole": 3.6})


def test_a_pool_without_a_node_just_now_leaves_those_of_its_cluster() -> None:
    resources = [
        node("n1", cluster="east", node_pool="batch"),
        node("n2", cluster="east", node_pool="default"),
        node("a", "workload", cluster="east", node_pool="batch"),
        node("b", "workload", cluster="east", node_pool="gone"),
        node("c", "workload", node_pool="gone"),
    ]
    caps = node_caps(resources, {"n1": {"cpu": 0.0}, "n2": {"cpu": 10.0}}, {})
    assert caps == {"a": {"cpu": 9.0}, "b": {"cpu": 9.0}}
    assert node_caps(resources, {}, {}) == {}


def test_what_was_measured_wins_over_what_is_stated_where_it_is_above_0() -> None:
    stated = {"a": {"cpu": 8.0, "memory": 32.0}, "b": {"cpu": 4.0}, "off": {"cpu": 0.0}}
    measured = {"a": {"cpu": 16.0, "memory": 0.0}, "c": {"cpu": float("nan")}}
    assert known_capacities(stated, measured) == {
        "a": {"cpu": 16.0, "memory": 32.0},
        "b": {"cpu": 4.0},
        "c": {},
        "off": {},
    }


def test_stated_nodes_that_no_workload_runs_on_are_named() -> None:
    resources = [
        node("a", "workload", cluster="east", node_pool="default"),
        node("b", "workload", cluster="west"),
        node("n1", cluster="north"),
        node("v", "workload"),
    ]
    stated = ["east", "east/default", "default", "west", "west/default", "north", "defualt", ""]
    assert unknown_pools(resources, stated) == ["", "defualt", "north", "west/default"]
    assert nodes_of(resources[-1]) is None
