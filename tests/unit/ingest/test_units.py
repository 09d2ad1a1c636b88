"""Units: factors one can check by hand, and errors that say what is known."""

from __future__ import annotations

import pytest

from data.series import UNITS
from ingest.units import Dimension, UnknownUnit, conversion, find_unit, suffix_factor


@pytest.mark.parametrize(
    ("unit", "metric", "factor"),
    [
        ("cores", "cpu", 1),
        ("m", "cpu", 0.001),
        ("millicores", "cpu", 0.001),
        ("percent of a core", "cpu", 0.01),
        ("B", "memory", 1 / 2**30),
        ("KB", "memory", 1e3 / 2**30),
        ("KiB", "memory", 1 / 2**20),
        ("MB", "memory", 1e6 / 2**30),
        ("MiB", "memory", 1 / 1024),
        ("GB", "storage", 1e9 / 2**30),
        ("gib", "storage", 1),
        ("TB", "storage", 1e12 / 2**30),
        ("TiB", "storage", 1024),
        ("bit/s", "network_in", 1e-6),
        ("kbit/s", "network_in", 1e-3),
        ("Mbps", "network_in", 1),
        ("Gbit/s", "network_out", 1e3),
        ("KB/s", "network_out", 0.008),
        ("KiB/s", "network_out", 0.008192),
        ("MB/s", "network_out", 8),
        ("B/h", "network_in", 8 / 3_600 / 1e6),
        ("requests/min", "requests", 1 / 60),
        ("requests/day", "requests", 1 / 86_400),
        ("rps", "requests", 1),
        ("count", "users", 1),
    ],
)
def test_amounts_convert_by_a_factor(unit: str, metric: str, factor: float) -> None:
    assert conversion(unit, metric).factor == pytest.approx(factor, rel=1e-12)
    assert conversion(unit, metric).unit == UNITS[metric]


@pytest.mark.parametrize("metric", sorted(UNITS))
def test_own_unit_of_every_metric_is_known_and_changes_nothing(metric: str) -> None:
    assert find_unit(UNITS[metric]) is not None
    assert conversion(UNITS[metric], metric).factor == 1


def test_shares_and_clock_rates_say_what_else_they_need() -> None:
    assert conversion("percent", "memory").dimension is Dimension.SHARE
    assert conversion("%", "cpu").factor == 0.01
    assert conversion("GHz", "cpu").dimension is Dimension.CLOCK
    assert conversion("GHz", "cpu").factor == 1_000


def test_wrong_units_are_errors_that_list_what_is_known() -> None:
    with pytest.raises(UnknownUnit, match=r"'furlong' is no unit of cpu; known: cores, millicores, m; MHz"):
        conversion("furlong", "cpu")
    with pytest.raises(UnknownUnit, match="'GiB' is no unit of network_in"):
        conversion("GiB", "network_in")
    with pytest.raises(UnknownUnit, match="metric 'cpuu' is unknown; did you mean 'cpu'"):
        conversion("cores", "cpuu")
    with pytest.raises(UnknownUnit, match="'disk_read' is unknown; known: cpu, memory"):
        conversion("MB/s", "disk_read")


def test_case_that_decides_between_bits_and_bytes_is_not_guessed() -> None:
    with pytest.raises(UnknownUnit, match="'mB/S' can mean bits or bytes"):
        conversion("mB/S", "network_in")
    assert conversion("MB/s", "network_in").factor == 8 * conversion("Mb/s", "network_in").factor


def test_drivers_convert_within_their_dimension() -> None:
    assert conversion("B/day", "disk_read", {"disk_read": "MB/s"}).factor == pytest.approx(1 / 86_400 / 1e6)
    assert conversion("celsius", "heat", {"heat": "Celsius"}).factor == 1
    with pytest.raises(UnknownUnit, match="'GiB' is no unit of heat; known: Celsius"):
        conversion("GiB", "heat", {"heat": "Celsius"})


@pytest.mark.parametrize(
    ("suffix", "style", "factor"),
    [
        ("T", "human", 2**40),
        ("k", "human", 1024),
        ("", "human", 1),
        ("MiB", "human", 2**20),
        ("MB", "human", 1e6),
        ("Gi", "kubernetes", 2**30),
        ("M", "kubernetes", 1e6),
        ("m", "kubernetes", 0.001),
        ("MB", "kubernetes", None),
        ("furlong", "human", None),
    ],
)
def test_suffixes(suffix: str, style: str, factor: float | None) -> None:
    assert suffix_factor(suffix, style=style) == factor
