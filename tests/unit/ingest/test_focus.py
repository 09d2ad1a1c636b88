"""Bills: exact money, lenient reading, and a report of what does not conform."""

from __future__ import annotations

import csv
import gzip
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import cramjam
import duckdb
import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from data.bills import BILL_SCHEMA, CONFORMANCE_SCHEMA
from data.errors import ConfigError, SourceError
from data.migrate import migrations
from ingest.focus import Bills, conformance
from ingest.focus_columns import KNOWN, mandatory, version_of

HEAD = "BilledCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,Tags\n"
ROW = '0.00000080000,USD,2024-09-18T22:00:00Z,2024-09-18T23:00:00Z,Usage,"{""team"": ""web""}"\n'


def read(path: Path) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Charges, conformance and rejected rows."""
    batches = list(Bills((str(path),)).pull())
    return (
        pl.concat(batch.charges for batch in batches),
        conformance(batches),
        pl.concat(batch.rejected for batch in batches),
    )


def read_text(folder: Path, text: str) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    path = folder / "bill.csv"
    path.write_text(text)
    return read(path)


def findings(report: pl.DataFrame) -> set[tuple[str, str, int | None]]:
    return {
        (column, finding, rows)
        for _, column, finding, rows, _ in report.rows()
        if not finding.endswith("is missing")
    }


def test_money_is_exact_and_times_are_utc(tmp_path: Path) -> None:
    charges, report, rejected = read_text(tmp_path, HEAD + ROW * 3)
    assert charges["billed_cost"].sum() == Decimal("0.0000024")
    assert charges["charge_start"][0] == datetime(2024, 9, 18, 22, tzinfo=UTC)
    assert charges["tags"][0] == '{"team": "web"}'
    assert dict(charges.schema) == BILL_SCHEMA and dict(report.schema) == CONFORMANCE_SCHEMA
    assert findings(report) == set() and rejected.is_empty()


def test_deviations_are_read_and_reported(tmp_path: Path) -> None:
    charges, report, rejected = read_text(
        tmp_path,
        HEAD.replace("Tags", "Id")
        + "1,USD,2024-09-18 22:00:00,2024-09-18T23:00:00Z,usage,1\n"
        + "-2,US,4/1/25,4/1/26,Fee,NULL\n"
        + "3,USD,2024-09-18T22:00:00Z,2024-09-18T21:00:00Z,NULL,3\n",
    )
    assert charges["charge_category"].to_list() == ["Usage", "Fee", None]
    assert charges["charge_start"].dt.year().to_list() == [2024, 2025, 2024]
    assert findings(report) == {
        ("Id", "column is unknown; own ones start with x_", None),
        ("ChargePeriodStart", "time without zone, read as UTC", 1),
        ("ChargePeriodStart", "time is not ISO 8601, read as month/day/year", 1),
        ("ChargePeriodEnd", "time is not ISO 8601, read as month/day/year", 1),
        ("ChargePeriodEnd", "charge ends before it starts", 1),
        ("ChargeCategory", "value in another spelling", 1),
        ("ChargeCategory", "value is not in the specification", 1),
        ("ChargeCategory", "text NULL in place of nothing", 1),
        ("ChargeCategory", "is null", 1),
        ("BillingCurrency", "not a code of ISO 4217", 1),
    }
    assert rejected.is_empty()


def test_columns_and_currencies_in_another_spelling_are_known(tmp_path: Path) -> None:
    """Query engines write names in small letters; a column that is there as it should be wins."""
    head = "billedcost,BILLING_CURRENCY,charge_period_start,serviceName,ServiceName,x_billed_cost\n"
    amounts = (("1", "eur"), ("2", "EUR"), ("-3", "usd"))
    rows = "".join(f"{cost},{code},2026-01-01T00:00:00Z,a,b,7\n" for cost, code in amounts)
    charges, report, rejected = read_text(tmp_path, head + rows)
    assert rejected.is_empty()
    assert charges.select("billed_cost", "currency", "service_name").rows() == [
        (Decimal(1), "EUR", "b"), (Decimal(2), "EUR", "b"), (Decimal(-3), "USD", "b"),
    ]  # fmt: skip
    told = {(column, example) for _, column, finding, _, example in report.rows() if "name in" in finding}
    assert told == {
        ("BilledCost", "billedcost"),
        ("BillingCurrency", "BILLING_CURRENCY"),
        ("ChargePeriodStart", "charge_period_start"),
    }
    assert ("BillingCurrency", "not a code of ISO 4217", 2) in findings(report)
    assert ("serviceName", "column is unknown; own ones start with x_", None) in findings(report)
    frame = pl.DataFrame(
        {"billedcost": ["1"], "billingcurrency": ["EUR"], "chargeperiodstart": ["2026-01-01T00:00:00Z"]}
    )
    frame.write_parquet(tmp_path / "small.parquet")
    assert read(tmp_path / "small.parquet")[0]["billed_cost"].to_list() == [Decimal(1)]


@pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
def test_packed_bills_of_two_currencies_with_refunds(tmp_path: Path, packed: str) -> None:
    rows = ROW.replace("0.00000080000", "5") + ROW.replace("0.00000080000", "-2.5").replace("USD", "EUR")
    content = (HEAD + rows).encode()
    pack = {"": bytes, ".gz": gzip.compress, ".zst": lambda text: bytes(cramjam.zstd.compress(text))}[packed]
    (tmp_path / f"bill.csv{packed}").write_bytes(pack(content))
    charges, _, rejected = read(tmp_path / f"bill.csv{packed}")
    assert charges.select("billed_cost", "currency").rows() == [(Decimal(5), "USD"), (Decimal("-2.5"), "EUR")]
    assert rejected.is_empty()


def test_partitions_are_files_of_their_own_and_an_empty_one_is_no_error(tmp_path: Path) -> None:
    one = pl.DataFrame(
        {
            "BilledCost": [0.1],
            "BillingCurrency": ["EUR"],
            "ChargePeriodStart": [datetime(2026, 1, 1, tzinfo=UTC)],
        }
    )
    for month, frame in (("01", one), ("02", one.head(0))):
        (tmp_path / f"billing_period=2026-{month}").mkdir()
        frame.write_parquet(tmp_path / f"billing_period=2026-{month}" / "part-0.parquet")
    batches = list(Bills((str(tmp_path / "**" / "*.parquet"),)).pull())
    assert pl.concat(batch.charges for batch in batches)["billed_cost"].to_list() == [Decimal("0.1")]
    # A file without any byte was broken off; one with a header is a bill without charges.
    (tmp_path / "header.csv").write_text(HEAD)
    assert sum(batch.charges.height for batch in Bills((str(tmp_path / "header.csv"),)).pull()) == 0
    (tmp_path / "none.csv").write_text("")
    with pytest.raises(SourceError, match="is empty"):
        list(Bills((str(tmp_path / "none.csv"),)).pull())


def test_charges_without_cost_currency_or_start_are_rejected(tmp_path: Path) -> None:
    bad = [
        ROW.replace("0.00000080000", "much"),
        ROW.replace("USD", ""),
        ROW.replace("2024-09-18T22:00:00Z", "soon"),
    ]
    charges, _, rejected = read_text(tmp_path, HEAD + ROW + "".join(bad))
    assert charges.height == 1
    assert rejected.select("line", "reason").rows() == [
        (3, "BilledCost is missing or no number"),
        (4, "BillingCurrency is missing"),
        (5, "ChargePeriodStart is missing or no time"),
    ]


def test_a_file_that_is_no_bill_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"bill\.csv: no column 'BilledCost'"):
        read_text(tmp_path, "ts,value\n1,2\n")
    with pytest.raises(ConfigError, match=r"version: '2\.0' is none of auto, 1.0"):
        Bills(("x",), version="2.0")


@pytest.mark.parametrize(
    ("columns", "version"),
    [
        (("BilledCost", "ProviderName"), "1.0"),
        (("ProviderName", "SkuMeter"), "1.1"),
        (("ProviderName", "InvoiceId"), "1.2"),
        (("ProviderName", "ServiceProviderName"), "1.3"),
        (("ServiceProviderName",), "1.4"),
    ],
)
def test_versions_are_told_by_their_columns(columns: tuple[str, ...], version: str) -> None:
    assert version_of(columns) == version
    assert set(mandatory(version)) <= KNOWN


def test_parquet_with_its_own_types(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "BilledCost": [Decimal("1.25")],
            "BillingCurrency": ["EUR"],
            "ChargePeriodStart": [datetime(2024, 5, 1, tzinfo=UTC)],
            "Tags": [[{"key": "team", "value": "web"}]],
        }
    )
    frame.write_parquet(tmp_path / "bill.parquet")
    charges, _, rejected = read(tmp_path / "bill.parquet")
    assert charges.select("billed_cost", "currency", "tags").rows() == [
        (Decimal("1.25"), "EUR", '{"team": "web"}')
    ]
    assert rejected.is_empty()


@settings(deadline=None)
@given(st.lists(st.decimals(-(10**9), 10**9, places=12), min_size=1, max_size=30))
def test_sums_are_those_of_exact_arithmetic(costs: list[Decimal]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = "".join(ROW.replace("0.00000080000", f"{cost:f}") for cost in costs)
        charges, _, _ = read_text(Path(folder), HEAD + rows)
    assert charges["billed_cost"].sum() == sum(costs)


SAMPLES = {
    "focus_1.0_sample_1000.csv": (1_000, "1.0"),
    "focus_1.2_spec_saas_spend_agreements_b2.csv": (14, "1.1"),
    "focus_1.2_synthetic_aws_100.csv": (100, "1.2"),
    "focus_1.3_synthetic_aws_100.csv": (100, "1.3"),
}


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_real_and_synthetic_bills(name: str, shared_data: Path) -> None:
    rows, version = SAMPLES[name]
    path = shared_data / "raw" / "focus" / name
    charges, report, rejected = read(path)
    assert charges.height == rows and rejected.is_empty()
    with path.open(encoding="utf-8-sig", newline="") as file:
        raw = list(csv.DictReader(file))
    assert version_of(raw[0]) == version
    for ours, theirs in (("billed_cost", "BilledCost"), ("effective_cost", "EffectiveCost")):
        exact = sum((Decimal(row[theirs]) for row in raw if row[theirs] not in ("", "NULL")), Decimal())
        assert charges[ours].sum() == exact
    if name.startswith("focus_1.0"):
        told = findings(report)
        assert ("Id", "column is unknown; own ones start with x_", None) in told
        assert ("ContractedCost", "is null", 7) in told
        assert ("ChargeFrequency", "value in another spelling", 7) in told
        assert ("ChargePeriodStart", "time without zone, read as UTC", 1_000) in told


def test_the_tables_of_the_store_have_these_columns() -> None:
    connection = duckdb.connect()
    connection.execute(migrations()[4].read_text(encoding="utf-8"))
    for table, schema in (("bills", BILL_SCHEMA), ("bill_conformance", CONFORMANCE_SCHEMA)):
        assert [row[0] for row in connection.execute(f"DESCRIBE {table}").fetchall()] == list(schema)
