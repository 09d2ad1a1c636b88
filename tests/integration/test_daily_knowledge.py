"""From the settings file to stored daily forecasts and exhaustion: a driver's plan, a campaign, a launch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.errors import ConfigError
from data.snapshot import Snapshot
from data.store import Store
from headroom.jobs.decide import decide
from headroom.jobs.forecast import forecast
from headroom.jobs.ingest import ingest
from headroom.jobs.publish import publish
from headroom.jobs.run import Run
from headroom.settings import load

START = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 260
END = START + timedelta(days=DAYS)
TOLD = f"""
driver_plans = [{{ subject = "shop", times = {{ "{(END + timedelta(days=30)).date()}" = 2.0 }} }}]

[[forecast.known_events]]
subject = "alone"
start = {(END + timedelta(days=10)).isoformat()}
end = {(END + timedelta(days=12)).isoformat()}
factor = 3.0
description = "fair"

[[forecast.known_events]]
subject = "disk"
start = {(END + timedelta(days=20)).isoformat()}
amount = 500.0
metric = "storage"
"""


def measured() -> pl.DataFrame:
    """A web server that follows the shop's requests, one that follows nobody, a disk; one value a day."""
    draw = np.random.default_rng(3)
    noise = np.zeros(DAYS)
    for i in range(1, DAYS):
        noise[i] = 0.7 * noise[i - 1] + draw.normal(0, 0.06)
    requests = 1000 * np.array([1, 1, 1, 1, 0.95, 0.6, 0.5])[np.arange(DAYS) % 7] * np.exp(noise)
    rows = {
        ("shop", "requests", "requests/s"): requests,
        ("web", "cpu", "cores"): requests / 250 * np.exp(draw.normal(0, 0.03, DAYS)),
        ("alone", "cpu", "cores"): 3 * np.exp(draw.normal(0, 0.05, DAYS)),
        ("disk", "storage", "GiB"): 1000 + np.cumsum(draw.normal(0, 1, DAYS)),
    }
    return pl.concat(
        pl.DataFrame(
            {
                "time": [START + timedelta(days=i) for i in range(DAYS)],
                "host": host,
                "metric": metric,
                "value": values,
                "capacity": {"requests": None, "cpu": 16.0, "storage": 1600.0}[metric],
                "unit": unit,
            },
            schema_overrides={"capacity": pl.Float64},
        )
        for (host, metric, unit), values in rows.items()
    )


@dataclass(frozen=True)
class Concluded:
    points: pl.DataFrame
    series: pl.DataFrame
    exhaustion: pl.DataFrame

    def middle(self, subject: str, first: int, last: int, metric: str = "cpu") -> float:
        days = (pl.col("ts") - END).dt.total_days()
        of = (pl.col("subject") == subject) & (pl.col("metric") == metric)
        rows = self.points.filter(of & days.is_between(first, last))
        return float(rows["q50"].mean())  # type: ignore[arg-type]


def conclude(folder: Path, told: str) -> Concluded:
    folder.mkdir()
    measured().write_csv(folder / "metrics.csv")
    (folder / "resources.csv").write_text(
        "resource,kind,service,provider,site\nweb,vm,shop,on_premises,dc1\nalone,vm,,on_premises,dc1\n"
        "disk,volume,,on_premises,dc1\n"
    )
    (folder / "services.csv").write_text("service,team,owner,tier\nshop,web,Ada,1\n")
    (folder / "headroom.toml").write_text(
        '[inventory]\nresources = "resources.csv"\nservices = "services.csv"\n'
        '[source.days]\nkind = "files"\npaths = ["metrics.csv"]\ntime = "time"\nresource = "host"\n'
        'metric = "metric"\nvalue = "value"\ncapacity = "capacity"\nunit = "unit"\n'
        f"[forecast]\ndays = 90\nsamples = 60\nprocesses = 1\n{told}"
    )
    settings = load(folder / "headroom.toml", environ={})
    with Store.open(settings.store_path) as store:
        run = Run(settings, store, END + timedelta(hours=1), "only")
        ingest(run)
        forecast(run)
        decide(run)
        publish(run)
    snapshot = Snapshot.open(settings.published)
    rows = [snapshot.table(table) for table in ("forecast_points", "forecast_series", "exhaustion")]
    day = pl.col("grain") == "day"
    return Concluded(rows[0].filter(day), rows[1].filter(day), rows[2])


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Concluded, Concluded]:
    folder = tmp_path_factory.mktemp("knowledge")
    return conclude(folder / "plain", ""), conclude(folder / "told", TOLD)


def test_who_follows_the_requests_follows_their_plan(both: tuple[Concluded, Concluded]) -> None:
    plain, told = both
    assert told.middle("web", 40, 80) == pytest.approx(2 * plain.middle("web", 40, 80), rel=0.15)
    ratio = told.middle("shop", 40, 80, "requests") / plain.middle("shop", 40, 80, "requests")
    assert ratio == pytest.approx(2, rel=0.05)
    assert told.middle("alone", 40, 80) == pytest.approx(plain.middle("alone", 40, 80))
    notes = dict(told.series.filter(pl.col("metric") == "cpu").select("subject", "notes").iter_rows())
    assert "follows the plan of its requests" in notes["web"]
    assert notes["alone"] == "fair: 3 times as much"


def test_the_median_of_a_service_is_that_of_its_only_resource_on_every_day(
    both: tuple[Concluded, Concluded],
) -> None:
    for one in both:
        rows = one.points.filter(pl.col("metric") == "cpu").sort("ts")
        service, resource = (rows.filter(pl.col("subject") == name)["q50"] for name in ("shop", "web"))
        assert service.len() == 90
        assert service.to_list() == pytest.approx(resource.to_list(), rel=1e-4)


def test_a_campaign_is_in_its_days_only(both: tuple[Concluded, Concluded]) -> None:
    plain, told = both
    assert told.middle("alone", 10, 11) == pytest.approx(3 * plain.middle("alone", 10, 11), rel=0.01)
    assert told.middle("alone", 12, 20) == pytest.approx(plain.middle("alone", 12, 20), rel=0.01)


def test_exhaustion_follows_what_was_announced(both: tuple[Concluded, Concluded]) -> None:
    state = [
        dict(one.exhaustion.filter(pl.col("subject") == "disk").select("subject", "p90").iter_rows())["disk"]
        for one in both
    ]
    assert state[0] < 0.1 < 0.9 < state[1]


def test_a_plan_for_a_driver_nobody_measured_is_an_error(tmp_path: Path) -> None:
    told = f'driver_plans = [{{ subject = "shp", times = {{ "{END.date()}" = 2.0 }} }}]\n'
    with pytest.raises(ConfigError, match=r"shp/requests was never measured; drivers are: shop/requests"):
        conclude(tmp_path / "wrong", told)
