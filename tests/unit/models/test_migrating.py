"""Migrations: cheaper elsewhere, with the disk, as a whole pool, and only where it is worth it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from data.alternative import Alternative, AlternativeKind
from data.choice import Choice, Verdict
from data.frames import SERVICE_SCHEMA
from data.money import Exchange
from data.prices import InstanceType, PriceCatalog, StoragePrice
from models.decide import CostSettings, DecisionInputs, decide
from models.finding_options import FindingOptions
from models.migrating import is_arm, is_burstable
from tests.fleets import (
    CLOUD,
    DAY_SHAPE,
    END,
    HOURS,
    fleet,
    listed,
    planned,
    storage,
    webs,
    with_catalog,
    with_disk,
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "arm", "credits"),
    [
        ("m6i.large", False, False), ("m6g.large", True, False), ("c7gn.xlarge", True, False),
        ("g5.xlarge", False, False), ("t4g.small", True, True), ("t3.medium", False, True),
        ("a1.large", True, False), ("r6gd.large", True, False), ("m7i-flex.large", False, False),
    ],
)  # fmt: skip
def test_processors_and_credits_are_read_from_the_name(name: str, arm: bool, credits: bool) -> None:
    (kind,) = listed((name, name.split(".")[0], 2, 8, "0.1"))
    assert (is_arm(kind), is_burstable(kind)) == (arm, credits)


@pytest.mark.parametrize(
    ("name", "arm", "credits"),
    [("Standard_D4s_v5", False, False), ("Standard_D4ps_v5", True, False), ("Standard_E8pds_v5", True, False),
     ("Standard_B2s", False, True), ("Standard_F8s_v2", False, False)],
)  # fmt: skip
def test_azure_names_too(name: str, arm: bool, credits: bool) -> None:
    kind = InstanceType(
        "azure", "r", name, "x", 4, 16, None, 0.0, Decimal(1), "USD", date(2026, 1, 1), "test"
    )
    assert (is_arm(kind), is_burstable(kind)) == (arm, credits)


def test_a_migration_must_save_more_than_resizing_and_arm_must_be_asked_for() -> None:
    types = (
        *listed(("m5.xlarge", "m5", 4, 16, "0.20"), ("m7a.xlarge", "m7a", 4, 16, "0.15"),
                ("m7g.xlarge", "m7g", 4, 16, "0.10"), ("t3.xlarge", "t3", 4, 16, "0.05")),
        *listed(("m5.xlarge", "m5", 4, 16, "0.08"), region="far"),
    )  # fmt: skip
    base = webs(1, instance_type="m5.xlarge", **CLOUD)
    inputs = with_catalog(base, *types)
    (told,) = decide(inputs).alternatives
    assert told.name == "web-1: migrate to m7a.xlarge" and told.saving == Decimal("36.50")  # 0.05 x 730
    plan = planned(inputs, decide(inputs))
    assert [one.name for one in plan.chosen] == [told.name]
    (told,) = decide(with_catalog(base, *types, migrate_to=("family", "arm"))).alternatives
    assert told.advice[0].to_type == "m7g.xlarge" and "Arm" in told.because
    (told,) = decide(with_catalog(base, *types, migrate_to=("aws/far",))).alternatives
    assert told.name == "web-1: migrate to m5.xlarge in aws/far"
    assert told.advice[0].to_type == "aws/far/m5.xlarge" and "moving data" in told.because
    assert decide(with_catalog(base, *types, migrate_to=())).alternatives == ()
    assert decide(with_catalog(base, *types, migration_saving=0.3)).alternatives == ()


def test_a_pool_migrates_as_a_whole() -> None:
    types = listed(("m5.xlarge", "m5", 4, 16, "0.20"), ("m7a.xlarge", "m7a", 4, 16, "0.10"))
    inputs = with_catalog(webs(instance_type="m5.xlarge", **CLOUD), *types)
    told = {one.kind: one for one in decide(inputs).alternatives}
    moved = told[AlternativeKind.MIGRATION]
    assert moved.name == "shop web in r: migrate to m7a.xlarge" and len(moved.advice) == 8
    assert moved.saving == 8 * 73
    plan = planned(inputs, decide(inputs))
    assert [one.name for one in plan.chosen] == [moved.name], "584 against 292 for two members fewer"
    told_off = Choice("web-3", Verdict.DISMISS, "migrate", END, reason="a licence bound to the processor")
    less = planned(inputs, decide(inputs), {"web-3": told_off})
    assert [one.name for one in less.chosen] == [told[AlternativeKind.MEMBERS].name]
    assert {one.proposal.name: one.because for one in less.left_out}[moved.name] == (
        "dismissed: a licence bound to the processor"
    )


def migration(inputs: DecisionInputs) -> Alternative | None:
    moves = [one for one in decide(inputs).alternatives if one.kind is AlternativeKind.MIGRATION]
    return moves[0] if moves else None


SHORT_LIST = listed(
    ("m5.xlarge", "m5", 4, 16, "0.20"), ("m5.large", "m5", 2, 8, "0.10"),
    ("m7a.medium", "m7a", 1, 4, "0.02"), ("m7a.large", "m7a", 2, 8, "0.04"),
)  # fmt: skip


def test_all_members_of_a_pool_get_the_type_that_the_neediest_of_them_needs() -> None:
    names = [f"web-{i + 1}" for i in range(4)]
    cpu = np.tile(DAY_SHAPE, (4, 1)) * np.array([0.8, 0.8, 0.8, 1.5])[:, None]
    inputs = fleet(names, cpu, np.full((4, HOURS), 3.0), instance_type="m5.xlarge", **CLOUD)  # type: ignore[arg-type]
    told = migration(with_catalog(inputs, *SHORT_LIST))
    # 0.8 / 0.9 would fit one core, 1.5 / 0.9 takes two.
    assert told is not None and told.name == "shop web in r: migrate to m7a.large"
    assert {row.to_type for row in told.advice} == {"m7a.large"}


def test_a_pool_that_moves_still_bears_a_failure() -> None:
    names = [f"web-{i + 1}" for i in range(4)]
    base = fleet(names, np.tile(DAY_SHAPE, (4, 1)) * 0.8, np.full((4, HOURS), 3.0), instance_type="m5.xlarge",
                 **CLOUD)  # type: ignore[arg-type]  # fmt: skip
    # Each alone fits a core; three that are left of four could not carry 4 x 0.8.
    for tier, kind in ((1, "m7a.large"), (3, "m7a.medium")):
        services = pl.DataFrame([{"service": "shop", "tier": tier}], schema=SERVICE_SCHEMA)
        told = migration(with_catalog(replace(base, services=services), *SHORT_LIST))
        assert told is not None and told.name == f"shop web in r: migrate to {kind}"


ELSEWHERE = (
    *listed(("m5.xlarge", "m5", 4, 16, "0.20")),
    *listed(("m5.xlarge", "m5", 4, 16, "0.10"), region="far"),
)


@pytest.mark.parametrize(
    ("prices", "saving"),
    [
        # 0.20 - 0.10 an hour; 1,000 GiB at 0.10 here and 0.05 there.
        pytest.param((storage("r", "0.10"), storage("far", "0.05")), Decimal("123.00"), id="both known"),
        pytest.param((storage("r", "0.10"),), None, id="no price there: not free of charge"),
        pytest.param((storage("r", "0.10"), storage("far", "0.05", "EUR")), None, id="no exchange rate"),
        pytest.param((), None, id="no price at all"),
    ],
)
def test_a_disk_moves_at_a_price_or_nothing_moves(
    prices: tuple[StoragePrice, ...], saving: Decimal | None
) -> None:
    inputs = with_disk(webs(1, instance_type="m5.xlarge", **CLOUD), [1000.0])
    options = FindingOptions(migrate_to=("aws/far",), migration_saving=0.0)
    told = migration(replace(inputs, catalog=PriceCatalog(ELSEWHERE, prices), options=options))
    assert (told and told.saving) == saving


def test_a_disk_abroad_is_paid_at_the_stated_rate() -> None:
    inputs = with_disk(webs(1, instance_type="m5.xlarge", **CLOUD), [1000.0])
    euros = replace(
        inputs,
        catalog=PriceCatalog(ELSEWHERE, (storage("r", "0.10"), storage("far", "0.05", "EUR"))),
        options=FindingOptions(migrate_to=("aws/far",), migration_saving=0.0),
        costs=CostSettings(exchange=Exchange("USD", {"EUR": Decimal("1.20")})),
    )
    told = migration(euros)
    assert told is not None and told.saving == Decimal("113.00")  # 73 + 100 - 60
