"""replay-file: from a file to a CSV, and what it says when the file is not what it should be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.decision import Size
from data.errors import ConfigError, SourceError, SourceUnavailable, UnknownName
from headroom.replay_file import COLUMNS, read_hours, replay_file
from models.sizing import POLICIES
from models.sizing.policy import SizingOptions
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
    vms().drop("metric", "capacity").write_parquet(path)
    with pytest.raises(SourceError, match="no column metric, capacity; a replay needs ts, entity"):
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


def test_without_a_value_max_the_value_is_the_peak(tmp_path: Path) -> None:
    vms(1, 1).drop("value_max").write_parquet(tmp_path / "vms.parquet")
    panel = read_hours(tmp_path / "vms.parquet", "cpu")
    np.testing.assert_array_equal(panel.peak, panel.demand)
    assert np.isfinite(panel.peak).all()


def test_words_for_no_number_are_no_error(tmp_path: Path) -> None:
    words = ["", "NA", "NaN", "None", "null"]
    lines = [f"2024-01-01T0{i}:00:00Z,7,cpu,1,{word},4" for i, word in enumerate(words)]
    (tmp_path / "vms.csv").write_text("\n".join(["ts,entity,metric,value,value_max,capacity", *lines]))
    panel = read_hours(tmp_path / "vms.csv", "cpu")
    assert panel.keys[0].subject == "7" and panel.peak.tolist() == [[1.0] * 5]


def test_a_row_without_a_value_still_tells_what_was_provisioned(tmp_path: Path, out: Path) -> None:
    """A machine that was silent for the day before a size is made has its capacity from the silent rows, and
    the days are counted from its first row, silent or not."""
    hour = pl.col("ts") - pl.lit(MONDAY).dt.replace_time_zone("UTC")
    silent = (hour < timedelta(days=2)) | hour.is_between(
        timedelta(days=41), timedelta(days=42), closed="left"
    )
    frame = vms(1).with_columns(
        value=pl.when(~silent).then(2.0),
        value_max=pl.when(~silent).then(2.0),
        capacity=pl.when(silent).then(16.0).otherwise(8.0),
    )
    frame.write_parquet(tmp_path / "vms.parquet")
    panel = read_hours(tmp_path / "vms.parquet", "cpu")
    assert panel.slots == 24 * 50 and np.isnan(panel.demand[0, :48]).all()
    replay_file(tmp_path / "vms.parquet", metric="cpu", policies=["percentile"], out=out)
    [row] = pl.read_csv(out).to_dicts()
    # 2 cores and the rule's margin of 15 %, over 16 in the first window and over 8 in the second.
    assert row["entity_windows"] == 2
    assert row["allocated"] == pytest.approx(2 * 1.15 * (1 / 16 + 1 / 8) / 2)


def test_a_wrong_time_is_said_and_does_not_make_a_replay_of_decades(tmp_path: Path, out: Path) -> None:
    stray = (
        vms(1, 1)
        .head(1)
        .with_columns(ts=pl.lit(datetime(1970, 1, 1, tzinfo=UTC)).cast(pl.Datetime("us", "UTC")))
    )
    pl.concat([vms(2), stray]).write_parquet(tmp_path / "vms.parquet")
    with pytest.raises(SourceError, match="2 entities from 1970-01-01 to 2024-02-19 are 474552 hours each"):
        replay_file(tmp_path / "vms.parquet", metric="cpu", policies=None, out=out)


def test_figures_are_those_of_the_definition_taken_literally(tmp_path: Path, out: Path) -> None:
    """Sizes scored by a plain loop over the rows of the file."""
    rng = np.random.default_rng(4)
    frame = vms(5, 60).with_columns(
        value_max=pl.col("value") * pl.Series(np.exp(rng.normal(0.2, 0.4, 5 * 60 * 24))),
        capacity=pl.when(pl.col("ts").dt.ordinal_day() > 45).then(6.0).otherwise(8.0),
    )
    frame = frame.filter(pl.Series(rng.random(len(frame)) > 0.1)).sample(fraction=1, shuffle=True, seed=2)
    frame.write_parquet(tmp_path / "vms.parquet")
    policy = POLICIES["percentile"]()
    scores = replay_file(
        tmp_path / "vms.parquet", metric="cpu", policies=["percentile"], hold_days=6, out=out
    )
    history = read_hours(tmp_path / "vms.parquet", "cpu")
    begin = frame["ts"].min()
    assert isinstance(begin, datetime)
    rows_of = {key.subject: frame.filter(entity=key.subject).to_dicts() for key in history.keys}
    shares, breaches, overshoots, moves = [], [], [], []
    before: dict[str, float] = {}
    for day in range(42, 60, 6):
        cut, end = begin + timedelta(days=day), begin + timedelta(days=day + 6)
        sizes = policy.size(history.until(24 * day), None, SizingOptions())
        for key, size in zip(history.keys, sizes, strict=True):
            mine = rows_of[key.subject]
            now = [row["capacity"] for row in mine if cut - timedelta(days=1) <= row["ts"] < cut]
            ahead = [row["value_max"] for row in mine if cut <= row["ts"] < end]
            assert isinstance(size, Size) and now and len(ahead) >= 24
            held = max(size.target, 0.01 * max(now))
            shares.append(held / max(now))
            breaches.append(sum(peak > held for peak in ahead) / len(ahead))
            overshoots.append(max(ahead) / held)
            if key.subject in before:
                moves.append(abs(held / before[key.subject] - 1) > 0.005)
            before[key.subject] = held
    [row] = scores.to_dicts()
    assert row["entity_windows"] == len(shares) == 15
    assert row["allocated"] == pytest.approx(np.mean(shares))
    assert row["breached_hours"] == pytest.approx(np.mean(breaches))
    assert 0 < row["breached_windows"] == pytest.approx(np.mean([b > 0 for b in breaches]))
    assert row["worst_overshoot"] == pytest.approx(max(overshoots))
    assert 0 < row["changes"] == pytest.approx(np.mean(moves))


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
