"""Forecast: hours for two weeks and daily peaks for a year, of every resource and service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal

import numpy as np
import polars as pl

from data.errors import StoreUnavailable, UnknownName
from data.outcome import Forecast
from data.panel import HOUR, Panel
from data.reach import REACH_DAYS, REACH_LEVELS, Reach
from data.series import STOCKS, Metric, Window
from headroom.cluster import fan_out
from headroom.jobs.knowledge import Drivers, daily_drivers, drivers_of, informed, known_of
from headroom.jobs.model_choice import model_for
from headroom.jobs.run import Run
from headroom.jobs.tables import (
    LEVELS,
    correction_rows,
    forecast_points,
    forecast_series,
    reach_rows,
    service_rows,
    summary_scores,
)
from models.coherence import coherent
from models.exhaustion import last_capacity
from models.exhaustion_calibration import ANSWER_SCHEMA, learn_corrections, past_answers, reliability
from models.features.known import Known
from models.forecasters import FORECASTERS
from models.planning.driven import DailyDrivers
from models.planning.informed import inform
from models.planning.plan import plan_and_reach
from models.services import ServiceDemand, aggregate

_HOUR_PART, _DAY_PART = 250, 500
"""Series per task: enough to pool over, small enough to keep memory low and the progress bar moving."""
LASTING_DAYS = 3
"""Demand that flows has run out of capacity when its peak is at the limit for three days running: within a
year almost everything has one burst, and a date for a burst is noise."""
_ASKED, _ASKED_SAMPLES = 40, 60
"""Series per metric, and paths of each, from which the correction of probabilities is learned: a few thousand
past answers, for a few seconds of work."""
_EVERY_DAY, _THEN_EVERY = 90, 7
"""Daily points are stored for each of the first 90 days, then weekly: a chart shows no more."""


_NOTHING = Forecast((), datetime.min.replace(tzinfo=UTC), HOUR, LEVELS, np.empty((0, 1, len(LEVELS))), ())
_NO_REACH = Reach(
    (), _NOTHING.start, REACH_DAYS, REACH_LEVELS, np.empty((0, len(REACH_DAYS), len(REACH_LEVELS)))
)
"""Give the tables their columns where no series can be forecast."""


@dataclass(frozen=True, slots=True)
class ForecastReport:
    """What was forecast."""

    series: int
    refused: int
    hours: int
    days: int

    def sentence(self) -> str:
        refused = f"; {self.refused:,} had too little history and got a fallback" if self.refused else ""
        return f"forecast {self.series:,} series {self.hours} hours and {self.days} days ahead{refused}"


@dataclass(frozen=True, slots=True)
class Subjects:
    """What is forecast at one grain: resources (with the drivers of services) and services."""

    resources: Panel
    drivers: Panel
    services: ServiceDemand

    def scopes(self) -> list[tuple[str, Panel]]:
        return [("resource", self.resources), ("service", self.drivers), ("service", self.services.panel)]


def forecast(run: Run) -> ForecastReport:
    """Forecasts everything stored and replaces the forecast tables.

    Raises:
        StoreUnavailable: nothing was measured yet.
        UnknownName: the settings name a forecaster that does not exist.
    """
    settings = run.settings.forecast
    for name in (settings.model, *settings.models.values()):
        if name not in FORECASTERS:
            raise UnknownName("forecaster", name, FORECASTERS)
    newest = run.newest_sample()
    if newest is None:
        raise StoreUnavailable(f"{run.settings.store_path}: nothing measured yet; `headroom ingest` loads it")
    with run.record("forecast") as report:
        points = [forecast_points(_NOTHING, "resource", [])]
        series: list[pl.DataFrame] = []
        reaches = [reach_rows(_NO_REACH, "resource")]
        all_scores: list[pl.DataFrame] = []

        hours = subjects(run, "hour", newest)
        ahead = timedelta(hours=settings.hours)
        known = known_of(run, [panel for _, panel in hours.scopes()], ahead)
        drivers = drivers_of(hours.drivers, service_of(run), known) if settings.drivers else None
        concluded = {"service_hour": service_rows(hours.services, hours.services.panel, None)}
        hourly: dict[str, list[Forecast]] = {"resource": [], "service": []}
        with run.steps.step("Forecast hours") as advance:
            total = sum(len(panel) for _, panel in hours.scopes())
            done = 0
            for scope, panel in hours.scopes():
                for model, chosen in _by_model(panel, service_of(run), settings.model, settings.models):
                    work = partial(_hourly, settings.hours, model, known, drivers)
                    for part, (made, scores, notes) in fan_out(
                        work, parts_of(chosen, _HOUR_PART), run.settings
                    ):
                        hourly[scope].append(made)
                        series.append(
                            forecast_series(made, part, scope, summary_scores(part, model, scores, notes))
                        )
                        if scores is not None:
                            all_scores.append(scores.with_columns(grain=pl.lit("hour"), scope=pl.lit(scope)))
                        done += len(part)
                        advance(done, total)

        for agreed in coherent(hourly["resource"], hourly["service"], hours.resources, service_of(run)):
            for scope, made in zip(hourly, agreed, strict=True):
                points.append(forecast_points(made, scope, range(settings.hours)))

        days = subjects(run, "day", newest)
        usual = (_of_services(run, days, statistic) for statistic in ("mean", "p95"))
        concluded["service_day"] = service_rows(days.services, *usual)
        slots = [*range(min(settings.days, _EVERY_DAY)), *range(_EVERY_DAY, settings.days, _THEN_EVERY)]
        day_known = known_of(run, [panel for _, panel in days.scopes()], timedelta(days=settings.days))
        followed = daily_drivers(days.drivers, service_of(run), day_known, settings)
        daily: dict[str, list[Forecast]] = {"resource": [], "service": []}
        with run.steps.step("Forecast days") as advance:
            total = sum(len(panel) for _, panel in days.scopes())
            done = 0
            for scope, panel in days.scopes():
                plan = partial(_daily, settings.days, settings.samples, settings.seed, day_known, followed)
                for days_part, (planned, reach, said) in fan_out(
                    plan, parts_of(panel, _DAY_PART), run.settings
                ):
                    daily[scope].append(replace(planned, quantiles=planned.quantiles[:, slots]))
                    series.append(forecast_series(planned, days_part, scope, said))
                    reaches.append(reach_rows(reach, scope))
                    done += len(days_part)
                    advance(done, total)

        # Growth of what is stored shows in one volume and hides in the sum of many: there the sum gives way.
        for agreed in coherent(
            daily["resource"], daily["service"], days.resources, service_of(run), bottom_up=STOCKS
        ):
            for scope, made in zip(daily, agreed, strict=True):
                points.append(forecast_points(made, scope, slots, whole=False))

        with run.steps.step("Check past answers"):
            concluded |= _reliability(run, days.resources)

        made_rows = pl.concat(series, how="diagonal_relaxed")
        concluded |= {
            "forecast_points": pl.concat(points),
            "forecast_series": made_rows,
            "reach": pl.concat(reaches),
        }
        if all_scores:
            # Scores of daily forecasts and of other models come from `headroom backtest`: they stay.
            scores = pl.concat(all_scores)
            models = scores["model"].unique().to_list()
            earlier = run.store.frame("forecast_scores_but", grain="hour", models=models)
            concluded["forecast_scores"] = pl.concat(
                [earlier, scores.select(earlier.columns)], how="vertical_relaxed"
            )
        with run.steps.step("Store forecasts"):
            # At once: points, reach and what was learned of past answers belong to each other.
            run.store.replace_all(concluded)
        report.rows_read = made_rows.height
        refused = made_rows["refusal"].is_not_null().sum()
        return ForecastReport(made_rows.height, int(refused), settings.hours, settings.days)


def subjects(run: Run, grain: Literal["hour", "day"], newest: datetime) -> Subjects:
    """The panels of one grain, up to the last complete slot.

    Hourly demand is the mean of the hour; daily demand is the day's peak, which exhaustion is about.
    """
    settings = run.settings.forecast
    if grain == "hour":
        end = (newest + HOUR).replace(minute=0, second=0, microsecond=0)
        window = Window(end - timedelta(days=settings.hours_history_days), end)
        everything = run.store.panel("hour", window=window)
    else:
        # The last day counts only when it is over: a morning has not seen its peak.
        end = (newest + HOUR).replace(hour=0, minute=0, second=0, microsecond=0)
        window = Window(end - timedelta(days=settings.days_history_days), end)
        everything = run.store.panel("day", window=window, statistic="max")
    held = np.array([key.metric in set(Metric) for key in everything.keys], bool)
    resources = everything.take(held)
    return Subjects(resources, everything.take(~held), aggregate(resources, service_of(run)))


def _reliability(run: Run, days: Panel) -> dict[str, pl.DataFrame]:
    """The tables of what would have been said at past cutoffs about running out, and what it teaches."""
    work = partial(_past_answers, run.settings.decide.reserve, run.settings.forecast.seed)
    by_metric = [days.take(rows) for rows in _rows_by_metric(days).values()]
    answers = pl.concat(
        [answers for _, answers in fan_out(work, by_metric, run.settings)]
        or [pl.DataFrame(schema=ANSWER_SCHEMA)]
    )
    corrections = learn_corrections(answers)
    return {
        "reliability": reliability(answers, corrections),
        "corrections": correction_rows(corrections),
    }


def _past_answers(reserve: float, seed: int, panel: Panel) -> pl.DataFrame:
    limits = last_capacity(panel) * (1 - reserve)
    return past_answers(
        panel, limits=limits, seed=seed, most_series=_ASKED, samples=_ASKED_SAMPLES, lasting=LASTING_DAYS
    )


def _rows_by_metric(panel: Panel) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, key in enumerate(panel.keys):
        rows.setdefault(key.metric, []).append(row)
    return rows


def service_of(run: Run) -> dict[str, str]:
    """Resource -> service, as the inventory has it now."""
    owned = run.store.frame("resources_now").filter(pl.col("service").is_not_null())
    return dict(zip(owned["resource"], owned["service"], strict=True))


def _by_model(
    panel: Panel, services: Mapping[str, str], default: str, chosen: Mapping[str, str]
) -> list[tuple[str, Panel]]:
    """The panel's series by the forecaster that the settings name for them."""
    each = [model_for(key, services.get(key.subject), default, chosen) for key in panel.keys]
    names = np.array(each, dtype=object)
    return [(name, panel.take(names == name)) for name in sorted(set(names))]


def _of_services(run: Run, days: Subjects, statistic: Literal["mean", "p95"]) -> Panel:
    """Another daily statistic of the services, on the same days."""
    panel = days.resources
    same = run.store.panel("day", window=Window(panel.start, panel.end), statistic=statistic)
    return aggregate(same, service_of(run)).panel


def parts_of(panel: Panel, size: int) -> list[Panel]:
    """Parts of about `size` series, of one metric where possible: pooled members learn from their like."""
    order = sorted(range(len(panel)), key=lambda i: (panel.keys[i].metric, panel.keys[i].subject))
    return [panel.take(order[first : first + size]) for first in range(0, len(order), size)]


Hourly = tuple[Forecast, pl.DataFrame | None, pl.DataFrame | None]
"""A forecast, its backtest scores, and what was masked or noticed in the histories."""


def _hourly(
    hours: int, model: str, known: Mapping[str, Known], drivers: Drivers | None, panel: Panel
) -> Hourly:
    return informed(model, known, drivers).forecast_scored(panel, hours, LEVELS)


Daily = tuple[Forecast, Reach, pl.DataFrame]
"""A forecast, how far it reaches, and what was known beside the history, in words."""


def _daily(
    days: int,
    samples: int,
    seed: int,
    known: Mapping[str, Known],
    drivers: DailyDrivers | None,
    panel: Panel,
) -> Daily:
    told = inform(panel, days, known, drivers, seed=seed)
    planned, reach = plan_and_reach(
        told.history, days, LEVELS, samples=samples, seed=seed, lasting=LASTING_DAYS, outlook=told.outlook
    )
    said: list[dict[str, None]] = [{} for _ in panel.keys]
    for row, _, _, _, sentence in told.notes:
        said[row][sentence] = None
    notes = ["; ".join(sentences) or None for sentences in said]
    return planned, reach, pl.DataFrame({"notes": notes}, schema={"notes": pl.String})
