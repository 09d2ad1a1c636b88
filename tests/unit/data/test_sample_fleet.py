"""The sample fleet as a source: what it yields, in which order, and that it is the same every time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter
from pathlib import Path

import polars as pl
import pytest

from data.frames import (
    CAPACITY_SCHEMA,
    DEPENDENCY_SCHEMA,
    EVENT_SCHEMA,
    RESOURCE_SCHEMA,
    SAMPLE_SCHEMA,
    SERVICE_SCHEMA,
)
from data.prices import PriceCatalog
from data.sample import SampleFleet, Span, sample_fleet
from data.sample.services import SERVICES
from data.sample.truths import TRUTH_SCHEMA
from data.series import UNITS

END = datetime(2026, 3, 18, 14, 45, tzinfo=UTC)
SMALL = 0.1


@pytest.fixture(scope="module")
def fleet() -> SampleFleet:
    return sample_fleet(END, scale=SMALL)


@pytest.fixture(scope="module")
def samples(fleet: SampleFleet) -> pl.DataFrame:
    return pl.concat([batch.samples for batch in fleet.batches()])


def test_the_same_arguments_make_the_same_fleet(fleet: SampleFleet, samples: pl.DataFrame) -> None:
    again = sample_fleet(END + timedelta(minutes=10), scale=SMALL)
    assert again.end == datetime(2026, 3, 18, 14, tzinfo=UTC)
    assert again.truths.equals(fleet.truths)
    assert again.inventory.events.equals(fleet.inventory.events)
    assert again.inventory.resources.equals(fleet.inventory.resources)
    assert pl.concat([batch.samples for batch in again.batches()]).equals(samples)


def test_another_seed_makes_another_fleet(fleet: SampleFleet) -> None:
    assert not sample_fleet(END, seed=8, scale=SMALL).truths.equals(fleet.truths)


def test_frames_are_in_order_of_time_and_do_not_overlap(fleet: SampleFleet) -> None:
    ended: datetime | None = None
    for batch in fleet.batches():
        assert batch.samples.schema == SAMPLE_SCHEMA
        assert batch.rows_read == batch.samples.height > 0
        times = batch.samples["ts"]
        assert times.is_sorted()
        assert ended is None or times[0] > ended
        ended = times[-1]
    assert ended == fleet.end - timedelta(minutes=5)


def test_no_sample_comes_twice_and_every_value_is_usable(samples: pl.DataFrame) -> None:
    assert samples.select(pl.struct("ts", "resource", "metric").is_duplicated().any()).item() is False
    assert samples["value"].is_finite().all()
    assert (samples["value"] >= 0).all()
    highest = samples["value_max"].drop_nulls()
    assert highest.is_finite().all()
    assert (samples["value_max"] >= samples["value"]).drop_nulls().all()
    units = samples.select("metric", "unit").unique()
    assert dict(units.iter_rows()) == {metric: UNITS[metric] for metric in units["metric"]}


def test_resolution_gets_finer_with_time(fleet: SampleFleet, samples: pl.DataFrame) -> None:
    midnight = fleet.end.replace(hour=0)
    daily = samples.filter(pl.col("ts") < midnight - timedelta(days=90))
    hourly = samples.filter(pl.col("ts") >= midnight - timedelta(days=90))
    assert (daily["ts"].dt.truncate("1d") == daily["ts"]).all()
    assert daily["ts"].min() == midnight - timedelta(days=400)
    older = hourly.filter(pl.col("ts") < midnight - timedelta(days=7))
    assert (older["ts"].dt.truncate("1h") == older["ts"]).all()
    assert older["value_max"].is_not_null().all()
    server = hourly.filter(
        pl.col("resource") == "checkout", pl.col("metric") == "requests", pl.col("ts") >= midnight
    )
    assert server.height == 12 * 14
    assert server["value_max"].is_null().all()


def test_peaks_do_not_change_with_the_resolution(samples: pl.DataFrame, fleet: SampleFleet) -> None:
    """Healthy cpu: the median daily peak of the 5-minute days is that of the hourly and daily ones."""
    faulty = fleet.truths.filter(pl.col("kind") != "driven")["subject"].to_list()
    days = (
        samples.filter(pl.col("metric") == "cpu", ~pl.col("resource").is_in(faulty))
        .filter(~pl.col("resource").str.contains(r"^(lap|wks|vdi)-"))
        .group_by("resource", pl.col("ts").dt.truncate("1d").alias("day"))
        .agg(peak=pl.max_horizontal(pl.col("value").max(), pl.col("value_max").max()))
        .filter(pl.col("day").dt.weekday() <= 4)
    )
    midnight = fleet.end.replace(hour=0)

    def usual(first: int, last: int) -> pl.DataFrame:
        within = (pl.col("day") >= midnight - timedelta(days=first)) & (
            pl.col("day") < midnight - timedelta(days=last)
        )
        return days.filter(within).group_by("resource").agg(peak=pl.col("peak").median())

    for first, last in ((60, 7), (150, 91)):
        both = usual(7, 0).join(usual(first, last), on="resource", suffix="_before")
        assert both.height >= 10
        ratio = (both["peak"] / both["peak_before"]).median()
        assert ratio == pytest.approx(1.0, abs=0.08), (first, last)


def test_the_inventory_fits_together(fleet: SampleFleet, samples: pl.DataFrame) -> None:
    inventory = fleet.inventory
    assert inventory.resources.schema == RESOURCE_SCHEMA
    assert inventory.services.schema == SERVICE_SCHEMA
    assert inventory.dependencies.schema == DEPENDENCY_SCHEMA
    assert inventory.capacities.schema == CAPACITY_SCHEMA
    assert inventory.events.schema == EVENT_SCHEMA
    assert fleet.truths.schema == TRUTH_SCHEMA
    services = set(inventory.services["service"])
    resources = set(inventory.resources["resource"])
    assert not services & resources
    assert set(inventory.resources["service"]) <= services
    assert set(samples["resource"]) <= resources | services
    assert set(inventory.capacities["resource"]) == resources
    subjects = set(fleet.truths.filter(pl.col("scope") == "resource")["subject"])
    assert subjects <= resources
    twice = inventory.resources.select(pl.struct("resource", "valid_from").is_duplicated().any()).item()
    assert twice is False


def test_dependencies_have_no_cycle_and_name_known_services() -> None:
    graph = {service.name: service.depends_on for service in SERVICES}
    assert len(graph) == len(SERVICES) >= 40
    order = list(TopologicalSorter(graph).static_order())
    assert set(order) == set(graph)


def test_cloud_machines_have_the_size_their_type_has_in_the_catalog() -> None:
    fleet = sample_fleet(END, scale=0.5)
    types = {(kind.provider, kind.region, kind.name): kind for kind in PriceCatalog.shipped().types}
    machines = fleet.inventory.resources.filter(
        pl.col("kind") == "vm", pl.col("provider").is_in(["aws", "azure"])
    )
    assert machines.height >= 30
    held = fleet.inventory.capacities
    for name, provider, site, type_name, since in machines.select(
        "resource", "provider", "site", "instance_type", "valid_from"
    ).iter_rows():
        kind = types[provider, site, type_name]
        sizes = held.filter(pl.col("resource") == name, pl.col("valid_from") == since)
        found = dict(sizes.select("metric", "capacity").iter_rows())
        if found.get("cpu") != 0:
            assert found == {"cpu": kind.vcpu, "memory": kind.memory_gib}, name


def test_the_full_estate_is_as_large_as_it_says() -> None:
    inventory = sample_fleet(END).inventory
    kinds = dict(inventory.resources.group_by("kind").agg(pl.col("resource").n_unique()).iter_rows())
    assert kinds["endpoint"] == 500
    assert sum(kinds.values()) - 500 == 332
    assert {"on_premises", "aws", "azure", "kubernetes"} == set(inventory.resources["provider"])
    assert inventory.services.height == 41


def test_files_hold_what_the_batches_held(fleet: SampleFleet, samples: pl.DataFrame, tmp_path: Path) -> None:
    written = fleet.write_files(tmp_path)
    assert all(path.is_file() for path in written)
    metrics = sorted((tmp_path / "metrics").glob("*.parquet"))
    assert pl.concat([pl.read_parquet(path) for path in metrics]).equals(samples)
    resources = pl.read_csv(tmp_path / "inventory" / "resources.csv")
    assert resources.columns == list(RESOURCE_SCHEMA)
    assert resources["valid_from"].str.ends_with("Z").all()
    assert pl.read_parquet(tmp_path / "truths.parquet").equals(fleet.truths)


def test_a_shorter_span_has_fewer_samples() -> None:
    fleet = sample_fleet(END, scale=SMALL, span=Span(days=120, hourly_days=20, fine_days=2))
    first = next(fleet.batches()).samples["ts"][0]
    assert first == fleet.end.replace(hour=0) - timedelta(days=120)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        sample_fleet(END.replace(tzinfo=None))
    with pytest.raises(ValueError, match="above 0"):
        sample_fleet(END, scale=0)
    with pytest.raises(ValueError, match="fine_days"):
        Span(fine_days=0)
