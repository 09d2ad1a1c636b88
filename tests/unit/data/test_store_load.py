"""Loading: what a plain loop over the rows would leave behind, and nothing dropped silently."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data.audit import KEPT_REJECTED
from data.frames import REJECTED_SCHEMA, Batch
from data.loading import Loaded
from data.store import Store
from tests.store_frames import MONDAY, NOW, Row, load, samples, stored

numbers = itertools.count()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(tmp_path_factory.mktemp("store") / "headroom.duckdb") as opened:
        yield opened


def rejected(store: Store, source: str) -> list[tuple[str, str]]:
    frame = store.frame("rejected_of", source=source)
    return sorted(frame.select("reason", "raw").iter_rows())


def plain_loop(batches: list[list[Row]]) -> tuple[dict[tuple[object, ...], Row], Loaded, list[str]]:
    """The oracle: one row after the other into a dictionary."""
    kept: dict[tuple[object, ...], Row] = {}
    counts = dict.fromkeys(("new", "replaced", "unchanged", "rejected"), 0)
    replaced: list[str] = []
    for row in itertools.chain.from_iterable(batches):
        moment, resource, metric, value, value_max, capacity = row
        if (
            moment is None
            or value is None
            or not math.isfinite(value)  # type: ignore[arg-type]
            or value < 0  # type: ignore[operator]
        ):
            counts["rejected"] += 1
            continue
        key, measured = (moment, resource, metric), (value, value_max, capacity)
        if key not in kept:
            counts["new"] += 1
        elif kept[key][3:] == measured:
            counts["unchanged"] += 1
        else:
            counts["replaced"] += 1
            replaced.append(f"{resource} metric={metric} value={kept[key][3]}")
        kept[key] = (*key, *measured)
    return kept, Loaded(**counts), replaced


ROWS = st.tuples(
    st.one_of(st.none(), st.integers(0, 8).map(lambda n: n * 5.0)),
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["cpu", "memory"]),
    st.sampled_from([0.0, 1.0, 2.5, None, math.nan, math.inf, -1.0, 7.0]),
    st.sampled_from([None, 9.0]),
    st.sampled_from([None, 0.0, 8.0]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(ROWS, max_size=14), min_size=1, max_size=5))
def test_any_batches_leave_what_a_plain_loop_leaves(store: Store, batches: list[list[Row]]) -> None:
    prefix = f"p{next(numbers)}-"
    named = [[(row[0], f"{prefix}{row[1]}", *row[2:]) for row in batch] for batch in batches]
    total = sum((load(store, *batch, source=prefix) for batch in named), Loaded())
    kept, counts, replaced = plain_loop(batches)
    assert stored(store, prefix) == sorted(kept.values(), key=lambda r: (r[1], r[2], r[0]))
    assert (total.new, total.replaced, total.unchanged, total.rejected) == (
        counts.new,
        counts.replaced,
        counts.unchanged,
        counts.rejected,
    )
    audit = [raw for reason, raw in rejected(store, prefix) if reason == "replaced by a later value"]
    earlier = {raw.split(f" resource={prefix}")[1].split(" value_max=")[0] for raw in audit}
    assert earlier == set(replaced)
    # What came again in a later batch is kept once.
    assert (
        len(set(rejected(store, prefix))) <= len(rejected(store, prefix)) <= total.replaced + total.rejected
    )
    assert bool(rejected(store, prefix)) == bool(total.replaced + total.rejected)
    newest = max((row[0] for row in kept.values()), default=None)
    assert total.newest_sample == (None if newest is None else MONDAY + timedelta(minutes=newest))  # type: ignore[arg-type]


def test_bad_rows_that_come_again_are_no_news(store: Store) -> None:
    def bad(count: int, line: int = 1, text: str = "x") -> pl.DataFrame:
        return pl.DataFrame(
            {
                "origin": ["m.csv"] * count,
                "line": [line + i for i in range(count)],
                "reason": ["value is NaN"] * count,
                "raw": [text] * count,
            },
            schema=REJECTED_SCHEMA,
        )

    def told(source: str) -> tuple[int, int]:
        counts = store.frame("health_rejected").filter(pl.col("source") == source)["rows"].sum()
        return store.frame("rejected_of", source=source).height, counts

    def load_bad(rejections: pl.DataFrame, source: str) -> int:
        batch = Batch(samples([(0, "of-bad", "cpu", 1.0)]), rejections)
        return store.load(batch, run_id="r", source=source, now=NOW).rejected

    for _ in range(2):
        assert load_bad(bad(3), "noisy") == 3
        assert told("noisy") == (3, 3)
    load_bad(bad(5), "noisy")  # two lines were appended to the file
    assert told("noisy") == (5, 5)
    load_bad(bad(1, text="another"), "noisy")  # another text in a line known for another one
    assert told("noisy") == (6, 6)
    load_bad(bad(5), "another source")
    assert told("another source") == (5, 5)
    for _ in range(2):  # more than are kept
        load_bad(bad(KEPT_REJECTED + 7), "flood")
        assert told("flood") == (KEPT_REJECTED, KEPT_REJECTED + 7)


DISTINCT = st.lists(
    st.tuples(
        st.integers(0, 6 * 24 * 12).map(lambda n: n * 5.0),
        st.sampled_from(["a", "b"]),
        st.just("cpu"),
        st.floats(0, 100).map(lambda x: round(x, 2)),
        st.none(),
        st.sampled_from([0.0, 8.0, 8.1, 16.0]),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda row: row[:2],
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=DISTINCT, shuffled=st.randoms(use_true_random=False), cuts=st.lists(st.integers(0, 60), max_size=4)
)
def test_order_split_and_repetition_do_not_matter(
    store: Store, rows: list[Row], shuffled: object, cuts: list[int]
) -> None:
    once, again = f"o{next(numbers)}-", f"s{next(numbers)}-"
    load(store, *((row[0], once + str(row[1]), *row[2:]) for row in sorted(rows)))  # type: ignore[type-var]
    repeated = [(row[0], again + str(row[1]), *row[2:]) for row in rows + rows[: len(rows) // 2]]
    shuffled.shuffle(repeated)  # type: ignore[attr-defined]
    edges = [0, *sorted(min(cut, len(repeated)) for cut in cuts), len(repeated)]
    for first, last in itertools.pairwise(edges):
        load(store, *repeated[first:last])
        store.refresh_rollups()
    assert stored(store, once) == stored(store, again)
    for query in ("rollups_of_hour", "rollups_of_day", "capacities_of"):
        frame = store.frame(query)
        left, right = (
            frame.filter(pl.col("resource").str.starts_with(prefix))
            .with_columns(pl.col("resource").str.strip_prefix(prefix))
            .sort(pl.all())
            for prefix in (once, again)
        )
        assert_frame_equal(left, right, rel_tol=1e-12)


def test_what_cannot_be_used_is_kept_with_its_reason(store: Store) -> None:
    loaded = load(
        store,
        (0, "bad", "cpu", 1.0),
        (None, "bad", "cpu", 1.0),
        (5, None, "cpu", 1.0),
        (5, "", "cpu", 1.0),
        (5, "bad", None, 1.0),
        (5, "bad", "cpu", None),
        (5, "bad", "cpu", math.nan),
        (5, "bad", "cpu", math.inf),
        (5, "bad", "cpu", -0.5),
        (5, "bad", "cpu", 1.0, -2.0),
        (5, "bad", "cpu", 1.0, None, math.inf),
        (60 * 24 * 400, "bad", "cpu", 1.0),
        (-60 * 24 * 365 * 40, "bad", "cpu", 1.0),
        source="bad rows",
    )
    assert (loaded.new, loaded.rejected) == (1, 12)
    assert [reason for reason, _ in rejected(store, "bad rows")] == [
        "capacity is negative or infinite",
        "metric is missing",
        "resource is missing",
        "resource is missing",
        "timestamp is before 1990",
        "timestamp is missing",
        "timestamp is more than a day ahead",
        "value is infinite",
        "value is missing",
        "value is negative",
        "value is not a number",
        "value_max is negative or infinite",
    ]
    assert "value=-0.5" in dict(rejected(store, "bad rows"))["value is negative"]
    counts = store.frame("health_rejected").filter(pl.col("source") == "bad rows")
    assert counts["rows"].sum() == 12


def test_an_hour_ahead_is_a_clock_and_not_a_mistake(store: Store) -> None:
    ahead = (NOW - MONDAY) / timedelta(minutes=1) + 60
    assert load(store, (ahead, "clock", "cpu", 1.0)).new == 1


def test_rows_the_source_rejected_are_kept_too(store: Store) -> None:
    batch = Batch(
        samples([(0, "x", "cpu", 1.0)]),
        rejected=pl.DataFrame({"origin": ["a.csv"], "line": [7], "reason": ["odd"], "raw": ["x" * 5000]}),
    )
    loaded = store.load(batch, run_id="r", source="file", now=NOW)
    assert (loaded.new, loaded.rejected) == (1, 1)
    kept = store.frame("rejected_of", source="file")
    assert (
        kept.select("origin", "line", "reason").row(0) == ("a.csv", 7, "odd") and len(kept["raw"][0]) == 1000
    )


def test_timestamps_meet_the_grid_and_jitter_is_no_second_sample(store: Store) -> None:
    loaded = load(
        store,
        (4 + 59 / 60, "jitter", "cpu", 1.0),
        (10 + 1 / 60, "jitter", "cpu", 2.0),
        (12.5, "jitter", "cpu", 3.0),
        step_seconds=300,
    )
    assert (loaded.new, loaded.replaced) == (2, 1)
    assert [(row[0], row[3]) for row in stored(store, "jitter")] == [(5, 1.0), (10, 3.0)]


def test_a_frame_that_is_no_sample_frame_is_refused_whole(store: Store) -> None:
    with pytest.raises(ValueError, match="no column 'metric'"):
        store.load(Batch(samples([(0, "n", "cpu", 1.0)]).drop("metric")), run_id="r", source="s")
    naive = samples([(0, "n", "cpu", 1.0)]).with_columns(pl.col("ts").dt.replace_time_zone(None))
    with pytest.raises(ValueError, match="time with its zone"):
        store.load(Batch(naive), run_id="r", source="s")
    assert stored(store, "n") == []


def test_a_batch_of_nothing_changes_nothing(store: Store) -> None:
    assert load(store) == Loaded()


def test_large_batches_are_loaded_in_slices_with_one_result(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.loading.SLICE_ROWS", 7)
    rows = [(5.0 * (i % 40), "slices", "cpu", float(i // 40)) for i in range(80)]
    loaded = load(store, *rows)
    assert (loaded.new, loaded.replaced, loaded.unchanged) == (40, 40, 0)
    assert {row[3] for row in stored(store, "slices")} == {1.0}


def test_an_error_in_the_middle_loads_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.loading.SLICE_ROWS", 2)
    written = 0

    def fail(*arguments: object) -> None:
        nonlocal written
        written += 1
        if written == 3:
            raise MemoryError("third slice")
        write(*arguments)  # type: ignore[arg-type]

    from data import loading

    write = loading._write
    monkeypatch.setattr(loading, "_write", fail)
    with pytest.raises(MemoryError):
        load(store, *((5.0 * i, "whole", "cpu", 1.0) for i in range(8)))
    monkeypatch.undo()
    assert stored(store, "whole") == []
    assert load(store, *((5.0 * i, "whole", "cpu", 1.0) for i in range(8))).new == 8


def test_summer_time_makes_no_gap_and_no_double(store: Store) -> None:
    local = pl.datetime_range(
        MONDAY, MONDAY + timedelta(days=120), "1h", time_zone="UTC", eager=True
    ).dt.convert_time_zone("Europe/Berlin")
    frame = pl.DataFrame({"ts": local, "resource": "dst", "metric": "cpu", "value": 1.0})
    assert store.load(Batch(frame), run_id="r", source="s", now=NOW).new == local.len()
    assert [row[0] for row in stored(store, "dst")] == [60.0 * i for i in range(local.len())]


def test_the_file_survives_being_closed(tmp_path: Path) -> None:
    path = tmp_path / "headroom.duckdb"
    with Store.open(path) as first:
        load(first, (0, "a", "cpu", 1.0), (5, "a", "cpu", 2.0))
    with Store.open(path) as second:
        assert load(second, (0, "a", "cpu", 1.0), (5, "a", "cpu", 3.0)) == Loaded(
            replaced=1, unchanged=1, newest_sample=MONDAY + timedelta(minutes=5)
        )
        assert second.newest_sample() == MONDAY + timedelta(minutes=5)
