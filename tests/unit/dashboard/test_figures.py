from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from dashboard.figures.coverage import coverage_chart
from dashboard.figures.fan import Fan, fan_chart
from dashboard.figures.frontier import Score, frontier_chart
from dashboard.figures.labels import CHARACTER
from dashboard.figures.reliability import Stated, reliability_chart
from dashboard.figures.spend import spend_chart
from dashboard.palette import DARK, LIGHT, PALETTES
from dashboard.widgets import GRAPH_CONFIG

TODAY = datetime(2026, 11, 20, tzinfo=UTC)
DAYS = np.datetime64("2026-11-20") - np.arange(10, 0, -1)
AHEAD = np.datetime64("2026-11-20") + np.arange(5)


def fan(**more: object) -> Fan:
    line = np.arange(10.0)
    settings: dict[str, object] = {
        "unit": "cores",
        "grain": "day",
        "ts": DAYS.astype("datetime64[us]"),
        "line": line + 2,
        "low": line,
        "high": line + 2,
        "capacity": np.full(10, 16.0),
        "today": TODAY,
        "ahead": AHEAD.astype("datetime64[us]"),
        "quantiles": {f"q{level}": np.full(5, 12.0 + i) for i, level in enumerate(("05", 25, 50, 75, 95))},
        "usable": 14.4,
        "dates": (date(2026, 11, 22), date(2026, 11, 23), None),
    }  # fmt: skip
    return Fan(**(settings | more))  # type: ignore[arg-type]


def named(figure: object, name: str) -> object:
    return next(trace for trace in figure.data if trace.name == name)  # type: ignore[attr-defined]


def test_a_fan_has_line_bands_capacity_and_marker() -> None:
    figure = fan_chart(fan(), LIGHT)
    assert [trace.name for trace in figure.data].count("band") == 3
    assert list(named(figure, "measured").y) == list(np.arange(2.0, 12.0))  # type: ignore[attr-defined]
    assert list(named(figure, "exhaustion").x) == [date(2026, 11, 23)]  # type: ignore[attr-defined]
    assert list(named(figure, "exhaustion").y) == [14.4]  # type: ignore[attr-defined]
    assert {"capacity 16", "usable 14.4", "likely 14"} <= {note.text for note in figure.layout.annotations}


def test_the_bands_are_outer_and_inner_quantiles_in_the_palettes_colours() -> None:
    for palette in (LIGHT, DARK):
        bands = [trace for trace in fan_chart(fan(), palette).data if trace.name == "band"]
        assert [band.fillcolor for band in bands] == [
            palette.ink_band,
            palette.outer_band,
            palette.inner_band,
        ]
        assert np.nanmin(bands[1].y) == 12 and np.nanmax(bands[1].y) == 16
        assert np.nanmin(bands[2].y) == 13 and np.nanmax(bands[2].y) == 15


def test_a_gap_in_what_was_measured_is_a_gap_in_line_and_band() -> None:
    low = np.arange(10.0)
    low[4] = np.nan
    figure = fan_chart(fan(line=low, low=low, high=low + 2), LIGHT)
    band = next(trace for trace in figure.data if trace.name == "band")
    # Two polygons, each closed by a gap: 4 and 5 days, there and back, with a gap after each.
    assert np.isnan(band.y).sum() == 2 and len(band.y) == 2 * 4 + 1 + 2 * 5 + 1
    assert np.isnan(named(figure, "measured").y[4])  # type: ignore[attr-defined]


def test_large_amounts_are_drawn_in_the_unit_people_use() -> None:
    figure = fan_chart(fan(unit="GiB", capacity=np.full(10, 20_480.0), usable=18_432.0), LIGHT)
    texts = {note.text for note in figure.layout.annotations}
    assert {"TiB", "capacity 20", "usable 18"} <= texts


@pytest.mark.parametrize(
    "more",
    [
        {"quantiles": {}, "ahead": np.empty(0, "datetime64[us]"), "dates": (None, None, None)},
        {"capacity": np.full(10, np.nan), "usable": None},
        {"dates": (date(2030, 1, 1), date(2031, 1, 1), None)},
        {
            "dates": (date(2026, 11, 22), None, None),
            "events": [(datetime(2026, 11, 15, tzinfo=UTC), "outage")],
        },
    ],
)
def test_a_fan_without_a_date_in_view_has_no_marker(more: dict[str, object]) -> None:
    figure = fan_chart(fan(**more), LIGHT)
    assert figure.to_json()
    assert "exhaustion" not in [trace.name for trace in figure.data]


def test_a_fan_draws_what_there_is_when_nothing_was_measured() -> None:
    nothing = np.full(10, np.nan)
    figure = fan_chart(fan(line=nothing, low=nothing, high=nothing), LIGHT)
    assert {"capacity", "forecast", "exhaustion"} <= {trace.name for trace in figure.data}


def test_a_fan_knows_whether_it_has_a_band_and_a_marker_to_explain() -> None:
    flat = np.ones(10)
    assert fan().has_band and not fan(low=flat, high=flat).has_band
    assert fan().exhaustion_in_view
    assert not fan(dates=(date(2027, 1, 1), None, None)).exhaustion_in_view
    assert not fan(dates=(None, None, None)).exhaustion_in_view


def test_arrays_are_sent_as_typed_arrays_not_as_lists_of_numbers() -> None:
    assert '"bdata"' in fan_chart(fan(), LIGHT).to_json()


def test_labels_at_the_end_never_lie_on_each_other() -> None:
    figure = fan_chart(fan(usable=15.9, other=15.8), LIGHT)
    heights = sorted(note.y for note in figure.layout.annotations if note.xref == "paper" and note.x == 1)
    assert len(heights) == 4 and np.diff(heights).min() > 0.5


def test_no_chart_offers_to_upload_itself() -> None:
    assert "sendChartToCloud" in GRAPH_CONFIG["modeBarButtonsToRemove"]
    assert GRAPH_CONFIG["plotlyServerURL"] == "" and GRAPH_CONFIG["displaylogo"] is False


def test_both_palettes_name_every_state_and_differ() -> None:
    assert set(PALETTES) == {"light", "dark"}
    assert LIGHT.status.keys() == DARK.status.keys()
    assert len(set(LIGHT.status.values())) == len(LIGHT.status)


def test_spend_draws_the_range_of_expected_months_only() -> None:
    months = [date(2026, 10, 1), date(2026, 11, 1), date(2026, 12, 1)]
    cost = np.array([100.0, 110.0, 120.0])
    figure = spend_chart(months, cost, cost - 5, cost + 9, np.array([False, False, True]), "EUR", LIGHT)
    bars = next(trace for trace in figure.data if trace.name == "cost")
    spread = next(trace for trace in figure.data if trace.name == "range")
    assert list(bars.y) == [100, 110, 120]
    assert list(spread.x) == ["2026-12-01"]
    assert list(spread.error_y.array) == [9] and list(spread.error_y.arrayminus) == [5]


def test_the_frontier_is_a_line_for_our_policy_and_points_for_the_others() -> None:
    scores = [Score("marginal", 1.5, 0.004), Score("marginal", 1.3, 0.018), Score("vpa", 1.7, 0.015)]
    ours, others = frontier_chart(scores, LIGHT).data
    assert list(ours.x) == pytest.approx([130, 150]) and "lines" in ours.mode
    assert list(others.text) == ["vpa"] and list(others.y) == pytest.approx([1.5])


def test_coverage_puts_a_dot_per_metric_and_promise() -> None:
    figure = coverage_chart(["CPU", "memory"], np.array([[0.79, 0.91], [0.5, 0.7]]), LIGHT)
    assert [list(trace.x) for trace in figure.data] == [
        pytest.approx([79, 50]), pytest.approx([91, 70])
    ]  # fmt: skip
    low, high = figure.layout.xaxis.range
    assert low == pytest.approx(47)
    # The words over the two lines lie apart where the axis has 200 px, as on a phone.
    first, second = figure.layout.annotations
    px = 200 / (high - low)
    assert first.xanchor == "right" and second.xanchor == "center"
    assert (second.x - first.x) * px - len(second.text) * CHARACTER / 2 > 0


def test_a_fan_with_a_day_of_history_starts_where_it_starts() -> None:
    one = np.ones(1)
    short = fan(ts=DAYS[-1:].astype("datetime64[us]"), line=one, low=one, high=one, capacity=one)
    start, end = fan_chart(short, LIGHT).layout.xaxis.range
    assert (np.datetime64(end) - np.datetime64(start)) == timedelta(days=6)


def test_reliability_draws_a_line_per_horizon_and_larger_points_for_more_answers() -> None:
    answers = [Stated(28, 0.1, 0.05, 400), Stated(28, 0.5, 0.6, 4), Stated(90, 0.3, 0.3, 100)]
    exact, month, quarter = reliability_chart(answers, LIGHT).data
    assert list(exact.x) == list(exact.y) == [0, 100]
    assert list(month.x) == pytest.approx([10, 50]) and list(month.y) == pytest.approx([5, 60])
    assert month.marker.size[0] == 22 > quarter.marker.size[0] > month.marker.size[1] > 7
    assert list(month.customdata) == ["20 of 400 came true", "2 of 4 came true"]
    assert not month.cliponaxis and not quarter.cliponaxis, "points at 0 and 100 % would be cut"
    assert month.marker.symbol != quarter.marker.symbol
