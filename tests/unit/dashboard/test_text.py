import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from dashboard import text

TODAY = date(2026, 12, 1)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (-1e-9, "0"),
        (3.2, "3.2"),
        (3.0, "3"),
        (8, "8"),
        (15.7, "15.7"),
        (48.4, "48"),
        (1240.4, "1,240"),
        (0.42, "0.42"),
        (0.0444, "0.0444"),
        (None, "–"),
        (float("nan"), "–"),
        (1e-7, "0"),
        (-2.5, "-2.5"),
    ],
)
def test_plain_numbers_have_the_digits_a_person_reads(value: float | None, words: str) -> None:
    assert text.plain(value) == words


@given(value=st.floats(0, 1e12, allow_nan=False))
def test_numbers_are_short_and_have_no_exponent(
    value: float,
) -> None:
    words = text.plain(value)
    assert "e" not in words
    assert value >= 10_000 or len(words) <= 7


def test_sentences_of_models_are_said_as_people_say_them() -> None:
    said = text.sentence("cpu moved from about 3.39e+03 to 4.2e-02 cores in 9% of hours")
    assert said == "CPU moved from about 3,390 to 0.042 cores in 9 % of hours."
    assert text.readable("release 1e+04, 5 % of network_in") == "release 10,000, 5 % of network in"
    assert text.readable("from -1.5e+03 to 2e-02") == "from -1,500 to 0.02"


@pytest.mark.parametrize(
    "name",
    [
        "7e900000-1e4b-4e21-9e11-0000001e5a3b",
        "00000000-0000-4e00-8e-5e-4",
        "node-1e-4",
        "1e-4-node",
        "i-5e+3x",
        "build 1e4",
        "cpu-pool-2",
        "web.cpu",
        "shop/cpu",
        "cpu.local",
    ],
)
def test_names_stay_as_they_are(name: str) -> None:
    assert text.readable(f"cpu of {name} is short") == f"CPU of {name} is short"


def test_a_sentence_about_a_name_keeps_its_letters() -> None:
    assert text.about("web-1e+04", "cpu is at 1e+04") == "web-1e+04: CPU is at 10,000."
    assert text.about("cpu", " idle for days …") == "cpu: idle for days …"


@given(st.uuids())
def test_no_identifier_is_rewritten(identifier: uuid.UUID) -> None:
    assert text.readable(f"on {identifier}, twice") == f"on {identifier}, twice"


def test_amounts_of_a_capacity_share_its_unit() -> None:
    assert text.of(3.2, 8, "cores") == "3.2 of 8 cores"
    assert text.of(12_902, 16_384, "GiB") == "12.6 of 16 TiB"
    assert text.of(3.2, None, "cores") == "3.2 cores"
    assert text.amount(1, "cores") == "1 core"
    assert text.amount(None, "GiB") == "–"


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.82, "82 %"),
        (0.074, "7.4 %"),
        (0.02, "2 %"),
        (0, "0 %"),
        (0.0004, "under 0.1 %"),
        (1.08, "108 %"),
        (None, "–"),
    ],
)
def test_percentages(share: float | None, words: str) -> None:
    assert text.percent(share) == words


def test_chances_never_claim_certainty() -> None:
    assert [text.probability(p) for p in (0.0, 0.004, 0.72, 0.999, 1.0)] == [
        "under 1 %",
        "under 1 %",
        "72 %",
        "over 99 %",
        "over 99 %",
    ]


def test_money() -> None:
    assert text.money(Decimal("18400.49"), "EUR") == "EUR 18,400"
    assert text.money(4.944, "EUR") == "EUR 4.94"
    assert text.money(-212, "EUR") == "EUR −212"
    assert text.money_bare(18400) == "18,400"
    assert text.change(490, "EUR") == "EUR +490"
    assert text.change(-490, "EUR") == "EUR −490"
    assert text.money(None, "EUR") == "–"


def test_dates_say_their_range_and_no_year_where_it_is_plain() -> None:
    assert (
        text.date_range(date(2027, 1, 3), date(2027, 1, 12), date(2027, 1, 30), TODAY) == "12 Jan (3–30 Jan)"
    )
    assert text.date_range(date(2026, 12, 20), date(2027, 1, 12), None, TODAY) == "12 Jan (20 Dec–later)"
    assert text.date_range(date(2027, 9, 1), date(2027, 11, 12), None, TODAY) == "12 Nov 2027 (1 Sep–later)"
    crossing = text.date_range(date(2027, 9, 1), date(2027, 11, 12), date(2028, 1, 4), TODAY)
    assert crossing == "12 Nov 2027 (1 Sep–4 Jan 2028)"
    assert text.date_range(date(2027, 1, 3), None, None, TODAY) == "from 3 Jan"
    assert text.date_range(None, None, None, TODAY) == "–"
    assert (
        text.days_range(date(2026, 12, 13), date(2027, 1, 7), date(2027, 2, 19), TODAY) == "37 days (12–80)"
    )
    assert text.day(datetime(2027, 3, 12, 5, tzinfo=UTC)) == "12 Mar 2027"


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=20), "less than a minute"),
        (timedelta(minutes=12), "12 min"),
        (timedelta(hours=5), "5 h"),
        (timedelta(days=3), "3 days"),
    ],
)
def test_ages(span: timedelta, words: str) -> None:
    assert text.age(span) == words


def test_sentences_are_made_of_clauses_with_the_names_people_know() -> None:
    assert text.sentence("network_in peaks at 3 Mbit/s") == "Network in peaks at 3 Mbit/s."
    assert text.sentence("cpu peaks at 3 of 4 cores") == "CPU peaks at 3 of 4 cores."
    assert text.sentence(" ") == ""


def test_lists_and_counts() -> None:
    assert text.listing(["a"]) == "a"
    assert text.listing(["a", "b", "c"]) == "a, b and c"
    assert text.listing(["a", "b", "c", "d"]) == "a, b and 2 more"
    assert text.plural(1, "service") == "1 service"
    assert text.plural(1204, "resource") == "1,204 resources"
