import numpy as np

from models.services import aggregate
from tests.notation import panel


def test_members_are_summed_and_strangers_left_out() -> None:
    answer = aggregate(panel("1 2 3", "10 20 30", "7 7 7", capacity=4), {"r0": "web", "r1": "web"})
    assert [str(key) for key in answer.panel.keys] == ["web/cpu"]
    np.testing.assert_array_equal(answer.panel.demand, [[11, 22, 33]])
    np.testing.assert_array_equal(answer.panel.capacity, [[8, 8, 8]])
    np.testing.assert_array_equal(answer.members, [[2, 2, 2]])


def test_a_large_member_that_did_not_report_makes_the_slot_unreported() -> None:
    answer = aggregate(panel("1 1 1 1", "9 _ 9 9"), {"r0": "web", "r1": "web"})
    np.testing.assert_array_equal(answer.panel.demand, [[10, np.nan, 10, 10]])


def test_a_small_member_that_did_not_report_is_left_out_of_the_sum() -> None:
    answer = aggregate(panel("1 _ 1", "99 99 99"), {"r0": "web", "r1": "web"})
    np.testing.assert_array_equal(answer.panel.demand, [[100, 99, 100]])


def test_a_member_that_does_not_exist_yet_is_not_missing() -> None:
    answer = aggregate(panel("_ _ 5 5", "1 1 1 1"), {"r0": "web", "r1": "web"})
    np.testing.assert_array_equal(answer.panel.demand, [[1, 1, 6, 6]])


def test_no_members_is_an_empty_panel() -> None:
    assert len(aggregate(panel("1 2"), {}).panel) == 0


def test_a_member_silent_for_days_leaves_a_gap_and_is_gone_after_a_week() -> None:
    days = 24
    answer = aggregate(panel(f"9x9 _x{9 * days - 1}", f"1x{9 * days + 9}"), {"r0": "web", "r1": "web"})
    demand = answer.panel.demand[0]
    assert demand[9] == 10
    assert np.isnan(demand[10 : 10 + 7 * days]).all()
    assert (demand[10 + 7 * days :] == 1).all()
