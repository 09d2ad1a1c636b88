"""Holidays, month ends, clocks and labelled stretches: what is known beside the measurements."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from data.errors import ConfigError
from data.panel import HOUR, FloatArray, Panel
from data.series import SeriesKey, Window
from models.features.calendar import (
    MONTH_ENDS,
    SpecialDay,
    month_end_days,
    public_holidays,
    utc_offsets,
    zone_named,
)
from models.features.known import Expected, Known, Membership, Stretch, mask_windows, nearest
from models.features.local_time import aligned, follows_local_time, moved_slots
from models.features.masks import masked
from models.forecasters.fleet import Fleet
from models.forecasters.informed import Informed
from models.forecasters.prophet_model import Prophet
from models.forecasters.special_slots import special_slots
from tests.notation import MONDAY

LEVELS = (0.1, 0.5, 0.9)
STEP = np.timedelta64(1, "h")
WEEK = np.repeat([100.0, 100, 100, 100, 100, 20, 10], 24)
"""Demand of working days, of a Saturday and of a Sunday."""


def weeks(count: int, rows: int = 1, seed: int = 3) -> FloatArray:
    rng = np.random.default_rng(seed)
    return np.tile(WEEK, (rows, count)) * np.exp(rng.normal(0, 0.02, (rows, 168 * count)))


def day_of(monday: datetime, number: int) -> date:
    return (monday + timedelta(days=number)).date()


def panel_of(demand: FloatArray, start: datetime = MONDAY) -> Panel:
    return Panel.of([SeriesKey(f"r{i}", "cpu") for i in range(len(demand))], start, HOUR, demand)


def hours(start: datetime, count: int) -> FloatArray:
    """Hour of the day in Berlin, slot by slot."""
    place = zone_named("Europe/Berlin")
    return np.array([(start + k * HOUR).astimezone(place).hour for k in range(count)], float)


def test_hessen_has_what_germany_has_and_corpus_christi() -> None:
    first, last = date(2026, 1, 1), date(2026, 12, 31)
    hessen = {special.day for special in public_holidays("DE-HE", first, last)}
    germany = {special.day for special in public_holidays("DE", first, last)}
    assert germany < hessen
    assert hessen - germany == {date(2026, 6, 4)}


@pytest.mark.parametrize("region", ["XX", "DE-XX"])
def test_an_unknown_country_is_an_error(region: str) -> None:
    with pytest.raises(ConfigError, match=f"no public holidays are known for '{region}'"):
        public_holidays(region, date(2026, 1, 1), date(2026, 2, 1))


@pytest.mark.parametrize("name", ["Europe/Nowhere", "../etc", ""])
def test_an_unknown_zone_is_an_error(name: str) -> None:
    with pytest.raises(ConfigError, match="no time zone"):
        zone_named(name)


def test_a_month_ends_on_two_days_and_begins_on_one() -> None:
    days = [date(2024, 2, 27) + timedelta(days=k) for k in range(5)]
    assert month_end_days(days) == {
        date(2024, 2, 28): MONTH_ENDS[0],
        date(2024, 2, 29): MONTH_ENDS[1],
        date(2024, 3, 1): MONTH_ENDS[2],
    }


# Labelled stretches


def test_a_window_before_the_panel_masks_nothing() -> None:
    history = panel_of(np.ones((1, 10)))
    early = Window(MONDAY - timedelta(hours=5), MONDAY - timedelta(hours=3))
    np.testing.assert_array_equal(masked(history, {history.keys[0]: [early]}).demand, history.demand)


def test_a_moment_masks_the_hour_it_is_in_and_a_purge_only_what_accumulates() -> None:
    demand = np.ones((2, 4))
    keys = (SeriesKey("db", "cpu"), SeriesKey("db", "storage"))
    history = Panel.of(keys, MONDAY, HOUR, demand)
    moment = MONDAY + timedelta(hours=1, minutes=20)
    outage = Stretch(Window(moment, moment), "outage")
    purge = Stretch(Window(MONDAY + 3 * HOUR, MONDAY + 4 * HOUR), "purge")
    got = masked(history, mask_windows(history, {"db": Known((outage, purge))})).demand
    nan = np.nan
    np.testing.assert_array_equal(got, [[1, nan, 1, 1], [1, nan, 1, nan]])


def test_events_concern_a_resource_by_its_service_and_its_site() -> None:
    member = Membership(
        {"a": "shop", "b": "shop", "c": "shop"}, {"a": "fra", "b": "fra", "c": "ams", "d": "ams"}
    )
    assert member.names("a") == ("a", "shop", "fra", "*")
    assert member.names("d") == ("d", "ams", "*")
    assert member.names("shop") == ("shop", "fra", "*")
    assert nearest({"*": "DE", "fra": "DE-HE"}, member.names("a")) == "DE-HE"
    assert nearest({"*": "DE"}, member.names("d")) == "DE"
    assert nearest({}, member.names("d")) is None


def test_a_labelled_anomaly_teaches_nothing_and_is_noted() -> None:
    """Four days of three times the demand just before now: as forecast without them."""
    calm = weeks(6, rows=3)
    wild = calm.copy()
    wild[0, -96:] *= 3
    end = MONDAY + 6 * timedelta(weeks=1)
    told = {"r0": Known((Stretch(Window(end - timedelta(hours=96), end), "anomaly", "load test"),))}
    want = Fleet().forecast(panel_of(calm), 48, LEVELS).at(0.5)[0]
    naive = Fleet().forecast(panel_of(wild), 48, LEVELS).at(0.5)[0]
    made, _, notes = Informed(Fleet(), told).forecast_scored(panel_of(wild), 48, LEVELS)
    assert np.abs(made.at(0.5)[0] - want).mean() < 0.2 * np.abs(naive - want).mean()
    said = notes.filter(subject="r0").select("kind", "slots", "note").rows()
    assert ("masked", 96, "anomaly (load test); left out") in said
    assert "gap" not in [kind for kind, *_ in said]


def test_a_real_gap_beside_a_mask_is_still_a_gap() -> None:
    demand = weeks(6)
    demand[0, 200:210] = np.nan
    mask = Stretch(Window(MONDAY + 210 * HOUR, MONDAY + 220 * HOUR), "outage")
    notes = Informed(Fleet(), {"r0": Known((mask,))}).forecast_scored(panel_of(demand), 24, LEVELS)[2]
    kinds = notes.filter(pl.col("kind").is_in(["gap", "masked"])).select("kind", "slots").rows()
    assert sorted(kinds) == [("gap", 10), ("masked", 10)]


def test_a_known_event_has_its_factor_at_every_level() -> None:
    history = panel_of(weeks(6, rows=2))
    window = Window(history.end + timedelta(hours=5), history.end + timedelta(hours=8))
    plain = Informed(Fleet()).forecast(history, 24, LEVELS).quantiles
    got = Informed(Fleet(), {"r1": Known(expected=(Expected(window, 1.5, "sale"),))}).forecast(
        history, 24, LEVELS
    )
    np.testing.assert_array_equal(got.quantiles[0], plain[0])
    np.testing.assert_allclose(got.quantiles[1, 5:8], 1.5 * plain[1, 5:8])
    np.testing.assert_array_equal(got.quantiles[1, :5], plain[1, :5])
    np.testing.assert_array_equal(got.quantiles[1, 8:], plain[1, 8:])


# Holidays


def test_two_past_holidays_foretell_the_next() -> None:
    """Two Wednesdays at 30 % of a working day: the Thursday ahead is forecast at 30 % of one, too."""
    demand = weeks(9)
    for day in (16, 37):
        demand[0, day * 24 : day * 24 + 24] *= 0.3
    feasts = tuple(SpecialDay(day_of(MONDAY, d), "feast") for d in (16, 37, 66))
    got = special_slots(demand, MONDAY, HOUR, 7 * 24, feasts, month_ends=False)
    np.testing.assert_array_equal(
        np.flatnonzero(got.left_out[0]), [*range(16 * 24, 17 * 24), *range(37 * 24, 38 * 24)]
    )
    np.testing.assert_allclose(got.factor[0, 72:96], 0.3, rtol=0.05)
    np.testing.assert_array_equal(np.delete(got.factor[0], range(72, 96)), 1.0)


def test_one_holiday_that_was_like_a_sunday_makes_the_next_one_a_sunday() -> None:
    demand = weeks(9)
    demand[0, 16 * 24 : 17 * 24] *= 0.1
    feasts = tuple(SpecialDay(day_of(MONDAY, d), name) for d, name in ((16, "one"), (66, "other")))
    got = special_slots(demand, MONDAY, HOUR, 7 * 24, feasts, month_ends=False)
    np.testing.assert_allclose(got.factor[0, 72:96], 0.1, rtol=0.1)


def test_who_works_on_holidays_is_forecast_as_ever() -> None:
    demand = weeks(9)
    feasts = tuple(SpecialDay(day_of(MONDAY, d), "feast") for d in (16, 37, 66))
    got = special_slots(demand, MONDAY, HOUR, 7 * 24, feasts, month_ends=False)
    assert not got.left_out.any()
    assert (got.factor == 1).all()
    assert (got.wider == 1).all()


def test_a_holiday_ahead_without_one_behind_changes_nothing() -> None:
    got = special_slots(
        weeks(9), MONDAY, HOUR, 168, (SpecialDay(day_of(MONDAY, 66), "feast"),), month_ends=False
    )
    assert (got.factor == 1).all()


def test_a_holiday_yesterday_does_not_poison_its_weekday() -> None:
    demand = weeks(8, rows=2)
    calm = demand.copy()
    demand[:, 52 * 24 : 53 * 24] *= 0.1
    history = panel_of(demand).until(53 * 24)
    feast = (SpecialDay(day_of(MONDAY, 52), "feast"),)
    told = Informed(Fleet(), {"r0": Known(holidays=feast)}).forecast(history, 24, LEVELS).at(0.5)
    want = calm[:, 53 * 24 : 54 * 24]
    assert np.abs(told[0] - want[0]).mean() < 5
    assert np.abs(told[0] - want[0]).mean() < np.abs(told[1] - want[1]).mean()


def test_negative_series_are_left_alone() -> None:
    demand = weeks(9) - 50
    for day in (16, 37):
        demand[0, day * 24 : day * 24 + 24] *= 0.3
    feasts = tuple(SpecialDay(day_of(MONDAY, d), "feast") for d in (16, 37, 66))
    assert (special_slots(demand, MONDAY, HOUR, 168, feasts, month_ends=False).factor == 1).all()


# Month ends


def closing_months(factor: float) -> tuple[FloatArray, FloatArray]:
    """14 weeks from 1 January 2024 and the week after: 29 March to 14 April has one month's end ahead."""
    whole = weeks(15, rows=2)
    for number in month_ends_of(15 * 7):
        whole[0, number * 24 : number * 24 + 24] *= factor
    cutoff = 89 * 24
    return whole[:, :cutoff], whole[:, cutoff : cutoff + 96]


def month_ends_of(days: int) -> list[int]:
    found = month_end_days(day_of(MONDAY, k) for k in range(days))
    return [k for k in range(days) if day_of(MONDAY, k) in found]


def test_three_month_ends_foretell_the_fourth() -> None:
    past, ahead = closing_months(1.6)
    history = panel_of(past)
    told = Informed(Fleet()).forecast(history, 96, LEVELS).at(0.5)
    plain = Informed(Fleet(), month_ends=False).forecast(history, 96, LEVELS).at(0.5)
    assert np.abs(told[0] - ahead[0]).mean() < 0.5 * np.abs(plain[0] - ahead[0]).mean()


def test_months_that_end_like_any_day_change_nothing() -> None:
    past, _ = closing_months(1.0)
    got = special_slots(past, MONDAY, HOUR, 96, ())
    assert (got.factor == 1).all()
    assert (got.undone == 1).all()


def test_two_month_ends_are_not_enough() -> None:
    past, _ = closing_months(1.6)
    start = MONDAY + timedelta(days=35)
    got = special_slots(past[:, 35 * 24 :], start, HOUR, 96, ())
    assert (got.factor == 1).all()


# Clocks


def test_the_clock_of_berlin_was_put_back_at_one_in_the_morning() -> None:
    start = datetime(2026, 10, 24, 23, tzinfo=UTC)
    offsets = utc_offsets("Europe/Berlin", start, HOUR, 4)
    np.testing.assert_array_equal(offsets.astype(int), [7200, 7200, 3600, 3600])
    np.testing.assert_array_equal(moved_slots(offsets, 3, STEP), [1, 1, 0, 0])


def test_aligned_history_averages_the_hour_that_came_twice() -> None:
    """Slots 0 and 1 belong an hour later: slot 0 has nothing, slot 2 has two reports."""
    got = aligned(np.array([[10.0, 20.0, 40.0, 50.0]]), np.array([1, 1, 0, 0]))
    np.testing.assert_array_equal(got, [[np.nan, 10, 30, 50]])


def test_aligned_history_has_no_report_for_the_hour_that_was_skipped() -> None:
    got = aligned(np.array([[10.0, 20.0, 40.0, 50.0]]), np.array([-1, -1, 0, 0]))
    np.testing.assert_array_equal(got, [[20, np.nan, 40, 50]])


@pytest.mark.parametrize("start", [datetime(2026, 9, 21, tzinfo=UTC), datetime(2026, 2, 23, tzinfo=UTC)])
def test_demand_by_the_clock_is_aligned_to_todays_and_machines_are_not(start: datetime) -> None:
    """Five weeks before the clock is changed and two after, in autumn and in spring."""
    slots = 49 * 24
    people = 10 + hours(start, slots)
    machines = 10 + np.arange(slots) % 24.0
    moved = moved_slots(utc_offsets("Europe/Berlin", start, HOUR, slots), slots - 1, STEP)
    both = np.stack([people, machines])
    np.testing.assert_array_equal(follows_local_time(both, moved, 24), [True, False])
    whole = aligned(both[:1], moved)[:, 24:]
    folded = whole.reshape(-1, 24)
    assert (np.nanmax(folded, 0) == np.nanmin(folded, 0)).all()


def test_a_change_of_the_clock_ahead_moves_the_forecast() -> None:
    """Eight weeks to 24 October, then four days over the change: people come an hour later in UTC."""
    start = datetime(2026, 8, 29, tzinfo=UTC)
    slots, horizon = 56 * 24, 96
    shape = 10 + 5 * np.sin(2 * np.pi * hours(start, slots + horizon) / 24)
    demand = np.stack([shape, shape]) * np.exp(np.random.default_rng(5).normal(0, 0.01, (2, slots + horizon)))
    history = panel_of(demand[:, :slots], start)
    made = Informed(Fleet(), {"r0": Known(zone="Europe/Berlin")}).forecast(history, horizon, LEVELS)
    error = np.abs(made.at(0.5) - shape[None, slots:])[:, 48:].mean(1)
    assert made.quantiles.shape == (2, horizon, 3)
    assert error[0] < 0.3 * error[1]


# Laws


def test_with_nothing_known_it_is_the_inner_forecast() -> None:
    history = panel_of(weeks(6, rows=3))
    got = Informed(Fleet(), month_ends=False).forecast(history, 30, LEVELS)
    np.testing.assert_array_equal(got.quantiles, Fleet().forecast(history, 30, LEVELS).quantiles)


def test_quantiles_rise_and_scale_with_demand_whatever_is_known() -> None:
    past, _ = closing_months(1.6)
    for day in (16, 37):
        past[:, day * 24 : day * 24 + 24] *= 0.2
    feasts = tuple(SpecialDay(day_of(MONDAY, d), "feast") for d in (16, 37, 92))
    window = Window(MONDAY + timedelta(days=90), MONDAY + timedelta(days=91))
    known = {"r0": Known(holidays=feasts, expected=(Expected(window, 2.0),), zone="Europe/Berlin")}
    plain = Informed(Fleet(), known).forecast(panel_of(past), 120, LEVELS).quantiles
    scaled = Informed(Fleet(), known).forecast(panel_of(8 * past), 120, LEVELS).quantiles
    assert np.isfinite(plain).all()
    assert (np.diff(plain, axis=2) >= 0).all()
    assert (plain >= 0).all()
    np.testing.assert_allclose(scaled, 8 * plain, rtol=1e-6)


def test_empty_silent_and_short_histories_are_answered_like_any() -> None:
    demand = np.full((3, 24 * 40), np.nan)
    demand[1, -30:] = 5.0
    demand[2] = 3.0
    known = {
        f"r{i}": Known(holidays=(SpecialDay(day_of(MONDAY, 41), "feast"),), zone="Europe/Berlin")
        for i in range(3)
    }
    made, _, _ = Informed(Fleet(), known).forecast_scored(panel_of(demand), 48, LEVELS)
    assert set(made.refusals) == {0}
    np.testing.assert_allclose(made.quantiles[2], 3.0)


@pytest.mark.slow
def test_prophet_learns_the_holidays_of_the_subjects_calendar() -> None:
    demand = weeks(9)
    for day in (16, 37):
        demand[0, day * 24 : day * 24 + 24] *= 0.3
    feasts = tuple(SpecialDay(day_of(MONDAY, d), "feast") for d in (16, 37, 66))
    history = panel_of(demand)
    with_them = Informed(Prophet(samples=50), {"r0": Known(holidays=feasts)}).forecast(history, 96, LEVELS)
    without = Prophet(samples=50).forecast(history, 96, LEVELS)
    assert not with_them.refusals
    assert with_them.at(0.5)[0, 72:96].mean() < without.at(0.5)[0, 72:96].mean() - 20
