"""Mutated files end in a clean load, a rejection or a clear error: never in anything else.

HEADROOM_FUZZ=10000 runs that many mutations in place of the usual thousand.
"""

from __future__ import annotations

import gzip
import json
import math
import os
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
from tests.unit.ingest.sysstat_reply import sysstat_reply

MUTATIONS = int(os.environ.get("HEADROOM_FUZZ", "1000"))
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


def _samples(path: Path, settings: dict[str, Any]) -> int:
    """Reads measurements and checks what came out; returns how many samples."""
    count = 0
    for batch in Files.from_table({"paths": [str(path)], **settings}).pull(None):
        taken = intake(batch, now=NOW, mhz_per_core=2_600)
        assert dict(taken.samples.schema) == SAMPLE_SCHEMA
        assert dict(taken.rejected.schema) == REJECTED_SCHEMA
        assert taken.rejected["reason"].null_count() == 0
        for metric, unit in taken.samples.select("metric", "unit").unique().iter_rows():
            assert UNITS[metric] == unit
        for value in taken.samples["value"]:
            assert math.isfinite(value) and value >= 0
        count += taken.samples.height
    return count


def _inventory(path: Path, settings: dict[str, Any]) -> int:
    found = InventoryFiles.from_table({settings["table"]: [str(path)]}).inventory()
    assert dict(found.rejected.schema) == REJECTED_SCHEMA
    assert found.services["service"].null_count() == 0
    return found.services.height + found.resources.height


def _sysstat(path: Path, settings: dict[str, Any]) -> int:
    count = 0
    for batch in Sysstat((str(path),)).pull(None):
        assert dict(batch.samples.schema) == SAMPLE_SCHEMA
        assert batch.samples["value"].is_finite().all()
        count += batch.samples.height
    return count


def _bills(path: Path, settings: dict[str, Any]) -> int:
    count = 0
    for batch in Bills.from_table({"paths": [str(path)], **settings}).pull():
        assert dict(batch.charges.schema) == BILL_SCHEMA
        assert batch.charges["billed_cost"].null_count() == 0
        count += batch.charges.height
    return count


Reader = Callable[[Path, dict[str, Any]], int]
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
    "sysstat.json": (lambda _: json.dumps(sysstat_reply(8)).encode(), _sysstat, {}),
    "bill.csv": (lambda _: BILL.encode(), _bills, {}),
}
TOKENS = [
    b"NaN", b"inf", b"-1", b"1e999", b'"', b'""', b"\x00", b"\xff\xfe", b"\r", b"\n\n", b",,,,,,,", b"{",
    b"}", b"[", b"null", b"9" * 400, b"0000-00-00", b"\xef\xbb\xbf", b"\xc3", b"GiB", b"MHz", b"%", b"- ",
    b"&a *a", b"!!python/x",
    b"2024-02-30T25:61:61Z", b"x" * 3_000, b"PAR1", b"'", b"\t", b"\\", b"\xe2\x80\xa8",
]  # fmt: skip


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The content with one to four things done to it."""
    for _ in range(rng.randint(1, 4)):
        at, to = sorted((rng.randrange(len(content) + 1), rng.randrange(len(content) + 1)))
        match rng.randrange(8):
            case 0 if content:
                spot = rng.randrange(len(content))
                content = content[:spot] + bytes([rng.randrange(256)]) + content[spot + 1 :]
            case 1:
                content = content[:at] + content[min(to, at + rng.randint(1, 40)) :]
            case 2:
                content = content[:at] + rng.choice(TOKENS) + content[at:]
            case 3:
                content = (
                    content[:at] + rng.choice(TOKENS) + content[min(len(content), at + rng.randint(1, 8)) :]
                )
            case 4:
                content = content[:to]
            case 5:
                content = content[:to] + content[at:to] + content[to:]
            case 6:
                lines = content.split(b"\n")
                rng.shuffle(lines)
                content = b"\n".join(lines)
            case _:
                content = content[:at] + rng.randbytes(rng.randint(1, 20)) + content[at:]
    return content


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_the_unchanged_file_loads(name: str, tmp_path: Path) -> None:
    make, reader, settings = SEEDS[name]
    path = tmp_path / name
    path.write_bytes(make(tmp_path))
    assert reader(path, settings) > 0


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
        try:
            reader(path, settings)
            loads += 1
        except (SourceError, ConfigError) as error:
            assert str(error) and "\n" not in str(error), f"mutation {number}: {error!r}"
            errors += 1
        except BaseException as error:
            raise AssertionError(f"mutation {number} of {name} ended in {error!r}") from error
    assert loads + errors == max(1, MUTATIONS // len(SEEDS))
    assert loads, "no mutation loads: they break the file before anything is tried"
