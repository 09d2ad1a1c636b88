"""Late readings: the slots made anew are those that all readings at once would have given."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import polars as pl
import pytest

from data.frames import UTC_TIME
from ingest import late, remote_write
from ingest.late import late_samples
from ingest.readings import GROUP, READING_SCHEMA, ReadingList
from ingest.slots import samples_of
from tests.unit.ingest.payloads import START, node_series, write_request

MINUTE = timedelta(minutes=1)
GAP = timedelta(minutes=10)


@pytest.fixture(scope="module")
def readings() -> pl.DataFrame:
    """READING_SCHEMA of two machines over a day and a half, a scrape every two minutes."""
    found = ReadingList()
    for host in ("web-1:9100", "web-2:9100"):
        series = node_series([120.0 * number for number in range(1_080)], host, swing=0.2)
        remote_write.add_readings(write_request(*series), found, [])
    return found.frame()


@pytest.mark.parametrize("few", [0, 20], ids=["by hour", "by day"])
def test_the_slots_are_those_of_all_readings_at_once(
    readings: pl.DataFrame, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late, "FEW", few)
    chance = random.Random(5)
    came_late = pl.Series([chance.random() < 0.002 for _ in range(readings.height)])
    rest, after = readings.filter(~came_late), readings.filter(came_late)

    def around(since: datetime, until: datetime, resources: pl.Series) -> pl.DataFrame:
        return rest.filter(
            pl.col("ts").is_between(since, until), pl.col("resource").is_in(resources.implode())
        )

    bound = START + timedelta(hours=35)
    bounds = readings.select(GROUP).unique().with_columns(pl.lit(bound, UTC_TIME).alias("bound"))
    made = late_samples(after.select(*READING_SCHEMA), around, bounds, MINUTE, GAP)
    whole = samples_of(readings, MINUTE, GAP)
    keys = ["resource", "metric", "ts"]
    expected = whole.join(made, on=keys, how="semi").sort(keys)
    found = made.sort(keys)
    assert found.select(keys).equals(expected.select(keys))
    for name in ("value", "value_max", "capacity"):
        assert found[name].round(9).equals(expected[name].round(9))
    # Every slot that is other without the late readings is among them, and none far from all of them.
    before = samples_of(rest, MINUTE, GAP)
    changed = whole.filter(pl.col("ts") < bound).join(
        before.select(*keys, "value", "capacity"),
        on=[*keys, "value", "capacity"],
        how="anti",
        nulls_equal=True,
    )
    assert changed.height > 20 and changed.join(made, on=keys, how="anti").is_empty()
    assert made["ts"].max() < bound  # type: ignore[operator]
    assert made.height < whole.height / 2
