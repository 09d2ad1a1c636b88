"""What is known beside the history reaches daily quantiles, paths and exhaustion, and nothing else does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from data.panel import DAY, FloatArray, Panel
from data.series import SeriesKey, Window
from models.features.calendar import SpecialDay, month_end_days
from models.features.known import Expected, Known, Stretch
from models.forecasters.planning import Planning
from models.planning import plan, plan_and_reach
from models.planning.day_effects import DayEffects
from models.planning.informed import inform, without_labelled
from models.planning.outlook import Outlook

START = datetime(2025, 1, 6, tzinfo=UTC)
"""A Monday."""
LEVELS = (0.1, 0.5, 0.9)
BUSINESS = np.array([1, 1, 1, 1, 0.95, 0.3, 0.25])


def weekly(days: int, *, n: int = 3, noise: float = 0.03, seed: int = 0) -> FloatArray:
    draw = np.random.default_rng(seed)
    week = BUSINESS[np.arange(days) % 7]
    factors: FloatArray = np.exp(draw.normal(0, noise, (n, days)))
    return 100 * week * factors


def of(demand: FloatArray, metric: str = "cpu") -> Panel:
    return Panel.of([SeriesKey(f"r{i}", metric) for i in range(len(demand))], START, DAY, demand)


def day(number: int) -> date:
    return (START + number * DAY).date()


def everybody(panel: Panel, known: Known) -> dict[str, Known]:
    return {key.subject: known for key in panel.keys}


def feasts(days: int) -> tuple[SpecialDay, ...]:
    """A made-up holiday every 30 days, also ahead; those at weekends change nothing."""
    return tuple(SpecialDay(day(k), "feast") for k in range(12, days, 30))


WORKING = [k for k in range(12, 460, 30) if k % 7 < 5]


def test_holidays_that_were_like_a_quarter_of_a_day_are_so_ahead() -> None:
    demand = weekly(400)
    past = [k for k in WORKING if k < 400]
    demand[:2, past] *= 0.25
    panel = of(demand)
    told = inform(panel, 60, everybody(panel, Known(holidays=feasts(460))), month_ends=False)
    ahead = [k - 400 for k in WORKING if 400 <= k < 460]
    assert len(ahead) >= 1
    np.testing.assert_allclose(told.outlook.factor[:2][:, ahead], 0.25, rtol=0.05)
    assert (np.delete(told.outlook.factor, ahead, axis=1) == 1).all()
    # The third series works on holidays: nothing may change for it.
    assert (told.outlook.factor[2] == 1).all() and (told.outlook.scatter[2] == 0).all()
    np.testing.assert_array_equal(told.history.demand[2], demand[2])
    np.testing.assert_allclose(told.history.demand[0, past], demand[0, past] * 4, rtol=0.05)
    made = Planning(known=everybody(panel, Known(holidays=feasts(460))), month_ends=False).forecast(
        panel, 60, LEVELS
    )
    beside = [k - 1 for k in ahead]
    assert (made.at(0.5)[:2][:, ahead] < 0.4 * made.at(0.5)[:2][:, beside]).all()
    assert (made.at(0.5)[2, ahead] > 0.8 * made.at(0.5)[2, beside]).all()


def test_five_holidays_are_not_enough() -> None:
    demand = weekly(200)
    few = [k for k in WORKING if k < 200][:5]
    demand[:, few] *= 0.25
    told = DayEffects.learn(demand, day(0), 60, feasts(260), month_ends=False)
    assert len([k for k in WORKING if k < 200]) <= 5
    assert (told.outlook.factor == 1).all() and not told.notes


def test_a_holiday_of_its_own_name_is_unlike_the_others() -> None:
    """Two years: ten holidays like any day, one name that stands still."""
    demand = weekly(800)
    named = [SpecialDay(day(k), f"feast {k % 364}") for k in range(11, 1090, 52)]
    quiet = {special.day for special in named if special.name == "feast 115"}
    for k in range(800):
        if day(k) in quiet:
            demand[:2, k] *= 0.1
    told = DayEffects.learn(demand, day(0), 280, tuple(named), month_ends=False)
    ahead = {special.name: (special.day - day(800)).days for special in named if special.day >= day(800)}
    assert (told.outlook.factor[:2, ahead["feast 115"]] < 0.4).all()
    others = [k for name, k in ahead.items() if name != "feast 115"]
    assert (told.outlook.factor[:2][:, others] > 0.7).all()
    assert (told.outlook.factor[2] == 1).all()


@pytest.mark.parametrize("extra", [0.4, 30.0])
def test_month_ends_are_a_factor_or_an_amount(extra: float) -> None:
    demand = weekly(400)
    closing = month_end_days(day(k) for k in range(460))
    past = [k for k in range(400) if day(k) in closing]
    if extra < 1:
        demand[0, past] *= 1 + extra
    else:
        demand[0, past] += extra
    told = inform(of(demand), 60, {})
    ahead = [k - 400 for k in range(400, 460) if day(k) in closing]
    if extra < 1:
        np.testing.assert_allclose(told.outlook.factor[0, ahead], 1.4, rtol=0.05)
        assert (told.outlook.amount == 0).all()
    else:
        np.testing.assert_allclose(told.outlook.amount[0, ahead], 30, rtol=0.1)
        assert (told.outlook.factor == 1).all()
    assert (told.outlook.factor[1:] == 1).all() and (told.outlook.amount[1:] == 0).all()
    assert (np.delete(told.outlook.amount[0], ahead) == 0).all()
    assert "day of the month" in told.notes[0][4]


def test_noise_has_hardly_any_special_days() -> None:
    draw = np.random.default_rng(5)
    walks = 100 * np.exp(np.cumsum(draw.normal(0, 0.02, (300, 400)), 1) + draw.normal(0, 0.05, (300, 400)))
    told = DayEffects.learn(walks, day(0), 60, feasts(460))
    assert len({row for row, *_ in told.notes}) <= 3


def test_a_campaign_moves_paths_and_reach_and_leaves_what_is_stored() -> None:
    history = of(weekly(150, n=2) + 50)
    stored = Panel.of([SeriesKey("r0", "storage")], START, DAY, 500 + weekly(150, n=1) / 100)
    sale = Expected(Window(START + 160 * DAY, START + 163 * DAY), 2.0, "sale")
    known = {"r0": Known(expected=(sale,))}
    told = inform(history, 30, known)
    made = plan(told.history, 30, LEVELS, samples=50, seed=1, outlook=told.outlook)
    plain = plan(history, 30, LEVELS, samples=50, seed=1)
    assert made.paths is not None and plain.paths is not None
    np.testing.assert_allclose(made.paths[0, :, 10:13], 2 * plain.paths[0, :, 10:13], rtol=1e-5)
    np.testing.assert_array_equal(made.paths[0, :, 13:], plain.paths[0, :, 13:])
    np.testing.assert_array_equal(made.paths[1], plain.paths[1])
    assert (inform(stored, 30, known).outlook.factor == 1).all()
    limit = np.array([1.5 * history.demand[0].max()] * 2)
    _, with_it = plan_and_reach(told.history, 30, LEVELS, samples=50, seed=1, outlook=told.outlook)
    _, without = plan_and_reach(history, 30, LEVELS, samples=50, seed=1)
    assert with_it.probability(limit)[0, 8] < 0.05 < 0.9 < with_it.probability(limit)[0, 12]
    assert without.probability(limit)[0, -1] < 0.05
    _, thrice = plan_and_reach(told.history, 30, LEVELS, samples=50, seed=1, outlook=told.outlook, lasting=4)
    assert thrice.probability(limit)[0, -1] < 0.05, "three days are not four running"


def test_a_launch_lasts_and_adds_its_amount() -> None:
    history = of(weekly(150, n=1), "storage")
    launch = Expected(
        Window(START + 170 * DAY, datetime(9000, 1, 1, tzinfo=UTC)), 1.0, "launch", 40.0, "storage", True
    )
    told = inform(history, 60, {"r0": Known(expected=(launch,))})
    assert (told.outlook.amount[0, :20] == 0).all() and (told.outlook.amount[0, 20:] == 40).all()
    assert told.notes[-1][4] == "launch: +40"


@pytest.mark.parametrize(("came", "settled"), [(1.5, True), (1.0, False)])
def test_what_was_before_a_change_counts_as_after_it_if_it_came(came: float, settled: bool) -> None:
    demand = weekly(150, n=1)
    demand[0, 130:] *= came
    launch = Expected(Window(START + 130 * DAY, datetime(9000, 1, 1, tzinfo=UTC)), 1.5, lasts=True)
    told = inform(of(demand), 30, {"r0": Known(expected=(launch,))})
    np.testing.assert_allclose(told.history.demand[0, :130], demand[0, :130] * (1.5 if settled else 1.0))
    np.testing.assert_array_equal(told.history.demand[0, 130:], demand[0, 130:])
    assert (told.outlook.factor == 1).all(), "it is in the history"


def test_less_demand_for_an_hour_is_no_lower_peak_and_more_is_a_higher_one() -> None:
    hour = Window(START + 155 * DAY, START + 155 * DAY + timedelta(hours=1))
    history = of(weekly(150, n=1))
    for factor, expected in ((0.5, 1.0), (1.5, 1.5)):
        told = inform(history, 10, {"r0": Known(expected=(Expected(hour, factor),))})
        assert told.outlook.factor[0, 5] == expected


def test_labelled_days_teach_nothing_unless_nothing_is_left() -> None:
    demand = weekly(100, n=1)
    demand[0, 40] = 5000
    peak = Stretch(Window(START + 40 * DAY, START + 40 * DAY + timedelta(hours=1)), "anomaly", "a test")
    upkeep = Stretch(Window(START + 50 * DAY, START + 50 * DAY + timedelta(hours=3)), "maintenance")
    outage = Stretch(Window(START + 60 * DAY, START + 61 * DAY), "outage")
    told = inform(of(demand), 10, {"r0": Known(masks=(peak, upkeep, outage))})
    assert np.flatnonzero(np.isnan(told.history.demand[0])).tolist() == [40, 60]
    assert told.notes[0] == (0, "masked", 40, 41, "anomaly (a test); left out")
    labelled = without_labelled(of(demand), {"r0": Known(masks=(peak, upkeep, outage))})
    np.testing.assert_array_equal(labelled.demand, told.history.demand)
    late = demand.copy()
    late[0, :35] = np.nan
    told = inform(of(late), 10, {"r0": Known(masks=(peak,))})
    assert np.isnan(told.history.demand[0, 40]), "what began late is judged from its begin on"
    for_good = Stretch(Window(START + 70 * DAY, START + 100 * DAY), "outage")
    told = inform(of(demand), 10, {"r0": Known(masks=(for_good,))})
    assert np.isfinite(told.history.demand).all()


def test_with_nothing_known_every_byte_is_the_plain_plan() -> None:
    history = of(weekly(150))
    told = inform(history, 20, {})
    made = plan(told.history, 20, LEVELS, samples=20, seed=1, outlook=told.outlook)
    assert made.quantiles.tobytes() == plan(history, 20, LEVELS, samples=20, seed=1).quantiles.tobytes()


def test_the_doubt_of_an_effect_widens_and_its_middle_stays() -> None:
    outlook = Outlook.plain(1, 4)
    outlook.factor[:] = 2.0
    doubtful = Outlook(outlook.factor, outlook.amount, np.full((1, 4), 0.1), np.full((1, 4), 0.2))
    rows, floor = np.array([0]), np.array([True])
    seeds = np.array([7], np.uint64)
    flat = np.ones((1, 4000, 4), np.float32)
    paths, centre = doubtful.onto(rows, flat.copy(), np.ones((1, 4)), seeds, floor)
    spread = np.log(paths[0] / 2)
    assert centre[0].tolist() == [2, 2, 2, 2]
    assert np.median(spread) == pytest.approx(0, abs=0.01)
    assert spread.std() == pytest.approx(np.hypot(0.1, 0.2), rel=0.05)
    # Days of a path are wrong together in what is doubtful, each by itself in what scatters.
    assert np.corrcoef(spread.T)[0, 1] == pytest.approx(0.8, abs=0.05)
    again, _ = doubtful.onto(rows, flat.copy(), np.ones((1, 4)), seeds, floor)
    assert again.tobytes() == paths.tobytes()


def test_one_after_the_other() -> None:
    first, second = Outlook.plain(1, 1), Outlook.plain(1, 1)
    first.factor[:], first.amount[:] = 2.0, 5.0
    second.factor[:], second.amount[:] = 3.0, 7.0
    both = first.then(second)
    assert (both.factor[0, 0], both.amount[0, 0]) == (6.0, 22.0)


def test_an_outlook_of_other_series_is_an_error() -> None:
    with pytest.raises(ValueError, match="not for 3 series x 10"):
        plan(of(weekly(60)), 10, LEVELS, seed=1, outlook=Outlook.plain(2, 10))


def test_refused_series_are_moved_like_any() -> None:
    history = of(weekly(20, n=1))
    sale = Expected(Window(START + 22 * DAY, START + 23 * DAY), 3.0)
    made = Planning(known={"r0": Known(expected=(sale,))}).forecast(history, 5, LEVELS)
    assert 0 in made.refusals
    np.testing.assert_allclose(made.quantiles[0, 2], 3 * made.quantiles[0, 1])
