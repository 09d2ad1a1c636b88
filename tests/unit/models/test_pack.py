"""Packing: everything has a place, nothing is overfilled, and little is moved."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.packing import pack

amounts = st.floats(0.5, 32)


@given(st.lists(st.tuples(amounts, amounts, amounts, amounts), min_size=1, max_size=9))
def test_packing_overfills_nobody_and_places_everything(drawn: list[tuple[float, ...]]) -> None:
    needs = {f"h{i}": {"cpu": row[0], "memory": row[1]} for i, row in enumerate(drawn)}
    held = {f"h{i}": {"cpu": row[2], "memory": row[3]} for i, row in enumerate(drawn)}
    placed = pack(needs, held)
    assert set(placed) == set(needs)
    for host in set(placed.values()):
        guests = [name for name, where in placed.items() if where == host]
        if guests == [host]:
            continue  # what stays at home is no worse off
        for metric, room in held[host].items():
            assert sum(needs[name][metric] for name in guests) <= room + 1e-6
    assert placed == pack(dict(reversed(needs.items())), dict(reversed(held.items())))


def test_a_host_that_is_kept_keeps_what_it_does() -> None:
    names = [f"s{i}" for i in range(6)]
    placed = pack({name: {"cpu": 5.0} for name in names}, {name: {"cpu": 16.0} for name in names})
    # Three loads of 5 fit into 16 cores: two hosts, each with its own load and two of the others.
    assert placed == {"s0": "s0", "s1": "s1", "s2": "s0", "s3": "s0", "s4": "s1", "s5": "s1"}


def test_of_equal_hosts_the_busiest_stays() -> None:
    held = {name: {"cpu": 32.0} for name in ("a", "b", "c")}
    placed = pack({"a": {"cpu": 4.0}, "b": {"cpu": 20.0}, "c": {"cpu": 4.0}}, held)
    assert placed == {"a": "b", "b": "b", "c": "b"}


def test_what_is_too_big_for_its_own_host_moves_first_and_makes_room() -> None:
    held = {"small": {"cpu": 4.0}, "large": {"cpu": 32.0}}
    assert pack({"small": {"cpu": 6.0}, "large": {"cpu": 20.0}}, held) == {"small": "large", "large": "large"}
    nowhere = pack({"small": {"cpu": 6.0}, "large": {"cpu": 30.0}}, held)
    assert nowhere == {"small": "small", "large": "large"}, "it stays, as nobody else has room"


@given(st.lists(st.tuples(st.floats(0.5, 32), st.floats(0, 1)), min_size=1, max_size=12))
def test_own_loads_of_hosts_that_hold_them_stay_where_no_host_is_saved_by_moving(
    drawn: list[tuple[float, float]],
) -> None:
    held = {f"h{i:02d}": {"cpu": room} for i, (room, _) in enumerate(drawn)}
    needs = {f"h{i:02d}": {"cpu": room * share} for i, (room, share) in enumerate(drawn)}
    placed = pack(needs, held)
    used = set(placed.values())
    moved_out = [host for host in used if placed[host] != host]
    if moved_out:
        # Somebody was moved off a host that stays: with all of those at home, one host more is needed.
        home = {host: held[host]["cpu"] - needs[host]["cpu"] for host in used}
        others = sorted((n for n in needs if n not in used), key=lambda n: -needs[n]["cpu"])
        for name in others:
            place = next((h for h in sorted(home, key=lambda h: (-held[h]["cpu"], h))
                          if home[h] + 1e-9 >= needs[name]["cpu"]), None)  # fmt: skip
            if place is None:
                return
            home[place] -= needs[name]["cpu"]
        raise AssertionError((moved_out, placed))


class Counted(dict[str, float]):
    """Amounts that count how often they are asked."""

    asked = 0

    def get(self, *words: object) -> object:  # type: ignore[override]
        Counted.asked += 1
        return super().get(*words)  # type: ignore[call-overload]

    def items(self) -> object:  # type: ignore[override]
        Counted.asked += 1
        return super().items()


def test_thousands_of_servers_are_asked_for_what_they_hold_a_few_times_each() -> None:
    rng = np.random.default_rng(0)
    held = {f"h{i:04d}": Counted(cpu=float(rng.choice([16, 32, 64])), memory=256.0) for i in range(300)}
    needs = {
        name: Counted({metric: room * rng.uniform(0.3, 1.3) for metric, room in rooms.copy().items()})
        for name, rooms in held.items()
    }
    Counted.asked = 0
    placed = pack(needs, held)
    assert set(placed) == set(needs)
    assert Counted.asked <= 20 * len(held), "one question for every pair would be 90,000"
