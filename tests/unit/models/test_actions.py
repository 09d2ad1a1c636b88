"""Changes as text: each format is read back by a parser of its own, with names made to break it."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from data.decision import Action
from data.frames import RESOURCE_SCHEMA, SERVICE_SCHEMA
from data.recommendation import Recommendation
from models.actions import ACTIONS, ansible_variables, change_plan, kubernetes_patches, terraform_variables
from models.changes import Change, changes_of
from models.decision_frames import decision_frames
from models.estate import Resource

_EVIL = 'a"b\\c${var.x}%{if}\nd|e*f'


def change(
    name: str,
    action: Action,
    kind: str = "vm",
    provider: str = "aws",
    targets: dict[str, float] | None = None,
    to_type: str | None = None,
    labels: dict[str, str] | None = None,
    then: str | None = "40.00",
) -> Change:
    advice = Recommendation(
        name, action, "8 cores", "4 cores", "high", "marginal", "cpu peaks at 2 of 8 cores", "USD",
        "m6i.2xlarge" if to_type else None, to_type, targets or {},
        Decimal("100.00"), None if then is None else Decimal(then),
    )  # fmt: skip
    return Change(Resource(name, kind=kind, provider=provider, service="shop", labels=labels or {}), advice)


def unquoted(text: str) -> str:
    """Reads back a quoted HCL string, as its specification says."""
    assert text[0] == text[-1] == '"'
    out, i = "", 1
    while i < len(text) - 1:
        pair = text[i : i + 2]
        assert text[i] != '"' and ord(text[i]) >= 32, "a bare quote or control character ends the string"
        if pair == "\\u":
            out, i = out + chr(int(text[i + 2 : i + 6], 16)), i + 6
        elif pair[0] == "\\":
            out, i = out + {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}[pair[1]], i + 2
        elif text[i : i + 3] in {"$${", "%%{"}:
            out, i = out + text[i + 1 : i + 3], i + 3
        else:
            assert pair not in {"${", "%{"}, "a template would be evaluated"
            out, i = out + text[i], i + 1
    return out


def test_terraform_gets_types_volumes_and_stopped_machines() -> None:
    text = terraform_variables(
        [
            change("web-2", Action.RESIZE_TYPE, to_type="m6i.xlarge"),
            change("disk-1", Action.RESIZE_AMOUNT, "volume", targets={"storage": 499.5}),
            change("old-1", Action.STOP),
            change("local-1", Action.RESIZE_AMOUNT, provider="on_premises", targets={"cpu": 4}),
        ]
    )
    assert text.splitlines()[2:] == [
        "instance_types = {", '  "web-2" = "m6i.xlarge"', "}", "",
        "volume_sizes_gib = {", '  "disk-1" = 500', "}", "",
        "stopped_instances = [", '  "old-1",', "]",
    ]  # fmt: skip


@given(name=st.text(min_size=1).filter(lambda t: not any(0xD800 <= ord(c) <= 0xDFFF for c in t)))
def test_any_name_survives_the_quotes_of_terraform(name: str) -> None:
    text = terraform_variables([change(name, Action.RESIZE_TYPE, to_type="t")])
    line = next(part for part in text.split("\n") if part.endswith(' = "t"'))
    assert unquoted(line.removeprefix("  ").removesuffix(' = "t"')) == name


def test_kubernetes_gets_requests_in_its_units() -> None:
    amounts = {"cpu": 0.35, "memory": 1.125}
    labels = {"namespace": "prod", "workload_kind": "StatefulSet", "container": "main"}
    text = kubernetes_patches(
        [
            change("api", Action.RESIZE_AMOUNT, "workload", "k8s", amounts, labels=labels),
            change("cron", Action.STOP, "workload", "k8s"),
            change("web", Action.RESIZE_TYPE, to_type="x"),
        ]
    )  # fmt: skip
    api, cron = yaml.safe_load_all(text)
    assert (api["kind"], api["metadata"]) == ("StatefulSet", {"name": "api", "namespace": "prod"})
    (container,) = api["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "main", "resources": {"requests": {"cpu": "350m", "memory": "1152Mi"}}}
    assert cron["spec"] == {"replicas": 0}


def test_ansible_gets_amounts_by_name() -> None:
    text = ansible_variables(
        [
            change(_EVIL, Action.RESIZE_AMOUNT, provider="on_premises", targets={"cpu": 4.0, "memory": 7.5}),
            change("off", Action.STOP, provider="on_premises"),
        ]
    )
    assert yaml.safe_load(text) == {
        "headroom_sizes": {_EVIL: {"cores": 4, "memory_gib": 7.5}},
        "headroom_stopped": ["off"],
    }


def test_the_plan_adds_up_and_keeps_its_table_whole() -> None:
    text = change_plan(
        [
            change(_EVIL, Action.RESIZE_TYPE, to_type="m6i.xlarge"),
            change("grow", Action.RESIZE_AMOUNT, then="130.00"),
            change("dear", Action.STOP, then=None),
        ]
    )
    assert "3 changes: 60.00 USD saved and 30.00 USD spent a month." in text
    assert "The price of 1 of them is unknown" in text
    rows = [line for line in text.splitlines() if line.startswith("| ") and "Resource" not in line]
    assert len(rows) == 3
    for row in rows:
        assert row.replace("\\|", "").count("|") == 8  # seven cells


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_nothing_to_do_is_an_empty_text_and_order_does_not_matter(name: str) -> None:
    _, write = ACTIONS[name]
    assert write([]) == ""
    some = [change(n, Action.STOP, k, p) for n, k, p in (
        ("b", "vm", "aws"), ("a", "vm", "on_premises"), ("c", "workload", "kubernetes"),
    )]  # fmt: skip
    assert write(some) == write(some[::-1]) != ""


def test_changes_come_from_the_rows_that_were_published() -> None:
    kept = change("kept", Action.KEEP).advice
    cut = change("cut", Action.RESIZE_AMOUNT, "workload", targets={"cpu": 0.5, "network_in": 3.0}).advice
    frame = decision_frames([], [kept, cut], [], pl.DataFrame())["recommendations"]
    resources = pl.DataFrame(
        [{"resource": "cut", "kind": "workload", "labels": '{"namespace": "prod"}'}], schema=RESOURCE_SCHEMA
    )
    (found,) = changes_of(frame, resources, pl.DataFrame(schema=SERVICE_SCHEMA))
    assert (found.resource.kind, found.resource.labels) == ("workload", {"namespace": "prod"})
    assert found.advice.action is Action.RESIZE_AMOUNT and found.advice.saving == Decimal("60.00")
    assert found.advice.targets["cpu"] == 0.5 and found.advice.buy_by is None
