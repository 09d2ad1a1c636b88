"""Every example mapping loads its file, with counts and first numbers that one can read in it."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from data.frames import CAPACITY_SCHEMA
from ingest.files import Files
from ingest.focus import Bills
from ingest.intake import intake

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Expected(NamedTuple):
    """What a mapping must bring."""

    read: int
    samples: int
    rejected: int
    resources: int
    first: tuple[str, str, str, float, str]
    """Time (UTC), resource, metric, value and unit of the first sample."""


GIB = 2**30
EXPECTED = {
    "alibaba_memory/pods": Expected(
        3_999, 3_995, 4, 153,
        ("2022-09-11 01:12:00", "25da09a77268ccc99a7968b3e453b8f0", "memory", 0.6623353560765585, "fraction"),
    ),
    "alibaba_requests/queries": Expected(
        1_999, 1_999, 0, 91, ("2022-09-11 01:19:36", "diffusion-service", "requests", 0.09, "requests/s")
    ),
    # 63 of the 2,999 requests came before 18:18
    "azure_llm_events/inference": Expected(
        2_999, 19, 0, 1, ("2023-11-16 18:17:00", "llm-code", "requests", 63 / 60, "requests/s")
    ),
    "azure_v2_totals/azure": Expected(
        2_016, 4_032, 0, 1, ("2019-06-01 00:00:00", "azure-v2", "cpu", 61_355.1587712279, "cores")
    ),
    "bitbrains_gwa/gwa": Expected(6_370, 25_480, 0, 3, ("2013-06-30 22:03:24", "vm1", "cpu", 0.03, "cores")),
    "bitbrains_rnd/bitbrains": Expected(
        3_443_928, 2_295_952, 0, 283, ("2013-06-30 22:00:00", "vm-002", "cpu", 0.0, "cores")
    ),
    "cdn_kpi/cdn": Expected(
        22_356, 22_356, 0, 1, ("2018-10-01 00:05:00", "vod1", "kpi1", 0.4644497715233834, "normalised")
    ),
    # the head of the table of times ends one row before the head of the measurements
    "cesnet/cesnet": Expected(
        1_499, 1_498, 1, 1,
        ("2023-10-09 00:00:00", "cesnet/ip-103", "network_in", 206_437_830 * 8 / 3_600 / 1e6, "Mbit/s"),
    ),
    "google_gcd/gcd": Expected(
        576, 1_152, 0, 2, ("2011-05-02 00:00:00", "vm_1218322450_1", "cpu", 6.763, "percent")
    ),
    "isilon_quotas/quotas": Expected(
        78, 78, 0, 78, ("2024-01-15 00:00:00", "/ifs/d62a2", "storage", 523.42 * 1_024, "GiB")
    ),
    "isp_eu/isp": Expected(
        1_231, 1_231, 0, 1,
        ("2005-06-07 07:00:00", "isp-transatlantic", "network_in", 56_718_587_433 / 3_600 / 1e6, "Mbit/s"),
    ),
    "microsoft_counts/crashes": Expected(
        886, 886, 0, 2, ("2018-06-19 00:00:00", "app1-02", "crashes", 7.0, "count")
    ),
    "microsoft_counts/purchases": Expected(
        1_248, 1_248, 0, 1, ("2018-03-15 00:00:00", "shop", "purchases", 0.0, "count")
    ),
    "microsoft_ingress/ingress": Expected(
        3_999, 3_999, 0, 1,
        ("2018-04-25 00:00:00", "ingress-01", "network_in", 1_678_991.51666667 * 8 / 60 / 1e6, "Mbit/s"),
    ),
    "nab/ec2": Expected(4_032, 4_032, 0, 1, ("2014-04-10 00:04:00", "825cc2", "cpu", 91.958, "percent")),
    "nab/group": Expected(4_621, 4_621, 0, 1, ("2014-01-16 00:00:00", "grok", "instances", 33.5573, "count")),
    "nasa_requests/nasa": Expected(
        30_000, 30_000, 0, 1, ("1995-07-01 04:00:00", "www.ksc.nasa.gov", "requests", 1.0, "requests/s")
    ),
    "nersc_disks/disks": Expected(
        59, 118, 0, 59, ("2019-04-01 16:00:02", "nid08849//dev/nvme0n1", "temperature", 30.0, "Celsius")
    ),
    "nersc_io/io": Expected(
        1_120, 2_240, 0, 1,
        ("2016-01-13 00:00:00", "cscratch", "disk_read", 169_014_612_985_555 / 86_400 / 1e6, "MB/s"),
    ),
    "nersc_storage/cscratch": Expected(
        770, 2_310, 0, 3, ("2017-02-14 07:45:03", "ost-avg", "storage", 44_880_446_547 / 2**20, "GiB")
    ),
    "planetlab/planetlab": Expected(
        576, 576, 0, 2,
        ("2011-03-03 00:00:00", "146-179_surfsnel_dsl_internl_net_root", "cpu", 0.47 * 4, "cores"),
    ),
    "prometheus_reply/reply": Expected(
        3_003, 3_003, 0, 6,
        ("2022-09-11 01:12:00", "genai/pod-00800b6d2cab", "memory", 0.8547662993272146, "fraction"),
    ),
    "vsaveris/servers": Expected(
        7_344, 7_344, 0, 4, ("2015-03-26 00:00:00", "as-01", "requests", 92_558 / 86_400, "requests/s")
    ),
    "worldcup/worldcup": Expected(
        1_441, 1_441, 0, 1,
        ("1998-06-05 22:00:00", "www.france98.com", "requests", 4_031 / 60, "requests/s"),
    ),
}  # fmt: skip


def mappings() -> dict[str, dict[str, object]]:
    found = {}
    for path in sorted(EXAMPLES.glob("*.toml")):
        for name, table in tomllib.loads(path.read_text(encoding="utf-8")).get("source", {}).items():
            found[f"{path.stem}/{name}"] = {key: value for key, value in table.items() if key != "kind"}
    return found


MAPPINGS = mappings()

NO_MEASUREMENTS = {
    "azure/flav_map.txt": "names of sizes",
    "azure/v1.dev_flavor_arrivals_head.txt": "a notation of its own: lists of letters, one per new machine",
    "cdn_sdfvae/vod1_label.csv": "labels of anomalies",
    "cdn_sdfvae/vod1_timestamp.csv": "the times of vod1_kpi1.csv, read with it",
    "cesnet/times_1_hour_head.csv": "the times of 103_head.csv, read with it",
    "focus/SOURCES.txt": "where the bills come from",
    "microsoft/app1-09.csv-metadata.json": "prose",
    "microsoft/ingress-01.csv-metadata.json": "prose",
    "nab/combined_windows.json": "labels of anomalies",
}
"""Why a file has no mapping."""


def test_every_example_has_its_numbers_here() -> None:
    assert set(MAPPINGS) == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_example_loads(name: str, shared_data: Path) -> None:
    source = Files.from_table(MAPPINGS[name], EXAMPLES)
    batches = list(source.pull(None))
    samples = pl.concat([batch.samples for batch in batches])
    expected = EXPECTED[name]
    assert sum(batch.rows_read for batch in batches) == expected.read
    assert samples.height == expected.samples
    assert sum(batch.rejected.height for batch in batches) == expected.rejected
    assert samples["resource"].n_unique() == expected.resources
    ts, resource, metric, value, unit = samples.select("ts", "resource", "metric", "value", "unit").row(0)
    assert (f"{ts:%Y-%m-%d %H:%M:%S}", resource, metric, unit) == (*expected.first[:3], expected.first[4])
    assert value == pytest.approx(expected.first[3], rel=1e-9)


def test_every_raw_file_has_a_mapping_or_a_reason(shared_data: Path) -> None:
    raw = shared_data / "raw"
    read: set[str] = set()
    for table in MAPPINGS.values():
        read.update(Files.from_table(table, EXAMPLES).files())
    bills = tomllib.loads((EXAMPLES / "focus_bills.toml").read_text(encoding="utf-8"))["bills"]
    read.update(Bills.from_table(bills, EXAMPLES).files())
    known = {str(Path(path).resolve().relative_to(raw.resolve())) for path in read if "raw/" in path}
    present = {str(path.relative_to(raw)) for path in raw.rglob("*") if path.is_file()}
    assert present == known | set(NO_MEASUREMENTS)


@pytest.mark.parametrize("name", ["google_gcd/gcd", "nab/ec2"])
def test_shares_become_amounts_with_an_inventory_and_are_rejected_without(
    name: str, shared_data: Path
) -> None:
    batch = next(iter(Files.from_table(MAPPINGS[name], EXAMPLES).pull(None)))
    without = intake(batch, now=NOW)
    assert without.samples.is_empty() and without.rejected.height == batch.samples.height
    assert "of an unknown capacity" in without.rejected["reason"][0]
    known = batch.samples.select("resource", "metric").unique().with_columns(valid_from=None, capacity=8.0)
    with_it = intake(batch, now=NOW, capacities=known.cast(CAPACITY_SCHEMA))  # type: ignore[arg-type]
    assert with_it.rejected.is_empty()
    assert with_it.samples["value"][0] == pytest.approx(batch.samples["value"][0] / 100 * 8)


def test_bitbrains_clock_is_that_of_each_vm(shared_data: Path) -> None:
    """vm-002 has one core of 2,926 MHz; a VM's capacity in cores is what the inventory says."""
    samples = pl.concat(
        batch.samples for batch in Files.from_table(MAPPINGS["bitbrains_rnd/bitbrains"], EXAMPLES).pull(None)
    ).filter(pl.col("metric") == "cpu")
    one = samples.filter(pl.col("resource") == "vm-002")
    assert one["capacity"].unique().to_list() == pytest.approx([1.0], rel=1e-6)
    inventory = pl.read_parquet(shared_data / "bitbrains_rnd_inventory.parquet")
    steady = inventory.filter(pl.len().over("entity") == 1, pl.col("cores") > 0)
    typical = samples.filter(pl.col("capacity") > 0).group_by("resource").agg(pl.col("capacity").median())
    both = typical.join(steady, left_on="resource", right_on="entity")
    assert both.height > 100
    off = both.filter((pl.col("capacity") / pl.col("cores") - 1).abs() > 0.01)
    assert off.is_empty()
