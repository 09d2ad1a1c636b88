"""Forecasts against what came, over three runs of the whole line on files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.snapshot import Snapshot
from data.store import Store
from headroom.jobs.everything import everything
from headroom.jobs.run import Run
from headroom.jobs.verify import chosen
from headroom.settings import Settings, load

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS, MORE = 40, 4
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CUT, END = START + DAYS * DAY, START + (DAYS + MORE) * DAY


def demand() -> dict[str, np.ndarray]:
    """Three servers; `jump` needs three times as much once the first run has forecast it."""
    rng = np.random.default_rng(5)
    hours = np.arange((DAYS + MORE) * 24)
    day = 2 + np.sin(2 * np.pi * hours / 24)
    rows = {name: day * level * rng.normal(1, 0.03, len(hours)) for name, level in LEVELS.items()}
    rows["jump"][DAYS * 24 :] *= 3
    # Rollups are kept to a thousandth: so they hold these exactly.
    return {name: row.round(3) for name, row in rows.items()}


LEVELS = {"calm": 1.0, "other": 0.5, "jump": 0.7}


def write(folder: Path, name: str, first_day: int, last_day: int) -> None:
    slots = range(first_day * 24, last_day * 24)
    pl.concat(
        pl.DataFrame(
            {
                "time": [START + i * HOUR for i in slots],
                "host": host,
                "metric": "cpu",
                "value": values[slots.start : slots.stop],
                "capacity": 16.0,
                "unit": "cores",
            }
        )
        for host, values in demand().items()
    ).write_csv(folder / "metrics" / name)


def run(settings: Settings, run_id: str) -> None:
    with Store.open(settings.store_path) as store:
        everything(Run(settings, store, END + DAY, run_id))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Run `first` on 40 days, `second` with four more, `third` on the same again."""
    folder = tmp_path_factory.mktemp("actuals")
    (folder / "metrics").mkdir()
    (folder / "resources.csv").write_text(
        "resource,kind,service,provider,site\ncalm,vm,shop,on_premises,dc1\nother,vm,shop,on_premises,dc1\n"
        "jump,vm,,on_premises,dc1\n"
    )
    (folder / "services.csv").write_text("service,team,owner,tier\nshop,web,Ada,1\n")
    (folder / "headroom.toml").write_text(
        '[inventory]\nresources = "resources.csv"\nservices = "services.csv"\n'
        '[source.servers]\nkind = "files"\npaths = ["metrics/*.csv"]\ntime = "time"\nresource = "host"\n'
        'metric = "metric"\nvalue = "value"\ncapacity = "capacity"\nunit = "unit"\n'
        "[forecast]\ndays = 60\nsamples = 50\nprocesses = 1\n"
    )
    made = load(folder / "headroom.toml", environ={})
    write(folder, "one.csv", 0, DAYS)
    run(made, "first")
    write(folder, "two.csv", DAYS, DAYS + MORE)
    run(made, "second")
    run(made, "third")
    return made


def test_the_recorded_error_is_that_of_a_plain_loop(settings: Settings) -> None:
    with Snapshot.open(settings.published, "first") as first, Snapshot.open(settings.published) as newest:
        points, rows = first.table("forecast_points"), newest.table("forecast_actuals")
        promised = first.table("forecast_series").filter(grain="hour")
    # The service's resources add up to it, hour by hour: that is what was forecast of it.
    measured = demand() | {"shop": demand()["calm"] + demand()["other"]}
    assert rows.filter(grain="hour")["subject"].sort().to_list() == ["calm", "jump", "other", "shop"]
    for row in rows.filter(grain="hour").iter_rows(named=True):
        said = points.filter(grain="hour", scope=row["scope"], subject=row["subject"], metric="cpu")
        errors, amounts, inside_80, inside_90 = [], [], [], []
        for point in said.iter_rows(named=True):
            if point["ts"] >= END:
                continue
            value = measured[row["subject"]][(point["ts"] - START) // HOUR]
            errors.append(point["q50"] - value)
            amounts.append(value)
            inside_80.append(point["q10"] <= value <= point["q90"])
            inside_90.append(point["q05"] <= value <= point["q95"])
        assert row["slots"] == len(errors) == MORE * 24
        assert row["relative_error"] == pytest.approx(sum(map(abs, errors)) / sum(amounts), rel=1e-9)
        assert row["relative_bias"] == pytest.approx(sum(errors) / sum(amounts), abs=1e-9)
        assert row["coverage_80"] == pytest.approx(np.mean(inside_80))
        assert row["coverage_90"] == pytest.approx(np.mean(inside_90))
        expected = promised.filter(scope=row["scope"], subject=row["subject"])["relative_error"].item()
        assert row["expected_error"] == pytest.approx(expected)
        assert (row["forecast_run"], row["age_days"]) == ("first", 1)
        assert (row["compared_from"], row["measured_until"]) == (CUT, END)


def test_days_are_compared_with_their_peaks(settings: Settings) -> None:
    with Snapshot.open(settings.published, "first") as first, Snapshot.open(settings.published) as newest:
        points = first.table("forecast_points").filter(grain="day", subject="calm")
        row = newest.table("forecast_actuals").filter(grain="day", subject="calm").row(0, named=True)
    peaks = demand()["calm"].reshape(-1, 24).max(1)
    over = points.filter(pl.col("ts") < END)
    errors = [abs(q50 - peaks[(ts - START) // DAY]) for ts, q50 in over.select("ts", "q50").iter_rows()]
    assert row["slots"] == len(errors) >= MORE
    assert row["mean_error"] == pytest.approx(np.mean(errors), rel=1e-4)


def test_running_again_on_the_same_measurements_adds_nothing(settings: Settings) -> None:
    with Snapshot.open(settings.published, "second") as second, Snapshot.open(settings.published) as third:
        before, after = second.table("forecast_actuals"), third.table("forecast_actuals")
        events = third.table("events")
        steps = third.table("runs").filter(step="verify")
    assert before.drop("verified_run").equals(after.drop("verified_run"))
    assert (set(before["verified_run"]), set(after["verified_run"])) == ({"second"}, {"third"})
    assert events.filter(kind="accuracy_drift").height == 1
    assert steps.sort("started_at").select("run_id", "outcome", "rows_read").rows() == [
        ("first", "done", 0), ("second", "done", 8), ("third", "done", 8)
    ]  # fmt: skip


def test_the_jump_is_an_event_and_the_calm_ones_are_not(settings: Settings) -> None:
    with Snapshot.open(settings.published) as newest:
        event = newest.table("events").row(0, named=True)
    assert (event["subject"], event["kind"], event["ends_at"]) == ("jump", "accuracy_drift", None)
    assert event["ts"] == END - HOUR
    assert event["description"].startswith("hourly cpu forecasts since 10 Feb were off by 6")


def test_the_services_median_is_the_sum_of_its_resources(settings: Settings) -> None:
    with Snapshot.open(settings.published) as newest:
        points = newest.table("forecast_points").filter(grain="hour", metric="cpu")
    total = (
        points.filter(pl.col("subject").is_in(["calm", "other"])).group_by("ts").agg(pl.sum("q50")).sort("ts")
    )
    service = points.filter(scope="service", subject="shop").sort("ts")
    assert service.height == 336
    # Each of the three is stored to six digits of its highest amount: to 0.00001 here, so half of it thrice.
    np.testing.assert_allclose(service["q50"].to_numpy(), total["q50"].to_numpy(), rtol=0, atol=1.500001e-5)


def test_an_unreadable_earlier_run_is_noted_and_the_line_goes_on(settings: Settings) -> None:
    first = settings.published / "first.duckdb"
    kept = first.read_bytes()
    first.write_bytes(b"not a database")
    try:
        run(settings, "fourth")
    finally:
        first.write_bytes(kept)
    with Snapshot.open(settings.published) as newest:
        step = newest.table("runs").filter(step="verify", run_id="fourth").row(0, named=True)
        assert newest.run_id == "fourth" and newest.table("forecast_actuals").height == 8
    assert step["outcome"] == "failed" and "first.duckdb" in step["message"]


def test_of_each_age_the_newest_run_is_chosen(settings: Settings) -> None:
    runs = Snapshot.runs(settings.published)
    assert [(run.run_id, run.age_days) for run in chosen(runs, END)] == [("first", 1)]
    assert [(run.run_id, run.age_days) for run in chosen(runs, CUT + 7 * DAY)] == [
        (runs[0].run_id, 1),
        ("first", 7),
    ]
    assert [(run.run_id, run.age_days) for run in chosen(runs, END + 28 * DAY)] == [(runs[0].run_id, 28)]
    assert chosen(runs, CUT + 23 * HOUR) == []
