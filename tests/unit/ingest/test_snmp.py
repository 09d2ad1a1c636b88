"""What snmpbulkwalk prints, by hand; what a real agent says is tested in tests/peers."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from data.errors import ConfigError
from ingest.counters import rates
from ingest.snmp import Snmp
from ingest.snmp_tables import Reading, parsed, reading_of

NOW = datetime(2024, 5, 1, tzinfo=UTC)

WALK = """\
.1.3.6.1.2.1.1.3.0 = 6000
.1.3.6.1.2.1.2.2.1.2.1 = STRING: "lo0"
.1.3.6.1.2.1.2.2.1.3.1 = INTEGER: 24
.1.3.6.1.2.1.2.2.1.3.2 = INTEGER: 6
.1.3.6.1.2.1.2.2.1.5.3 = Gauge32: 100000000
.1.3.6.1.2.1.2.2.1.8.2 = INTEGER: 1
.1.3.6.1.2.1.2.2.1.8.4 = INTEGER: 2
.1.3.6.1.2.1.2.2.1.10.2 = Counter32: 7
.1.3.6.1.2.1.2.2.1.10.3 = Counter32: 4294967290
.1.3.6.1.2.1.2.2.1.16.3 = Counter32: 5
.1.3.6.1.2.1.31.1.1.1.1.1 = STRING: "lo0"
.1.3.6.1.2.1.31.1.1.1.1.2 = STRING: "Te1/1"
.1.3.6.1.2.1.31.1.1.1.1.3 = STRING: "Fa0/1"
.1.3.6.1.2.1.31.1.1.1.1.4 = STRING: "Te1/2"
.1.3.6.1.2.1.31.1.1.1.6.1 = Counter64: 1
.1.3.6.1.2.1.31.1.1.1.6.2 = Counter64: 18446744073709551610
.1.3.6.1.2.1.31.1.1.1.10.2 = Counter64: many
.1.3.6.1.2.1.31.1.1.1.15.2 = Gauge32: 10000
.1.3.6.1.2.1.25.2.3.1.2.1 = OID: .1.3.6.1.2.1.25.2.1.2
.1.3.6.1.2.1.25.2.3.1.3.1 = STRING: "Physical memory"
.1.3.6.1.2.1.25.2.3.1.4.1 = INTEGER: 1024
.1.3.6.1.2.1.25.2.3.1.5.1 = INTEGER: 1000
.1.3.6.1.2.1.25.2.3.1.6.1 = INTEGER: 900
.1.3.6.1.2.1.25.2.3.1.2.11 = OID: .1.3.6.1.2.1.25.2.1.1
.1.3.6.1.2.1.25.2.3.1.3.11 = STRING: "Available memory"
.1.3.6.1.2.1.25.2.3.1.4.11 = INTEGER: 1024
.1.3.6.1.2.1.25.2.3.1.5.11 = INTEGER: 600
.1.3.6.1.2.1.25.2.3.1.6.11 = INTEGER: 0
.1.3.6.1.2.1.25.2.3.1.2.31 = OID: .1.3.6.1.2.1.25.2.1.4
.1.3.6.1.2.1.25.2.3.1.3.31 = STRING: "/srv"
.1.3.6.1.2.1.25.2.3.1.4.31 = INTEGER: 4096
.1.3.6.1.2.1.25.2.3.1.5.31 = INTEGER: -2147483648
.1.3.6.1.2.1.25.2.3.1.6.31 = INTEGER: 3
.1.3.6.1.2.1.25.2.3.1.3.32 = STRING: "/broken"
.1.3.6.1.2.1.25.3.3.1.2.196608 = INTEGER: 50
.1.3.6.1.2.1.25.3.3.1.2.196609 = INTEGER: 30
.1.3.6.1.2.1.25.9 = No Such Object available on this agent at this OID
"""


def read(text: str) -> Reading:
    tables: dict[str, dict[str, str]] = {}
    parsed(text, tables)
    return reading_of("sw-1:161", tables, NOW, "^veth", "^/run")


def test_counters_with_their_width_and_limit() -> None:
    reading = read(WALK)
    rows = reading.counters.select("resource", "metric", "value", "bits", "limit").rows()
    assert rows == [
        ("sw-1:Te1/1", "network_in", 2**64 - 6, 64, 1.25e9),
        ("sw-1:Fa0/1", "network_in", 2**32 - 6, 32, 1.25e7),
        ("sw-1:Fa0/1", "network_out", 5, 32, 1.25e7),
    ]
    # up for 60 s
    assert reading.counters["start"].unique().to_list() == [NOW - timedelta(seconds=60)]
    assert reading.problems[0] == ("counter of 64 bits cannot be read", "sw-1:Te1/1 many")


def test_processors_memory_and_volumes() -> None:
    reading = read(WALK)
    assert [row[1:4] + row[5:] for row in reading.gauges] == [
        ("sw-1", "cpu", 0.8, 2.0, "cores"),
        ("sw-1:/srv", "storage", 3 * 4096.0, 2.0**31 * 4096, "B"),
        ("sw-1", "memory", 400 * 1024.0, 1000 * 1024.0, "B"),
    ]
    assert reading.resources == {
        "sw-1": "server",
        "sw-1:Te1/1": "link",
        "sw-1:Fa0/1": "link",
        "sw-1:/srv": "volume",
    }
    assert [reason for reason, _ in reading.problems][1:] == ["storage cannot be read"]


def test_a_wrap_of_either_width_is_a_small_step() -> None:
    before = read(WALK).counters
    after = before.with_columns(
        pl.col("ts") + timedelta(seconds=10),
        pl.when(pl.col("metric") == "network_in").then(4).otherwise(105).cast(pl.UInt64).alias("value"),
    )
    both = rates(pl.concat([before, after]), ["resource", "metric"])
    assert dict(zip(both["resource"] + both["metric"], both["rate"], strict=True)) == {
        "sw-1:Te1/1network_in": 1.0,
        "sw-1:Fa0/1network_in": 1.0,
        "sw-1:Fa0/1network_out": 10.0,
    }


def test_a_restarted_device_counted_from_zero_even_if_it_counts_more_by_now() -> None:
    before = read(WALK).counters.filter(pl.col("metric") == "network_out")
    after = before.with_columns(
        pl.col("ts") + timedelta(seconds=100),
        pl.lit(80, pl.UInt64).alias("value"),
        (pl.col("ts") + timedelta(seconds=20)).alias("start"),
    )
    assert rates(pl.concat([before, after]), ["resource", "metric"])["rate"].to_list() == [0.8]


def test_any_text_is_read_or_named_as_a_problem() -> None:
    chance = random.Random(3)
    for _ in range(300):
        text = list(WALK)
        for _ in range(chance.randint(1, 10)):
            text[chance.randrange(len(text))] = chance.choice('.019-=:" \n\x00xé')
        reading = read("".join(text))
        assert reading.counters.height + len(reading.gauges) + len(reading.problems) >= 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hosts": ()}, "no device"),
        ({"hosts": ("-v",)}, "is no name"),
        ({"hosts": ("a b",)}, "is no name"),
        ({"hosts": ("a",), "version": "1"}, "neither 2c nor 3"),
        ({"hosts": ("a",), "version": "3"}, "user"),
        ({"hosts": ("a",), "interval": 0.0}, "not above 0"),
        ({"hosts": ("a",), "longest_gap": "soon"}, "no length of time"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Snmp(**settings)  # type: ignore[arg-type]
