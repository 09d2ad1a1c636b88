"""Mutated files end in a clean load, a rejection or a clear error: never in anything else.

`python -m benchmarks fuzz` runs ten thousand mutations in place of the usual thousand.
"""

from __future__ import annotations

import gzip
import json
import math
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.bills import BILL_SCHEMA
from data.errors import ConfigError, SourceError
from data.frames import REJECTED_SCHEMA, SAMPLE_SCHEMA
from data.series import UNITS
from ingest.files import Files
from ingest.focus import Bills
from ingest.intake import intake
from ingest.inventory_files import InventoryFiles
from ingest.sysstat import Sysstat
from tests.fuzzing import MUTATIONS, mutated
from tests.unit.ingest.sysstat_reply import sysstat_reply

NOW = datetime(2026, 1, 1, tzinfo=UTC)

FRAME = pl.DataFrame(
    {
        "ts": [f"2024-05-{day:02}T{hour:02}:00:00Z" for day in range(1, 5) for hour in range(24)],
        "resource": [f"host {i % 7}" for i in range(96)],
        "metric": ["cpu", "memory"] * 48,
        "value": [i / 8 for i in range(96)],
        "value_max": [i / 4 if i % 5 else None for i in range(96)],
        "capacity": [64.0] * 96,
        "unit": ["cores", "GiB"] * 48,
    }
)
LISTING = "Name        Size    Used\n------------------------\n" + "".join(
    f"volume-{i:<4} {10 * i}.00G {i}.50G\n" for i in range(10, 40)
)
REPLY = json.dumps(
    {
        "status": "success",
        "data": {
            "resultType": "matrix",
            "result": [
                {"metric": {"host": name}, "values": [[1_714_521_600 + 60 * i, str(i)] for i in range(20)]}
                for name in "abc"
            ],
        },
    }
)
NODES = json.dumps(
    {
        "kind": "NodeList",
        "items": [
            {"metadata": {"name": f"n{i}"}, "status": {"allocatable": {"cpu": "3920m", "memory": "15Gi"}}}
            for i in range(5)
        ],
    }
)
OBJECTS = """kind: List
items:
  - kind: Deployment
    metadata: {name: api, namespace: shop, labels: {app: api, team: blue}}
    spec:
      replicas: 3
      template:
        spec:
          containers:
            - {name: main, resources: {requests: {cpu: 250m, memory: 512Mi}, limits: {cpu: "1", memory: 1Gi}}}
            - {name: side, resources: {requests: {cpu: "0.1", memory: 64Mi}}}
  - kind: Pod
    metadata: {name: once, namespace: shop}
    spec: {containers: [{name: main, resources: {requests: {cpu: 1, memory: 1e9}}}]}
  - kind: PersistentVolumeClaim
    metadata: {name: data, namespace: shop}
    spec: {resources: {requests: {storage: 10Gi}}}
"""
SERVICES = "service,team,tier\n" + "".join(f"s{i},team {i % 3},{1 + i % 3}\n" for i in range(20))
BILL = "BilledCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,Tags\n" + "".join(
    f'{i}.25,USD,2024-05-{i:02}T00:00:00Z,2024-05-{i + 1:02}T00:00:00Z,Usage,"{{""a"": ""b""}}"\n'
    for i in range(1, 28)
)
VOLUME = [{"column": "Used", "metric": "storage", "unit": "human", "capacity": "Size"}]
AT = {"constant": "2024-05-01T00:00:00Z"}


def _parquet(folder: Path) -> bytes:
    path = folder / "seed.parquet"
    FRAME.with_columns(pl.col("ts").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC")).write_parquet(
        path
    )
    return path.read_bytes()


def _bill_parquet(folder: Path) -> bytes:
    path = folder / "seed of a bill.parquet"
    pl.read_csv(BILL.encode(), try_parse_dates=True).write_parquet(path)
    return path.read_bytes()


def _samples(path: Path, settings: dict[str, Any], taken: list[int]) -> None:
    """Reads measurements and checks what came out; notes how many samples."""
    for batch in Files.from_table({"paths": [str(path)], **settings}).pull(None):
        usable = intake(batch, now=NOW, mhz_per_core=2_600)
        assert dict(usable.samples.schema) == SAMPLE_SCHEMA
        assert dict(usable.rejected.schema) == REJECTED_SCHEMA
        assert usable.rejected["reason"].null_count() == 0
        for metric, unit in usable.samples.select("metric", "unit").unique().iter_rows():
            assert UNITS[metric] == unit
        for value in usable.samples["value"]:
            assert math.isfinite(value) and value >= 0
        taken.append(usable.samples.height)


def _inventory(path: Path, settings: dict[str, Any], taken: list[int]) -> None:
    found = InventoryFiles.from_table({settings["table"]: [str(path)]}).inventory()
    assert dict(found.rejected.schema) == REJECTED_SCHEMA
    assert found.services["service"].null_count() == 0
    taken.append(found.services.height + found.resources.height)


def _sysstat(path: Path, settings: dict[str, Any], taken: list[int]) -> None:
    for batch in Sysstat((str(path),)).pull(None):
        assert dict(batch.samples.schema) == SAMPLE_SCHEMA
        assert batch.samples["value"].is_finite().all()
        taken.append(batch.samples.height)


def _bills(path: Path, settings: dict[str, Any], taken: list[int]) -> None:
    # The store takes a bill as a whole or not at all.
    for batch in list(Bills.from_table({"paths": [str(path)], **settings}).pull()):
        assert dict(batch.charges.schema) == BILL_SCHEMA
        assert batch.charges["billed_cost"].null_count() == 0
        taken.append(batch.charges.height)


Reader = Callable[[Path, dict[str, Any], list[int]], None]
"""Notes in the list how much each batch brought; a SourceError after that would be a load in part."""
SEEDS: dict[str, tuple[Callable[[Path], bytes], Reader, dict[str, Any]]] = {
    "m.csv": (lambda _: FRAME.write_csv().encode(), _samples, {}),
    "quoted.csv": (
        lambda _: FRAME.write_csv(quote_style="always").encode(),
        _samples,
        {"skip_matching": "^#"},
    ),
    "m.tsv": (lambda _: FRAME.write_csv(separator="\t").encode(), _samples, {"decimal_comma": True}),
    "m.ndjson": (lambda _: FRAME.write_ndjson().encode(), _samples, {}),
    "m.parquet": (_parquet, _samples, {}),
    "m.csv.gz": (lambda _: gzip.compress(FRAME.write_csv().encode()), _samples, {}),
    "utf16.csv": (lambda _: FRAME.write_csv().encode("utf-16"), _samples, {}),
    "listing.txt": (
        lambda _: LISTING.encode(),
        _samples,
        {"fixed_width": True, "skip_matching": "^---", "resource": "Name", "time": AT, "values": VOLUME},
    ),
    "turned.csv": (
        lambda _: b"value," + b",".join(b"%d" % i for i in range(50)) + b"\n",
        _samples,
        {
            "transposed": True,
            "time": {"start": "2024-05-01", "step": "1h"},
            "constants": {"resource": "a", "metric": "users", "unit": "users"},
        },
    ),
    "reply.json": (
        lambda _: REPLY.encode(),
        _samples,
        {
            "format": "prometheus",
            "time": "timestamp",
            "resource": "host",
            "constants": {"metric": "cpu", "unit": "m"},
        },
    ),
    "services.csv": (lambda _: SERVICES.encode(), _inventory, {"table": "services"}),
    "services.yaml": (
        lambda _: (
            b"services:\n" + b"".join(b"  - {service: s%d, tier: %d}\n" % (i, 1 + i % 3) for i in range(9))
        ),
        _inventory,
        {"table": "services"},
    ),
    "nodes.json": (lambda _: NODES.encode(), _inventory, {"table": "kubernetes"}),
    "objects.yaml": (lambda _: OBJECTS.encode(), _inventory, {"table": "kubernetes"}),
    "sysstat.json": (lambda _: json.dumps(sysstat_reply(8)).encode(), _sysstat, {}),
    "bill.csv": (lambda _: BILL.encode(), _bills, {}),
    "bill.parquet": (_bill_parquet, _bills, {}),
}


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_the_unchanged_file_loads(name: str, tmp_path: Path) -> None:
    make, reader, settings = SEEDS[name]
    path = tmp_path / name
    path.write_bytes(make(tmp_path))
    taken: list[int] = []
    reader(path, settings, taken)
    assert sum(taken) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SEEDS))
def test_mutated_files_end_in_a_load_a_rejection_or_a_clear_error(name: str, tmp_path: Path) -> None:
    make, reader, settings = SEEDS[name]
    seed = make(tmp_path)
    path = tmp_path / name
    loads = errors = 0
    for number in range(max(1, MUTATIONS // len(SEEDS))):
        content = mutated(seed, random.Random(f"{name} {number}"))
        path.write_bytes(content)
        taken: list[int] = []
        try:
            reader(path, settings, taken)
            loads += 1
        except (SourceError, ConfigError) as error:
            assert str(error) and "\n" not in str(error), f"mutation {number}: {error!r}"
            assert not sum(taken), f"mutation {number} was loaded in part: {error}"
            errors += 1
        except BaseException as error:
            raise AssertionError(f"mutation {number} of {name} ended in {error!r}") from error
    assert loads + errors == max(1, MUTATIONS // len(SEEDS))
    assert loads, "no mutation loads: they break the file before anything is tried"
