"""Names are stable: who has one keeps it, whoever comes later."""

from __future__ import annotations

from pathlib import Path

import hypothesis.strategies as st
from hypothesis import given

from data.names import Names
from data.store import Store

A, B, OTHER = "/s1/g1/vm/web-1", "/s1/g2/vm/web-1", "/s2/g1/vm/web-1"


def listed(*identities: str) -> dict[str, tuple[str, str, str]]:
    """Name, group/name, subscription/group/name."""
    found = {}
    for identity in identities:
        _, subscription, group, _, name = identity.split("/")
        found[identity] = name, f"{group}/{name}", f"{subscription}/{group}/{name}"
    return found


def test_the_second_of_a_name_gets_a_longer_one_and_the_first_keeps_its_own() -> None:
    names = Names()
    assert names.called("vm", listed(B), "/s1/") == {B: "web-1"}
    assert names.called("vm", listed(A, B), "/s1/") == {A: "g1/web-1", B: "web-1"}
    assert names.called("vm", listed(OTHER), "/s2/") == {OTHER: "s2/g1/web-1"}
    # Without the first the others stay what they are.
    assert names.called("vm", listed(A), "/s1/") == {A: "g1/web-1"}


def test_a_disk_called_as_its_machine_says_so() -> None:
    names = Names()
    names.called("vm", listed(A))
    disk = {"/s1/g1/disk/web-1": ("web-1", "g1/web-1")}
    assert list(names.called("volume", disk).values()) == ["web-1:volume"]


def test_a_name_is_free_again_when_who_had_it_is_gone_for_sure() -> None:
    names = Names()
    names.called("vm", listed(A), "/s1/")
    # Of a list that is not complete, or of another subscription, nothing follows.
    assert names.called("vm", listed(OTHER), "/s2/") == {OTHER: "g1/web-1"}
    assert names.called("vm", listed(B)) == {B: "g2/web-1"}
    # Set up anew in another group: it carries on.
    moved = "/s1/g3/vm/web-1"
    assert names.called("vm", listed(B, moved), "/s1/") == {B: "g2/web-1", moved: "web-1"}
    # Should the first come back, there is another of its name now.
    assert names.called("vm", listed(A, B, moved), "/s1/")[A] == "s1/g1/web-1"


def test_a_longer_name_is_none_that_others_have_and_the_shortest_may_be() -> None:
    names = Names.of([], others=["web-1", "g1/web-1"])
    assert names.called("vm", listed(B)) == {B: "web-1"}, "as it was called before names were given"
    assert names.called("vm", listed(A)) == {A: "s1/g1/web-1"}, "g1/web-1 is a workload of a namespace"
    third = {"x": ("web-1", "web-1")}
    assert names.called("vm", third) == {"x": "x"}


IDENTITIES = [
    f"/{s}/{g}/{kind}/{name}" for s in "ab" for g in "cd" for kind in ("vm", "volume") for name in "xy"
]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sets(st.sampled_from(IDENTITIES))), max_size=8))
def test_no_name_is_given_twice_and_none_changes_while_its_resource_is_there(
    runs: list[tuple[str, set[str]]],
) -> None:
    names = Names()
    before: dict[str, str] = {}
    for subscription, there in runs:
        mine = {one for one in there if one.startswith(f"/{subscription}/")}
        now: dict[str, str] = {}
        for kind in ("vm", "volume"):
            now |= names.called(
                kind, listed(*(one for one in mine if f"/{kind}/" in one)), f"/{subscription}/"
            )
        for identity, name in now.items():
            assert before.get(identity, name) == name
        # What is not in a complete list is gone, and may come back as another.
        before = {one: name for one, name in before.items() if not one.startswith(f"/{subscription}/")} | now
        assert len(set(before.values())) == len(before)


def test_names_outlast_the_process(tmp_path: Path) -> None:
    path = tmp_path / "headroom.duckdb"
    with Store.open(path) as store:
        names = store.names()
        names.called("vm", listed(A, B))
        store.record_names(names)
    with Store.open(path) as store:
        again = store.names()
        assert again.called("vm", listed(A, B)) == {A: "web-1", B: "g2/web-1"}
        assert not again.changed
