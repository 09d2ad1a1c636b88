"""replay-file: from a file to a CSV, and what it says when the file is not what it should be."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.errors import ConfigError, SourceError, SourceUnavailable, UnknownName
from headroom.replay_file import COLUMNS, read_hours, replay_file
from tests.notation import MONDAY

BITBRAINS = Path(__file__).parents[3].parent / "shared" / "data" / "bitbrains_rnd.parquet"


def vms(n: int = 4, days: int = 50, **changed: pl.Expr) -> pl.DataFrame:
    """Hourly CPU of a few machines with a daily cycle."""
    rng = np.random.default_rng(0)
    hours = np.arange(24 * days)
    mean = (1 + 0.3 * np.sin(2 * np.pi * hours / 24)) * rng.uniform(0.5, 2, (n, 1))
    frame = pl.DataFrame(
        {
            "ts": [MONDAY + timedelta(hours=int(h)) for h in hours] * n,
            "entity": np.repeat([f"vm-{i}" for i in range(n)], len(hours)),
            "metric": "cpu",
            "value": mean.ravel(),
            "value_max": mean.ravel() * 1.2,
            "capacity": 8.0,
        }
    )
    return frame.with_columns(**changed)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "scores.csv"


def test_writes_a_row_per_policy_and_target(tmp_path: Path, out: Path) -> None:
    vms().write_parquet(tmp_path / "vms.parquet")
    scores = replay_file(
        tmp_path / "vms.parquet",
        metric="cpu",
        policies=["marginal", "krr"],
        target_breach=[0.01, 0.001],
        out=out,
    )
    assert tuple(scores.columns) == COLUMNS
    assert scores.select("policy", "target_breach", "entity_windows").rows() == [
        ("marginal", 0.01, 8),
        ("marginal", 0.001, 8),
        ("krr", 0.01, 8),
        ("krr", 0.001, 8),
    ]
    assert pl.read_csv(out).equals(scores)
    # A sine repeats itself: KRR's p95 of means lies below the peaks of the busy hours.
    krr, ours = scores.row(2, named=True), scores.row(1, named=True)
    assert krr["breached_hours"] > 0.2 > 0.01 > ours["breached_hours"]


def test_csv_gives_the_same_and_so_does_the_order_of_rows(tmp_path: Path, out: Path) -> None:
    vms().write_parquet(tmp_path / "vms.parquet")
    vms().sample(fraction=1, shuffle=True, seed=1).write_csv(tmp_path / "vms.csv")
    first, second = (
        replay_file(tmp_path / name, metric="cpu", policies=None, out=out)
        for name in ("vms.parquet", "vms.csv")
    )
    assert first.equals(second)


def test_rows_within_an_hour_are_joined(tmp_path: Path) -> None:
    half = vms(1, 1).with_columns(ts=pl.col("ts") + timedelta(minutes=30), value=pl.col("value") * 3)
    pl.concat([vms(1, 1), half]).write_parquet(tmp_path / "vms.parquet")
    panel = read_hours(tmp_path / "vms.parquet", "cpu")
    expected = vms(1, 1)["value"].to_numpy()
    np.testing.assert_allclose(panel.demand[0], expected * 2)
    # The larger value is above the stated maximum, so it is the peak.
    np.testing.assert_allclose(panel.peak[0], expected * 3)


def test_known_units_become_ours(tmp_path: Path) -> None:
    vms(1, 1, unit=pl.lit("MHz")).write_parquet(tmp_path / "a.parquet")
    vms(1, 1, metric=pl.lit("memory"), unit=pl.lit("MiB")).write_parquet(tmp_path / "b.parquet")
    assert read_hours(tmp_path / "a.parquet", "cpu").capacity[0, 0] == pytest.approx(8 / 2600)
    assert read_hours(tmp_path / "b.parquet", "memory").capacity[0, 0] == pytest.approx(8 / 1024)


def test_what_is_wrong_with_the_request_is_said(tmp_path: Path, out: Path) -> None:
    vms().write_parquet(tmp_path / "vms.parquet")
    with pytest.raises(UnknownName, match="unknown policy 'marginl'; did you mean marginal"):
        replay_file(tmp_path / "vms.parquet", metric="cpu", policies=["marginl"], out=out)
    with pytest.raises(UnknownName, match="unknown metric 'gpu'; did you mean cpu"):
        replay_file(tmp_path / "vms.parquet", metric="gpu", policies=None, out=out)
    with pytest.raises(ConfigError, match="share between 0 and 1, got 5"):
        replay_file(tmp_path / "vms.parquet", metric="cpu", policies=None, target_breach=[5], out=out)
    with pytest.raises(ConfigError, match="there is no folder"):
        replay_file(tmp_path / "vms.parquet", metric="cpu", policies=None, out=tmp_path / "no" / "x.csv")
    with pytest.raises(SourceUnavailable, match="there is no such file"):
        replay_file(tmp_path / "nothing.parquet", metric="cpu", policies=None, out=out)
    with pytest.raises(SourceError, match=r"needs at least 61 days of history, there are 50"):
        replay_file(tmp_path / "vms.parquet", metric="cpu", policies=None, start_day=60, out=out)


def test_what_is_wrong_with_the_file_is_said(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "vms.parquet"
    vms().drop("value_max", "capacity").write_parquet(path)
    with pytest.raises(SourceError, match="no column value_max, capacity; a replay needs ts, entity"):
        replay_file(path, metric="cpu", policies=None, out=out)
    vms(value=pl.when(pl.col("entity") == "vm-1").then(-1.0).otherwise(1.0)).write_parquet(path)
    with pytest.raises(SourceError, match="1200 of 4800 rows have no time, no entity, or an amount"):
        replay_file(path, metric="cpu", policies=None, out=out)
    vms(ts=pl.int_range(pl.len())).write_parquet(path)
    with pytest.raises(SourceError, match="ts holds Int64, expected times"):
        replay_file(path, metric="cpu", policies=None, out=out)
    vms(capacity=pl.lit(None, pl.Float64)).write_parquet(path)
    with pytest.raises(SourceError, match="no entity has a capacity for cpu"):
        replay_file(path, metric="cpu", policies=None, out=out)
    path.write_bytes(b"not parquet")
    with pytest.raises(SourceError, match=r"vms\.parquet"):
        replay_file(path, metric="cpu", policies=None, out=out)
    csv = tmp_path / "vms.csv"
    csv.write_text("ts,entity,metric,value,value_max,capacity\n2024-01-01T00:00:00Z,a,cpu,one,1,4\n")
    with pytest.raises(SourceError, match=r"no number; the first is .*'one'"):
        replay_file(csv, metric="cpu", policies=None, out=out)


@pytest.mark.slow
@pytest.mark.skipif(not BITBRAINS.exists(), reason="the shared Bitbrains trace is not there")
@pytest.mark.parametrize("metric", ["cpu", "memory"])
def test_a_real_trace_is_replayed_as_it_is(metric: str, out: Path) -> None:
    scores = replay_file(BITBRAINS, metric=metric, policies=None, target_breach=[0.005], out=out)
    assert scores["entity_windows"].unique().to_list() == [1944]
    ours = scores.row(by_predicate=pl.col("policy") == "marginal", named=True)
    assert 0.6 < ours["breached_hours"] / 0.005 < 1.2
    assert ours["changes"] <= 0.35
    percentile = scores.row(by_predicate=pl.col("policy") == "percentile", named=True)
    assert percentile["breached_hours"] > ours["breached_hours"]
