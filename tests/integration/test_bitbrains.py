"""283 real VMs, end to end: row counts, the same store twice, and three VMs a person can check by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from data.snapshot import Snapshot
from data.store import Store
from headroom.jobs.everything import everything
from headroom.jobs.ingest import ingest
from headroom.jobs.run import Run, clock, new_run_id
from headroom.progress import Steps
from headroom.settings import Settings, load

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("bitbrains")]


@pytest.fixture(scope="module")
def settings(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The example mapping as it stands in docs/examples, with its paths made absolute."""
    example = Path(__file__).parents[2] / "docs" / "examples" / "bitbrains_rnd.toml"
    text = example.read_text(encoding="utf-8").replace("../../../shared/data", str(shared_data))
    file = tmp_path_factory.mktemp("bitbrains") / "headroom.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, environ={})


@pytest.fixture(scope="module")
def snapshot(settings: Settings) -> Snapshot:
    with Store.open(settings.store_path) as store:
        now = clock()
        everything(Run(settings, store, now, new_run_id(now), Steps()))
    return Snapshot.open(settings.published)


@pytest.fixture(scope="module")
def trace(shared_data: Path) -> pl.DataFrame:
    return pl.read_parquet(shared_data / "bitbrains_rnd.parquet")


def test_every_sample_of_a_metric_with_a_capacity_is_stored(
    snapshot: Snapshot, settings: Settings, trace: pl.DataFrame
) -> None:
    metrics = ["cpu", "memory", "network_in", "network_out"]
    expected = trace.filter(pl.col("metric").is_in(metrics)).unique(["entity", "metric", "ts"]).height
    assert expected == 4 * 573_988
    with Store.open_readonly(settings.store_path) as store:
        counts = store.frame("status_counts").row(0, named=True)
    assert (counts["samples"], counts["series"], counts["resources"]) == (expected, 4 * 283, 283)


def test_loading_it_again_changes_nothing(snapshot: Snapshot, settings: Settings) -> None:
    with Store.open(settings.store_path) as store:
        before = store.panel("day", statistic="p95")
        now = clock()
        (summary,) = ingest(Run(settings, store, now, new_run_id(now), Steps()))
        after = store.panel("day", statistic="p95")
    assert (summary.loaded.new, summary.loaded.replaced) == (0, 0)
    assert summary.loaded.unchanged == 4 * 573_988
    assert before.keys == after.keys
    assert before.demand.tobytes() == after.demand.tobytes()


def test_a_daily_peak_is_the_traces_own_maximum(snapshot: Snapshot, trace: pl.DataFrame) -> None:
    memory = trace.filter((pl.col("entity") == "vm-028") & (pl.col("metric") == "memory"))
    by_hand = (
        memory.group_by(day=pl.col("ts").dt.truncate("1d")).agg(kib=pl.col("value_max").max()).sort("day")
    )
    stored = snapshot.demand("vm-028", "memory", grain="day").sort("ts")
    assert stored["max"].to_list() == pytest.approx((by_hand["kib"] / 2**20).to_list())


def test_vm_028_is_too_big_and_its_saving_is_the_difference_of_two_prices(
    snapshot: Snapshot, trace: pl.DataFrame
) -> None:
    """16 cores and 65.2 GiB; in 91 days cpu never passed a quarter, memory never a sixth of it."""
    finding = snapshot.table("findings").row(by_predicate=pl.col("resource") == "vm-028", named=True)
    assert finding["status"] == "over_provisioned"
    advice = snapshot.table("recommendations").row(by_predicate=pl.col("resource") == "vm-028", named=True)
    recent = trace.filter((pl.col("entity") == "vm-028") & (pl.col("metric") == "memory")).tail(28 * 24)
    assert advice["target_memory"] >= recent["value_max"].max() / 2**20 * 0.9
    assert advice["cost_now"] - advice["cost_then"] == advice["saving"]
    assert Decimal(0) < advice["saving"] < advice["cost_now"]


def test_vm_057_is_too_small_since_its_cpu_is_at_capacity(snapshot: Snapshot, trace: pl.DataFrame) -> None:
    finding = snapshot.table("findings").row(by_predicate=pl.col("resource") == "vm-057", named=True)
    cpu = trace.filter((pl.col("entity") == "vm-057") & (pl.col("metric") == "cpu")).tail(28 * 24)
    saturated = (cpu["value_max"] >= 0.98 * cpu["capacity"]).mean()
    assert isinstance(saturated, float) and saturated > 0.4
    assert finding["status"] == "under_provisioned"
    assert "cpu" in finding["reasons"]


def test_vm_002_is_idle_and_stopping_it_saves_all_it_costs(snapshot: Snapshot, trace: pl.DataFrame) -> None:
    used = trace.filter((pl.col("entity") == "vm-002") & (pl.col("metric") == "cpu")).tail(28 * 24)
    assert used["value"].mean() < 0.01 * used["capacity"].mean()  # type: ignore[operator]
    finding = snapshot.table("findings").row(by_predicate=pl.col("resource") == "vm-002", named=True)
    assert finding["status"] == "idle"
    advice = snapshot.table("recommendations").row(by_predicate=pl.col("resource") == "vm-002", named=True)
    assert (advice["action"], advice["cost_then"]) == ("stop", Decimal(0))
    assert advice["saving"] == advice["cost_now"] > 0


def test_savings_never_exceed_costs(snapshot: Snapshot) -> None:
    advice = snapshot.table("recommendations").filter(pl.col("saving").is_not_null())
    assert (advice["saving"] <= advice["cost_now"]).all()
