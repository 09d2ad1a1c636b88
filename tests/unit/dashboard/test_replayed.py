from __future__ import annotations

import polars as pl
import pytest

from dashboard.estate import Estate
from dashboard.pages.replay import _kept, answer
from dashboard.replayed import ALL, replayed


def test_the_most_important_tier_comes_first_and_all_of_them_last(estate: Estate) -> None:
    found = replayed(estate)
    assert found is not None
    assert found.asked == {"metric": "cpu", "hold": "7", "tier": "1", "sizes": "any"}
    assert found.offered["tier"] == ("1", "3", ALL)
    assert set(found.scores["tier"]) == {"1"}
    # A peer without a budget is told once, ours once per target.
    assert found.scores["policy"].to_list() == ["marginal", "marginal", "krr", "vpa"]


def test_what_is_not_known_is_answered_with_the_first_there_is(estate: Estate) -> None:
    found = replayed(estate, metric="gpu", hold="3", tier="9", sizes="huge")
    assert found is not None and found.asked["tier"] == "1" and found.asked["metric"] == "cpu"


def test_the_rule_in_hindsight_is_read_at_our_own_breach(estate: Estate) -> None:
    found = replayed(estate)
    assert found is not None
    # Between (0.45 at 2 %) and (0.6 at 0.4 %), over the logarithm.
    share = (pl.Series([0.009]).log()[0] - pl.Series([0.02]).log()[0]) / (
        pl.Series([0.004]).log()[0] - pl.Series([0.02]).log()[0]
    )
    assert found.rule_at("1", 0.009) == pytest.approx(0.45 + share * 0.15)
    assert found.rule_at("1", 0.0) == pytest.approx(0.9)
    assert found.rule_at("2", 0.009) is None
    # Ours holds 0.44 there.
    assert "16 % less than the best rule chosen in hindsight" in answer(found)


def test_a_tier_that_missed_is_named_though_the_fleet_kept_its_budget() -> None:
    def rows(**breached: float) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "tier": list(breached),
                "target_breach": [0.01] * len(breached),
                "breached_hours": list(breached.values()),
            }
        )

    assert _kept(rows(all=0.009)) == "Every target was kept"
    kept = _kept(rows(**{"1": 0.002, "3": 0.021, "all": 0.011}))
    assert kept == "Every target was kept over the fleet; tier 3 had up to 2.1 times its own"
    assert _kept(rows(**{"1": 0.002, "all": 0.02})) == "1 of 1 target missed"
