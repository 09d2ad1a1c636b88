"""Changes as text: each format is read back by a parser of its own, with names made to break it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from data.decision import Action
from data.frames import RESOURCE_SCHEMA, SERVICE_SCHEMA
from data.recommendation import Recommendation
from models.actions import ACTIONS
from models.changes import Change, changes_of
from models.decision_frames import decision_frames
from models.estate import Resource
from models.texts.ansible import ansible_variables
from models.texts.change_plan import change_plan
from models.texts.kubernetes import kubernetes_patches
from models.texts.terraform import terraform_variables

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
    to_size = "3 × 4 cores" if action is Action.ADD_MEMBERS else "4 cores"
    advice = Recommendation(
        name, action, "8 cores", to_size, "high", "marginal", "cpu peaks at 2 of 8 cores", "USD",
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


class Tfvars:
    """A parser of variable files: assignments of strings, numbers, lists and maps, with comments."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def read(self) -> dict[str, object]:
        found: dict[str, object] = {}
        while self._blank():
            name = self._name()
            assert name not in found, f"{name} is assigned twice"
            self._take("=")
            found[name] = self._value()
            assert self.at == len(self.text) or self.text[self.at] == "\n", "one assignment a line"
        return found

    def _blank(self) -> bool:
        """Skips space and comments; False at the end."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                self.at = self.text.index("\n", self.at)
            elif self.text[self.at].isspace():
                self.at += 1
            else:
                return True
        return False

    def _take(self, mark: str) -> None:
        self._blank()
        assert self.text[self.at] == mark, f"{mark} expected at {self.text[self.at :][:20]!r}"
        self.at += 1

    def _name(self) -> str:
        self._blank()
        if self.text[self.at] == '"':
            return self._string()
        start = self.at
        while self.text[self.at].isalnum() or self.text[self.at] == "_":
            self.at += 1
        assert start < self.at and not self.text[start].isdigit()
        return self.text[start : self.at]

    def _string(self) -> str:
        start = self.at
        self.at += 1
        while self.text[self.at] != '"':
            self.at += 2 if self.text[self.at] == "\\" else 1
        self.at += 1
        return unquoted(self.text[start : self.at])

    def _value(self) -> object:
        self._blank()
        mark = self.text[self.at]
        if mark == '"':
            return self._string()
        if mark in "{[":
            return self._group(mark)
        start = self.at
        while self.text[self.at].isdigit() or self.text[self.at] in ".-":
            self.at += 1
        return float(self.text[start : self.at])

    def _group(self, mark: str) -> object:
        self.at += 1
        entries: dict[str, object] = {}
        items: list[object] = []
        while self._blank() and self.text[self.at] not in "}]":
            if mark == "{":
                name = self._name()
                assert name not in entries, f"{name} is set twice"
                self._take("=")
                entries[name] = self._value()
            else:
                items.append(self._value())
            line_ends = self.text[self.at : self.text.find("\n", self.at)].strip() == ""
            if self.text[self.at] == ",":
                self.at += 1
            elif not line_ends:
                self._blank()
                assert self.text[self.at] in "}]", "entries end with a comma or the line"
        self._take("}" if mark == "{" else "]")
        return entries if mark == "{" else items


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


def test_terraform_says_all_that_is_asked_for_in_a_cloud() -> None:
    text = terraform_variables(
        [
            change("big", Action.MIGRATE, to_type="m7a.xlarge", targets={"cpu": 4.0, "storage": 99.2}),
            change("far", Action.MIGRATE, to_type="gcp/europe-west1/n2-standard-4"),
            change("plain", Action.RESIZE_AMOUNT, targets={"cpu": 3.5, "memory": 12.0}),
            change("gone-2", Action.REMOVE_MEMBERS),
            change("gone-1", Action.REMOVE_MEMBERS),
            change("grow", Action.ADD_MEMBERS),
            change("loose", Action.STOP, "volume"),
            change("old", Action.STOP, "snapshot"),
            change("off", Action.STOP, "database"),
            change(_EVIL, Action.RESIZE_TYPE, to_type=_EVIL),
        ]
    )
    assert Tfvars(text).read() == {
        "instance_types": {"big": "m7a.xlarge", _EVIL: _EVIL},
        "machine_sizes": {"plain": {"cores": 3.5, "memory_gib": 12}},
        "disk_sizes_gib": {"big": 100},
        "added_members": {"grow": 2},
        "stopped_instances": ["off"],
        "removed_instances": ["gone-1", "gone-2"],
        "deleted_volumes": ["loose"],
        "deleted_snapshots": ["old"],
    }
    assert "# far: move to gcp/europe-west1/n2-standard-4; see the change plan" in text


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


def test_kubernetes_patches_one_replica_and_every_container() -> None:
    labels = {
        "replicas": "4",
        "workload_kind": "Deployment",
        "containers": '{"app": {"cpu": 0.75, "memory": 1.5}, "proxy": {"cpu": 0.25}}',
    }
    amounts = {"cpu": 2.0, "memory": 4.0, "network_in": 3.0}
    (patch,) = yaml.safe_load_all(
        kubernetes_patches(
            [change("prod/web", Action.RESIZE_AMOUNT, "workload", "k8s", amounts, labels=labels)]
        )
    )
    assert patch["metadata"] == {"name": "web", "namespace": "prod"}
    # Half a core and one GiB for each of four: three quarters of the cores for the app.
    assert patch["spec"]["template"]["spec"]["containers"] == [
        {"name": "app", "resources": {"requests": {"cpu": "375m", "memory": "1024Mi"}}},
        {"name": "proxy", "resources": {"requests": {"cpu": "125m"}}},
    ]


@pytest.mark.parametrize(
    ("kind", "action", "spec"),
    [
        ("Deployment", Action.STOP, {"replicas": 0}),
        (
            "Deployment",
            Action.ADD_MEMBERS,
            {
                "replicas": 3,
                "template": {
                    "spec": {"containers": [{"name": "b", "resources": {"requests": {"cpu": "334m"}}}]}
                },
            },
        ),
        ("CronJob", Action.STOP, {"suspend": True}),
        ("DaemonSet", Action.STOP, None),
        ("DaemonSet", Action.ADD_MEMBERS, None),
        ("Job", Action.RESIZE_AMOUNT, None),
        ("Pod", Action.RESIZE_AMOUNT, None),
    ],
)
def test_a_patch_sets_only_fields_that_its_kind_has(kind: str, action: Action, spec: object) -> None:
    one = change("a/b", action, "workload", "k8s", {"cpu": 1.0}, labels={"workload_kind": kind})
    text = kubernetes_patches([one])
    documents = [found for found in yaml.safe_load_all(text) if found]
    assert [found["spec"] for found in documents] == ([spec] if spec else [])
    if spec is None:
        assert f"a/b: a {kind} takes no patch" in text
    for found in documents:
        assert found["apiVersion"] == {"CronJob": "batch/v1"}.get(kind, "apps/v1")


def test_a_cron_job_is_patched_below_its_job() -> None:
    one = change("a/b", Action.RESIZE_AMOUNT, "workload", "k8s", {"cpu": 1.0},
                 labels={"workload_kind": "CronJob"})  # fmt: skip
    (patch,) = yaml.safe_load_all(kubernetes_patches([one]))
    (container,) = patch["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "b", "resources": {"requests": {"cpu": "1000m"}}}


def test_ansible_says_all_that_is_asked_for_on_premises() -> None:
    text = ansible_variables(
        [
            change(name, action, kind, "on_premises", targets={"cpu": 4.0})
            for name, action, kind in (
                ("srv-2", Action.REMOVE_MEMBERS, "server"), ("srv-1", Action.BUY, "server"),
                ("disk", Action.STOP, "volume"), ("grow", Action.ADD_MEMBERS, "vm"),
                ("vm-1", Action.BUY, "vm"), ("wan", Action.STOP, "link"), ("mine", Action.STOP, "endpoint"),
            )
        ]
    )  # fmt: skip
    assert yaml.safe_load(text) == {
        "headroom_sizes": {"vm-1": {"cores": 4}},
        "headroom_stopped": ["wan"],
        "headroom_removed": ["srv-2"],
        "headroom_deleted": ["disk"],
        "headroom_added": {"grow": "3 × 4 cores"},
        "headroom_bought": {"srv-1": {"size": "4 cores", "by": None}},
    }


def test_the_plan_names_every_change_whatever_it_is_about() -> None:
    kinds = ("server", "vm", "volume", "link", "workload", "database", "endpoint", "snapshot")
    actions = [one for one in Action if one is not Action.KEEP]
    every = [
        change(f"{kind}.{action.value.replace('_', '')}", action, kind)
        for kind in kinds
        for action in actions
    ]
    text = change_plan(every)
    for one in every:
        assert f"| {one.resource.name} |" in text
    assert "| volume.stop | delete |" in text and "What is deleted does not come back" in text
    assert "Few volumes shrink in place" in text
    assert "load balancer" not in change_plan([change("a", Action.STOP)])


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
        assert row.replace("\\|", "").count("|") == 9  # eight cells


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


@pytest.mark.parametrize(
    ("containers", "requests", "left"),
    [
        ('{"app": {}, "proxy": {}}', None, "cpu and memory"),
        ('{"app": {"cpu": 1}, "proxy": {}}', {"cpu": "2000m"}, "memory"),
        ('{"app": {"cpu": 1, "memory": 2}, "proxy": {}}', {"cpu": "2000m", "memory": "4096Mi"}, ""),
        ('{"app": {}}', {"cpu": "2000m", "memory": "4096Mi"}, ""),
    ],
)
def test_requests_that_no_container_makes_today_are_told_not_dropped(
    containers: str, requests: dict[str, str] | None, left: str
) -> None:
    one = change(
        "shop/a", Action.RESIZE_AMOUNT, "workload", "kubernetes", {"cpu": 2.0, "memory": 4.0},
        labels={"containers": containers},
    )  # fmt: skip
    text = kubernetes_patches([one])
    assert (f"# shop/a: none of its containers requests {left} today" in text) == bool(left)
    patches = [patch for patch in yaml.safe_load_all(text) if patch]
    found = [patch["spec"]["template"]["spec"]["containers"] for patch in patches]
    assert found == ([] if requests is None else [[{"name": "app", "resources": {"requests": requests}}]])


def test_a_thousand_replicas_are_patched_as_they_are_said() -> None:
    one = change("shop/a", Action.ADD_MEMBERS, "workload", "kubernetes", {"cpu": 2400.0})
    many = Change(one.resource, replace(one.advice, to_size="1,200 × 2 cores"))
    (patch,) = [patch for patch in yaml.safe_load_all(kubernetes_patches([many])) if patch]
    assert patch["spec"]["replicas"] == 1200
    (container,) = patch["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"] == {"cpu": "2000m"}


@pytest.mark.parametrize("kind", ["server", "vm", "database", "workload", "volume", "snapshot", "link"])
@pytest.mark.parametrize("provider", ["aws", "on_premises", "kubernetes"])
@pytest.mark.parametrize("action", [action for action in Action if action is not Action.KEEP])
@pytest.mark.parametrize("targets", [{}, {"cpu": 2.0}, {"storage": 10.5}])
def test_no_change_is_lost_between_the_texts(
    action: Action, provider: str, kind: str, targets: dict[str, float]
) -> None:
    """Whatever a change is, the plan has it, and what another text says of it can be read."""
    one = change("name-of-it", action, kind, provider, targets)
    written = {form: write([one]) for form, (_, write) in ACTIONS.items()}
    assert "name-of-it" in written["plan"].replace("\\", "")
    assert Tfvars(written["terraform"]).read() or written["terraform"].count("#") != 1
    for form in ("kubernetes", "ansible"):
        documents = list(yaml.safe_load_all(written[form]))
        assert not written[form] or any(documents) or "name-of-it" in written[form]
    for entry in (yaml.safe_load(written["ansible"]) or {}).get("headroom_sizes", {}).values():
        assert entry, "a machine without any size is no change"
