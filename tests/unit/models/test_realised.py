"""What became of accepted advice: read from newer versions and measured capacity, told by nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.planning import with_alternatives
from data.choice import Choice, Verdict
from data.decision import Action
from data.money import Exchange
from data.panel import HOUR, Panel
from data.prices import PriceCatalog
from data.recommendation import Recommendation
from data.series import SeriesKey
from models.advice_history import ADVISED_SCHEMA, advised_until, as_choices
from models.changes import Change, changes_of
from models.decide import decide
from models.estate import Resource
from models.ledger import realised_saving, savings_of
from models.pricing import Pricer
from models.realised import Progress, Realised, carried_out, done_before, realised
from models.verdicts import Verdicts
from tests.fleets import planned, random_fleet

START = datetime(2026, 11, 1, tzinfo=UTC)
ACCEPTED = START + timedelta(hours=48)
CHANGED = START + timedelta(hours=60)


def accepted(action: str = "resize_type", to_type: str | None = "m6i.large", **more: object) -> Choice:
    return Choice(
        "web-1", Verdict.ACCEPT, action, ACCEPTED, from_type="m6i.xlarge", to_type=to_type,
        cost_now=Decimal(200), breach_now=0.0, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def version(kind: str | None, start: datetime, end: datetime | None = None) -> Resource:
    return Resource("web-1", instance_type=kind, provider="aws", valid_from=start, valid_to=end)


def hours(capacity: np.ndarray, demand: float = 1.0) -> Panel:
    flat = np.full((1, len(capacity)), demand)
    return Panel.of([SeriesKey("web-1", "cpu")], START, HOUR, flat, flat, capacity[None, :])


STEADY = hours(np.full(96, 4.0))
SMALLER = hours(np.r_[np.full(60, 4.0), np.full(36, 2.0)], demand=1.99)


def only(
    choice: Choice, versions: list[Resource], panel: Panel = STEADY, cost: str | None = "100"
) -> Realised:
    (found,) = realised([choice], versions, {"web-1": None if cost is None else Decimal(cost)}, [panel])
    return found


def test_nothing_happened_yet() -> None:
    found = only(accepted(), [version("m6i.xlarge", START)], cost="200")
    assert found.progress is Progress.PENDING and found.saving == 0 and found.since is None


def test_the_advised_type_in_a_newer_version_is_carried_out() -> None:
    found = only(accepted(), [version("m6i.xlarge", START, CHANGED), version("m6i.large", CHANGED)])
    assert (found.progress, found.since, found.saving) == (Progress.APPLIED, CHANGED, 100)
    assert found.breach_after == 0.0


def test_another_type_is_a_change_of_another_kind() -> None:
    found = only(accepted(), [version("m6i.xlarge", START, CHANGED), version("c6i.large", CHANGED)])
    assert found.progress is Progress.CHANGED and found.saving == 100


def test_a_version_from_before_the_choice_is_no_answer_to_it() -> None:
    before = ACCEPTED - timedelta(hours=1)
    found = only(accepted(), [version("m6i.2xlarge", START, before), version("m6i.xlarge", before)])
    assert found.progress is Progress.PENDING


def test_stopping_ends_the_last_version_and_costs_nothing_any_more() -> None:
    found = only(accepted("stop", None), [version("m6i.xlarge", START, CHANGED)], cost="0")
    assert (found.progress, found.saving) == (Progress.APPLIED, 200)
    other = only(accepted(), [version("m6i.xlarge", START, CHANGED)])
    assert other.progress is Progress.CHANGED


def test_measured_capacity_shows_a_resize_without_a_type() -> None:
    advised = accepted("resize_amount", None, targets={"cpu": 2.0})
    found = only(advised, [version("m6i.xlarge", START)], SMALLER)
    assert (found.progress, found.since) == (Progress.APPLIED, CHANGED)
    assert found.breach_after == 1.0, "1.99 of 2 cores is at the limit in every hour since"
    more = accepted("resize_amount", None, targets={"cpu": 3.0})
    assert only(more, [version("m6i.xlarge", START)], SMALLER).progress is Progress.CHANGED


def test_an_unknown_cost_is_unknown_and_dismissed_advice_is_not_followed() -> None:
    versions = [version("m6i.xlarge", START, CHANGED), version("m6i.large", CHANGED)]
    assert only(accepted(), versions, cost=None).saving is None
    dismissed = Choice("web-1", Verdict.DISMISS, "stop", ACCEPTED, reason="no")
    assert realised([dismissed], versions, {}, [STEADY]) == []
    assert realised_saving([only(accepted(), versions, cost=None), only(accepted(), versions)]) == 100


def priced(
    kind: str, price: str, start: datetime, end: datetime | None = None, currency: str = "USD"
) -> Resource:
    return Resource("web-1", instance_type=kind, monthly_price=Decimal(price), currency=currency,
                    valid_from=start, valid_to=end)  # fmt: skip


def test_money_is_at_the_prices_of_its_time() -> None:
    later = CHANGED + timedelta(hours=12)
    versions = [
        priced("m6i.xlarge", "180.00", START, CHANGED),
        priced("m6i.large", "95.00", CHANGED, later),
        priced("m6i.large", "60.00", later),  # prices fell: nobody's merit
    ]
    costs = {"web-1": Decimal(60)}
    (found,) = realised([accepted()], versions, costs, [STEADY], Exchange())
    assert (found.cost_before, found.cost_after, found.saving) == (180, 95, 85)
    (unread,) = realised([accepted(cost_then=Decimal(101))], versions, costs, [STEADY])
    assert (unread.cost_before, unread.cost_after) == (200, 101), "as it was advised, at prices of that day"
    euros = [
        priced("m6i.xlarge", "100", START, CHANGED, "EUR"),
        priced("m6i.large", "50", CHANGED, None, "EUR"),
    ]
    (found,) = realised([accepted()], euros, costs, [STEADY], Exchange("USD", {"EUR": Decimal("1.10")}))
    assert found.saving == Decimal("55.00")


def test_what_else_the_inventory_learns_on_the_way_is_not_the_change() -> None:
    owner, later = CHANGED - timedelta(hours=6), CHANGED + timedelta(hours=6)
    versions = [
        priced("m6i.xlarge", "180", START, owner),
        priced("m6i.xlarge", "180", owner, CHANGED),  # another owner
        priced("m6i.large", "95", CHANGED, later),
        priced("m6i.large", "95", later),  # another label
    ]
    (found,) = realised([accepted()], versions, {}, [STEADY], Exchange())
    assert (found.progress, found.since, found.saving) == (Progress.APPLIED, CHANGED, 85)


@pytest.mark.parametrize(("before", "then"), [(None, "m6i.xlarge"), ("m6i.xlarge", None)])
def test_a_type_that_is_stated_for_the_first_time_or_no_more_is_no_change(
    before: str | None, then: str | None
) -> None:
    told = replace(accepted(), from_type=before)
    versions = [version(before, START, CHANGED), version(then, CHANGED)]
    assert only(told, versions, cost="200").progress is Progress.PENDING


def test_half_of_what_was_advised_does_not_count_as_all_of_it() -> None:
    cpu = SMALLER
    kept = Panel.of(
        [SeriesKey("web-1", "memory")], START, HOUR, np.ones((1, 96)), capacity=np.full((1, 96), 16.0)
    )
    told = accepted("resize_amount", None, targets={"cpu": 2.0, "memory": 8.0}, cost_then=Decimal(60))
    place = ([version(None, START)], {"web-1": Decimal(150)})
    (half,) = realised([told], *place, [cpu, kept])
    assert (half.progress, half.saving) == (Progress.CHANGED, 50), "at what it costs now"
    assert carried_out([(told, CHANGED)], *place, [cpu, kept]) == []
    # Memory that was to stay as it is needs no change.
    (whole,) = realised([replace(told, targets={"cpu": 2.0, "memory": 16.0})], *place, [cpu, kept])
    assert (whole.progress, whole.saving) == (Progress.APPLIED, 140)


def test_what_moved_elsewhere_is_paid_there() -> None:
    told = accepted("migrate", "gcp/europe-west1/n2-standard-4", cost_then=Decimal(150))
    (found,) = realised([told], [version("m6i.xlarge", START, CHANGED)], {}, [STEADY])
    assert (found.progress, found.cost_after, found.saving) == (Progress.CHANGED, None, None)


def test_a_version_within_the_hour_before_it_was_measured_is_the_one_of_the_change() -> None:
    changed = CHANGED - timedelta(minutes=20)
    versions = [priced("own", "100", START, changed), priced("own", "50", changed)]
    told = replace(accepted("resize_amount", None, targets={"cpu": 2.0}), from_type="own")
    (found,) = realised([told], versions, {}, [SMALLER], Exchange())
    assert (found.since, found.cost_before, found.cost_after) == (CHANGED, 100, 50)


def test_what_was_advised_in_another_currency_is_converted_or_unknown() -> None:
    told = accepted(cost_then=Decimal(100), currency="USD")
    versions = [version("m6i.xlarge", START, CHANGED), version("m6i.large", CHANGED)]
    euros = {"web-1": Decimal(90)}
    (found,) = realised([told], versions, euros, [STEADY], Exchange("EUR", {"USD": Decimal("0.90")}))
    assert (found.cost_before, found.cost_after) == (Decimal("180.00"), Decimal("90.00"))
    (unrated,) = realised([told], versions, euros, [STEADY], Exchange("EUR"))
    assert unrated.saving is None, "no rate is ever made up"


def test_step_after_step_every_saving_counts_once() -> None:
    """Two halvings, each accepted: 200 to 100, then 100 to 50; 150 altogether."""
    second = CHANGED + timedelta(hours=24)
    versions = [
        version("m6i.xlarge", START, CHANGED),
        version("m6i.large", CHANGED, second),
        version("m6i.medium", second),
    ]
    one = accepted(cost_then=Decimal(100))
    other = replace(one, at=CHANGED + timedelta(hours=12), from_type="m6i.large", to_type="m6i.medium",
                    cost_now=Decimal(100), cost_then=Decimal(50))  # fmt: skip
    verdicts = Verdicts.of([one, other])
    panel = hours(np.r_[np.full(60, 4.0), np.full(24, 2.0), np.full(24, 1.0)])
    (now,) = realised(verdicts.accepted(), versions, {"web-1": Decimal(50)}, [panel])
    (before,) = done_before(verdicts.overtaken, versions, [panel])
    assert (before.progress, before.since, before.saving) == (Progress.APPLIED, CHANGED, 100)
    assert (now.progress, now.since, now.saving) == (Progress.APPLIED, second, 50)
    assert realised_saving([before, now]) == 150
    # Not done when the mind was changed: nothing is claimed for what came later.
    hasty = replace(other, at=ACCEPTED + timedelta(hours=1))
    assert done_before([(one, hasty)], versions, [panel]) == []


def test_what_was_done_in_another_way_before_is_measured_at_what_it_cost_when_more_was_said() -> None:
    versions = [version("m6i.xlarge", START, CHANGED), version("c6i.large", CHANGED)]
    enough = Choice("web-1", Verdict.DISMISS, "resize_type", CHANGED + timedelta(hours=9), reason="enough",
                    cost_now=Decimal(90))  # fmt: skip
    (found,) = done_before([(accepted(cost_then=Decimal(100)), enough)], versions, [STEADY])
    assert (found.progress, found.cost_after, found.saving) == (Progress.CHANGED, 90, 110)


def test_what_was_done_without_a_verdict_is_found_by_what_was_advised() -> None:
    versions = [version("m6i.xlarge", START, CHANGED), version("m6i.large", CHANGED)]
    told = accepted(cost_then=Decimal(100))
    (found,) = carried_out([(told, ACCEPTED)], versions, {}, [STEADY])
    assert (found.progress, found.accepted, found.saving) == (Progress.APPLIED, False, 100)
    # Another type, or long after anybody advised it: not our doing.
    assert carried_out([(accepted(to_type="m6i.medium"), ACCEPTED)], versions, {}, [STEADY]) == []
    assert carried_out([(told, CHANGED - timedelta(days=46))], versions, {}, [STEADY]) == []
    assert carried_out([(told, ACCEPTED)], versions[:1], {}, [STEADY]) == [], "gone, though not told to stop"
    removed = accepted("remove_members", None, targets={"cpu": 0.0})
    (found,) = carried_out([(removed, ACCEPTED)], versions[:1], {}, [STEADY])
    assert (found.since, found.saving) == (CHANGED, 200)


def test_the_newest_advice_that_fits_counts_once() -> None:
    versions = [version("m6i.xlarge", START, CHANGED), version("m6i.large", CHANGED)]
    older = accepted(cost_then=Decimal(100))
    newer = replace(older, at=ACCEPTED + timedelta(hours=6), cost_now=Decimal(190))
    (found,) = carried_out([(newer, CHANGED), (older, ACCEPTED)], versions, {}, [STEADY])
    assert found.saving == 90


def advice(*rows: tuple[str, str, str | None]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=["resource", "action", "to_type"], orient="row")
    frame = frame.with_columns(from_size=pl.lit("8 cores"), to_size=pl.lit("4 cores"))
    return frame.with_columns(
        pl.lit(None, kind).alias(name) for name, kind in ADVISED_SCHEMA.items() if name not in frame.columns
    ).drop("first_at", "last_at")


def test_advice_is_remembered_from_its_first_to_its_last_time() -> None:
    days = [START + timedelta(days=i) for i in range(4)]
    one = advice(("a", "stop", None), ("b", "resize_type", "m6i.large"), ("c", "keep", None))
    two = advice(("a", "stop", None), ("b", "resize_type", "c6i.large"))
    known = pl.DataFrame(schema=ADVISED_SCHEMA)
    for day, said in zip(days, (one, one, two, one), strict=True):
        known = advised_until(known, [said, advice()], day)
        assert advised_until(known, [said, advice()], day).equals(known), "once more says the same"
    seen = {
        (row["resource"], row["to_type"]): (row["first_at"].day, row["last_at"].day)
        for row in known.iter_rows(named=True)
    }
    assert seen == {("a", None): (1, 4), ("b", "m6i.large"): (1, 4), ("b", "c6i.large"): (3, 3)}
    back = advised_until(known, [one], days[1])
    assert back["last_at"].max() == days[1].replace(tzinfo=None) and back.height == 2
    (choice, last), *_ = as_choices(known)
    assert (choice.resource, choice.at, last) == ("a", days[0], days[3])
    assert advised_until(known, [advice()], START + timedelta(days=900)).is_empty()


def test_sizes_that_move_a_little_in_every_run_do_not_fill_the_table() -> None:
    known = pl.DataFrame(schema=ADVISED_SCHEMA)
    for run in range(40):
        said = advice(("a", "resize_amount", None), ("b", "stop", None))
        said = said.with_columns(to_size=pl.format("{} {}", pl.lit(run), "to_size"))
        known = advised_until(known, [said], START + timedelta(hours=run))
    assert known.group_by("resource").len().sort("resource").rows() == [("a", 9), ("b", 9)]
    kept = known.filter(pl.col("resource") == "a")["to_size"].to_list()
    assert kept[0] == "0 4 cores" and kept[-1] == "39 4 cores"


def change(
    name: str, provider: str, saving: str | None, kind: str = "vm", price: str | None = None
) -> Change:
    then = None if saving is None else Decimal(100) - Decimal(saving)
    advice = Recommendation(
        name, Action.RESIZE_AMOUNT, "4 cores", "2 cores", "high", "marginal", "idle half", "USD",
        targets={"cpu": 2.0}, cost_now=Decimal(100), cost_then=then,
    )  # fmt: skip
    own = None if price is None else Decimal(price)
    return Change(Resource(name, kind=kind, provider=provider, monthly_price=own, currency="USD"), advice)


def test_only_what_leaves_the_bill_is_cashable_and_nothing_saves_more_than_it_costs() -> None:
    changes = [
        change("cloud", "aws", "40"),
        change("own", "on_premises", "30"),
        change("pod", "kubernetes", "20", "workload"),
        change("buys", "aws", "-50"),
        change("unknown", "aws", None),
        change("claims", "aws", "90"),
    ]
    row = savings_of(changes, {}, Pricer(PriceCatalog.shipped()), {"claims": Decimal(60)})
    assert (row.changes, row.effective, row.cashable, row.unknown) == (4, 150, 100, 1)
    assert row.listed == 150, "no price of their own: list and effective are the same"


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_over_random_fleets_the_ledger_stays_below_the_cost_whatever_is_carried_out(seed: int) -> None:
    inputs = random_fleet(seed)
    decisions = decide(inputs)
    frames = decisions.frames()
    pricer = Pricer(inputs.catalog, inputs.costs.on_premises, inputs.costs.exchange)
    costs = {row.resource: row.monthly_cost for row in decisions.costs if row.monthly_cost is not None}
    chosen = [one.name for one in planned(inputs, decisions).chosen]
    joint = frames["alternatives"].filter(pl.col("alternative").is_in(chosen))
    for advised in (frames["recommendations"], with_alternatives(frames["recommendations"], joint)):
        changes = changes_of(advised, inputs.resources, inputs.services)
        row = savings_of(changes, inputs.stated, pricer, costs)
        assert 0 <= row.cashable <= row.effective <= sum(costs.values())
        assert row.listed >= 0 and row.changes + row.unknown <= len(changes)


def test_a_price_of_ones_own_is_compared_with_the_list() -> None:
    pricer = Pricer(PriceCatalog.shipped())
    own = change("own", "on_premises", "40", price="80")
    held = {"own": {"cpu": 4.0, "memory": 8.0}}
    listed = pricer.listed(own.resource, held["own"], None).month
    smaller = pricer.listed(own.resource, {"cpu": 2.0, "memory": 8.0}, None).month
    assert listed is not None and smaller is not None
    assert savings_of([own], held, pricer, {}).listed == listed - smaller != 40


def test_a_member_that_goes_saves_its_list_price_and_a_move_what_it_says() -> None:
    pricer = Pricer(PriceCatalog.shipped())
    held = {"own": {"cpu": 4.0, "memory": 8.0}}
    own = change("own", "on_premises", "40", price="80")
    gone = replace(own, advice=replace(own.advice, action=Action.REMOVE_MEMBERS, targets={"cpu": 0.0}))
    assert savings_of([gone], held, pricer, {}).listed == pricer.listed(own.resource, held["own"], None).month
    moved = replace(own, advice=replace(own.advice, action=Action.MIGRATE, to_type="gcp/europe-west1/n2"))
    assert savings_of([moved], held, pricer, {}).listed == 40
