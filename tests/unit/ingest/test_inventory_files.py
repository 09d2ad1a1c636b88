"""Inventory: what is there is read, what cannot be is reported, nothing is dropped silently."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from data.errors import ConfigError, SourceError
from data.frames import Inventory
from data.sample import sample_fleet
from ingest.graph import edges_closing_circles
from ingest.inventory_files import TABLES, InventoryFiles

SERVICES = "service,team,tier\nshop,web,1\npay,money,2\n"


def inventory(folder: Path, settings: dict[str, Any] | None = None, **texts: str) -> Inventory:
    """The inventory of files with these contents, named by table; dots in names for other endings."""
    table: dict[str, Any] = dict(settings or {})
    for name, text in texts.items():
        kind, _, ending = name.partition("__")
        path = folder / f"{kind}.{ending or 'csv'}"
        path.write_text(text)
        table[kind] = [str(path)]
    return InventoryFiles.from_table(table).inventory()


def reasons(found: Inventory) -> list[tuple[int, str]]:
    return list(found.rejected.select("line", "reason").iter_rows())


def test_the_sample_fleet_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    fleet = sample_fleet(datetime(2026, 11, 20, tzinfo=UTC), seed=7, scale=0.05)
    fleet.write_files(tmp_path)
    found = InventoryFiles.from_table(
        {name: f"inventory/{name}.csv" for name in TABLES}, tmp_path
    ).inventory()
    assert found.rejected.is_empty()
    for name in TABLES:
        written = pl.read_csv(tmp_path / "inventory" / f"{name}.csv", infer_schema=False)
        read = getattr(found, name)
        assert read.height == written.height > 0
        assert dict(read.schema) == TABLES[name]
        first = written.columns[0]
        if first != "ts":
            assert read[first].to_list() == written[first].to_list()


def test_columns_that_are_not_ours_become_labels_and_sizes_become_capacities(tmp_path: Path) -> None:
    found = inventory(
        tmp_path,
        {
            "sizes": [{"column": "ram_mb", "metric": "memory", "unit": "MiB"}],
            "columns": {"resources": {"resource": "hostname"}},
            "constants": {"resources": {"kind": "vm", "provider": "aws"}},
        },
        resources="hostname,ram_mb,rack,labels,monthly_price,currency\n"
        'a,2048,R1,"{""os"": ""linux""}",12.5,EUR\n'
        "b,lots,,,,\n",
    )
    assert found.resources.select("resource", "kind", "provider", "monthly_price", "currency").rows() == [
        ("a", "vm", "aws", Decimal("12.5000"), "EUR"),
        ("b", "vm", "aws", None, None),
    ]
    assert json.loads(found.resources["labels"][0]) == {"os": "linux", "rack": "R1"}
    assert found.resources["labels"][1] is None
    assert found.capacities.select("resource", "metric", "capacity").rows() == [("a", "memory", 2.0)]
    assert reasons(found) == [(3, "ram_mb 'lots' is no memory in MiB")]


def test_duplicates_bad_tiers_and_missing_names_are_reported(tmp_path: Path) -> None:
    found = inventory(
        tmp_path,
        resources="resource,valid_from\na,2024-01-01\na,2024-02-01\na,2024-01-01\n ,2024-01-01\n",
        services=SERVICES + "shop,other,1\nhr,people,9\nit,people,first\n",
    )
    assert found.resources["valid_from"].dt.month().to_list() == [1, 2]
    assert found.services.select("service", "tier").rows() == [
        ("shop", 1),
        ("pay", 2),
        ("hr", None),
        ("it", None),
    ]
    assert sorted(reasons(found)) == [
        (4, "a occurs twice; the first row counts"),
        (4, "shop occurs twice; the first row counts"),
        (5, "resource is missing"),
        (5, "tier 9 is none of 1, 2, 3; kept without it"),
        (6, "tier 'first' is not a whole number; kept without it"),
    ]


def test_unknown_services_and_circles_are_reported(tmp_path: Path) -> None:
    found = inventory(
        tmp_path,
        services=SERVICES,
        resources="resource,service\na,shop\nb,shoe\n",
        dependencies="service,depends_on\nshop,pay\npay,shop\nshop,shoe\npay,pay\n",
    )
    assert found.resources["service"].to_list() == ["shop", "shoe"]
    assert found.dependencies.select("service", "depends_on").rows() == [("shop", "pay")]
    assert sorted(reasons(found)) == [
        (3, "pay depends on shop closes a circle"),
        (3, "service 'shoe' of b is not among the services; kept as unowned"),
        (4, "service 'shoe' is not among the services"),
        (5, "pay depends on pay closes a circle"),
    ]


def test_capacities_have_units_and_no_nonsense(tmp_path: Path) -> None:
    found = inventory(
        tmp_path,
        capacities="resource,metric,capacity,unit\na,cpu,4,\na,memory,2048,MiB\na,disk,1,\nb,cpu,-1,\nb,cpu,2,GHz\n"
        "b,memory,lots,\n",
    )
    assert found.capacities.select("resource", "metric", "capacity").rows() == [
        ("a", "cpu", 4.0),
        ("a", "memory", 2.0),
    ]
    assert [line for line, _ in sorted(reasons(found))] == [4, 5, 6, 7]


def test_prices_that_cannot_be_are_left_out(tmp_path: Path) -> None:
    found = inventory(
        tmp_path,
        resources="resource,monthly_price,currency\na,-5,EUR\nb,12,euro\nc,much,EUR\nd,7,USD\n",
    )
    assert found.resources["monthly_price"].to_list() == [None, None, None, Decimal("7.0000")]
    assert [line for line, _ in sorted(reasons(found))] == [2, 3, 4]


def test_yaml_and_json(tmp_path: Path) -> None:
    text = "services:\n  shop: {team: web, tier: 1}\n  pay: {team: money}\n"
    assert inventory(tmp_path, services__yaml=text).services.select("service", "team", "tier").rows() == [
        ("shop", "web", 1),
        ("pay", "money", None),
    ]
    rows = [
        {
            "resource": "a",
            "kind": "vm",
            "valid_from": "2024-01-01",
            "labels": {"os": "linux"},
            "rack": {"row": 1},
        }
    ]
    found = inventory(tmp_path, resources__json=json.dumps(rows))
    assert json.loads(found.resources["labels"][0]) == {"os": "linux", "rack.row": "1"}
    with pytest.raises(SourceError, match=r"services\.yaml: is no valid YAML"):
        inventory(tmp_path, services__yaml="a: [")
    with pytest.raises(SourceError, match=r"services\.yaml: expected a list of services"):
        inventory(tmp_path, services__yaml="just a text")


def test_files_without_the_column_that_names_things_are_errors(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"resources\.csv: no column 'resource'; did you mean 'ressource'"):
        inventory(tmp_path, resources="ressource,kind\na,vm\n")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resource": "a.csv"}, "no setting 'resource'; did you mean 'resources'"),
        ({"columns": {"servers": {}}}, "columns: no table 'servers'"),
        ({"columns": {"resources": {"team": "x"}}}, "columns.resources: no column 'team'"),
        (
            {"sizes": [{"column": "x", "metric": "cpu", "unit": "GiB"}]},
            "sizes: 'x': unit 'GiB' is no unit of cpu",
        ),
        ({"kubernetes_size": "both"}, "kubernetes_size: 'both' is neither requests nor limits"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        InventoryFiles.from_table(settings)


EDGES = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=20)


@settings(deadline=None)
@given(EDGES)
def test_closing_edges_are_those_a_plain_loop_finds(edges: list[tuple[str, str]]) -> None:
    kept: list[tuple[str, str]] = []
    closing = []
    for position, (start, end) in enumerate(edges):
        reached = {end}
        for _ in kept:
            reached |= {to for come, to in kept if come in reached}
        if start in reached:
            closing.append(position)
        else:
            kept.append((start, end))
    assert edges_closing_circles(edges) == closing
