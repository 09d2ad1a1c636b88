"""Files in an object store, served on loopback: Parquet and texts, by name and by pattern."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.errors import ConfigError, SourceError, SourceUnavailable
from data.store import Store
from headroom.jobs.bills import load_bills
from headroom.jobs.run import Run
from headroom.settings import load
from ingest.files import Files
from ingest.focus import Bills

moto_server = pytest.importorskip("moto.server", reason="needs moto[server], part of the extra `dev`")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Storage options of a store with two files in `bucket/metrics/`."""
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        client.create_bucket(Bucket="bucket")
        for number in (1, 2):
            content = io.BytesIO()
            row = {
                "ts": "2024-05-01",
                "resource": "a",
                "metric": "cpu",
                "value": float(number),
                "unit": "cores",
            }
            pl.DataFrame([row]).write_parquet(content)
            client.put_object(Bucket="bucket", Key=f"metrics/{number}.parquet", Body=content.getvalue())
            frame = pl.DataFrame([row])
            text, lines = frame.write_csv().encode(), frame.write_ndjson().encode()
            put = {
                f"metrics/{number}.csv": text,
                f"metrics/2024/{number}.csv": text,
                f"packed/{number}.csv.gz": gzip.compress(text),
                f"lines/{number}.ndjson": lines,
            }
            for key, body in put.items():
                client.put_object(Bucket="bucket", Key=key, Body=body)
        yield {"endpoint_url": url, "allow_http": "true", "region": "us-east-1"}
    finally:
        server.stop()


def values(path: str, storage: dict[str, Any]) -> list[float]:
    source = Files.from_table({"paths": path, "storage": storage})
    return [value for batch in source.pull(None) for value in batch.samples["value"]]


def test_files_are_read_by_name_and_by_pattern(store: dict[str, Any]) -> None:
    assert values("s3://bucket/metrics/2.parquet", store) == [2.0]
    assert values("s3://bucket/metrics/*.parquet", store) == [1.0, 2.0]


def test_what_is_not_there_is_an_error_and_a_store_that_is_down_may_be_tried_again(
    store: dict[str, Any],
) -> None:
    with pytest.raises(SourceError, match=r"s3://bucket/none\.parquet: there is no such object") as caught:
        values("s3://bucket/none.parquet", store)
    assert not isinstance(caught.value, SourceUnavailable)
    down = {**store, "endpoint_url": "http://127.0.0.1:9", "max_retries": 0}
    with pytest.raises(SourceUnavailable, match=r"s3://bucket/metrics/2\.parquet: cannot be fetched"):
        values("s3://bucket/metrics/2.parquet", down)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s3://bucket/metrics/2.csv", [2.0]),
        ("s3://bucket/metrics/*.csv", [1.0, 2.0]),
        ("s3://bucket/metrics/**/*.csv", [1.0, 2.0, 1.0, 2.0]),
        ("s3://bucket/metrics/20??/[12].csv", [1.0, 2.0]),
        ("s3://bucket/*/1.csv.gz", [1.0]),
        ("s3://bucket/packed/*.csv.gz", [1.0, 2.0]),
        ("s3://bucket/lines/*.ndjson", [1.0, 2.0]),
    ],
)
def test_texts_are_read_by_name_and_by_pattern(
    store: dict[str, Any], path: str, expected: list[float]
) -> None:
    assert sorted(values(path, store)) == sorted(expected)


def test_texts_that_are_not_there_or_whose_store_is_down(store: dict[str, Any]) -> None:
    for path, said in (
        ("s3://bucket/metrics/none.csv", "there is no such object"),
        ("s3://bucket/metrics/none*.csv", "no file matches"),
        ("s3://nothing/metrics/1.csv", "no such object|cannot be fetched"),
    ):
        with pytest.raises(SourceError, match=said):
            values(path, store)
    down = {**store, "endpoint_url": "http://127.0.0.1:9", "max_retries": 0}
    for path in ("s3://bucket/metrics/1.csv", "s3://bucket/metrics/*.csv"):
        with pytest.raises(SourceUnavailable, match="cannot be fetched"):
            values(path, down)
    with pytest.raises(ConfigError, match="only Parquet"):
        values("gs://bucket/metrics/1.csv", store)


def test_a_bill_is_read_from_there(store: dict[str, Any]) -> None:
    import boto3

    bill = (
        "BilledCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd\n"
        "1.5,USD,2024-05-01T00:00:00Z,2024-05-02T00:00:00Z\n"
    )
    client = boto3.client("s3", endpoint_url=store["endpoint_url"], region_name="us-east-1")
    client.put_object(Bucket="bucket", Key="bills/may.csv", Body=bill.encode())
    bills = Bills.from_table({"paths": ["s3://bucket/bills/*.csv"], "storage": store})
    (batch,) = bills.pull()
    assert [float(cost) for cost in batch.charges["billed_cost"]] == [1.5]


def test_partitions_of_a_bill_are_files_of_their_own(store: dict[str, Any], tmp_path: Path) -> None:
    """A version of the specification with more columns began in May; June was delivered twice."""
    import boto3

    client = boto3.client("s3", endpoint_url=store["endpoint_url"], region_name="us-east-1")
    rows = {"BilledCost": [1.5], "BillingCurrency": ["USD"], "ChargePeriodStart": ["2024-05-01T00:00:00Z"]}
    june = rows | {"ChargePeriodStart": ["2024-06-01T00:00:00Z"], "InvoiceId": ["7"]}
    for name, one in (("period=5/a", rows), ("period=6/b", june), ("period=6/c", june)):
        buffer = io.BytesIO()
        pl.DataFrame(one).write_parquet(buffer)
        client.put_object(Bucket="bucket", Key=f"export/{name}.parquet", Body=buffer.getvalue())
    may, pattern = "s3://bucket/export/period=5/a.parquet", "s3://bucket/export/**/*.parquet"
    storage = ", ".join(f"{name} = {json.dumps(text)}" for name, text in store.items())
    (tmp_path / "headroom.toml").write_text(
        f'[bills.cloud]\npaths = ["{pattern}"]\nstorage = {{ {storage} }}\n'
    )
    with Store.open(tmp_path / "headroom.duckdb") as kept:
        # As it was recorded before partitions were files.
        batches = list(Bills.from_table({"paths": [may], "storage": store}).pull())
        kept.record_bill(pattern, batches, run_id="r", source="cloud")
        (summary,) = load_bills(
            Run(load(tmp_path / "headroom.toml", {}), kept, datetime(2024, 7, 1, tzinfo=UTC), "run")
        )
        files = kept.frame("bills_files").select("origin", "charges").rows()
    assert summary.errors == []
    assert summary.settled.copies == (
        ("s3://bucket/export/period=6/c.parquet", "s3://bucket/export/period=6/b.parquet"),
    )
    assert files == [(f"s3://bucket/export/period={name}.parquet", 1) for name in ("5/a", "6/b")]
