"""Parquet files in an object store, served on loopback."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from data.errors import SourceError, SourceUnavailable
from ingest.files import Files

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
