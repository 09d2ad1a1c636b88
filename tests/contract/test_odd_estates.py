"""Every page over estates that are not as expected: nothing fails, nothing unknown is claimed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from dashboard.app import render
from dashboard.page import Page
from dashboard.pages import PAGES
from dashboard.published import Published, follow
from tests.contract.test_every_page import NOW, address_of, answer_of, parts, text_of, words
from tests.small_estate import publish_small_estate

NAMED = ("resources", "series", "findings", "metric_findings", "recommendations", "resource_costs")
LONG = "a-name-that-a-template-made-of-region-zone-cluster-namespace-and-hash-" * 2
ODD = {
    "without prices": (
        "DELETE FROM resource_costs",
        "DELETE FROM monthly_costs",
        "UPDATE recommendations SET cost_now = NULL, cost_then = NULL, saving = NULL",
    ),
    "all for free": (
        "UPDATE resource_costs SET monthly_cost = 0, unused_cost = 0",
        "UPDATE monthly_costs SET cost = 0, low = 0, high = 0",
        "UPDATE recommendations SET cost_now = 0, cost_then = 0, saving = 0",
    ),
    "without services": (
        "UPDATE resources SET service = NULL",
        "DELETE FROM services",
        "DELETE FROM dependencies",
        "DELETE FROM exhaustion WHERE scope = 'service'",
        "DELETE FROM forecast_series WHERE scope = 'service'",
    ),
    "without forecasts": (
        "DELETE FROM forecast_series",
        "DELETE FROM forecast_points",
        "DELETE FROM exhaustion",
        "DELETE FROM replay_scores",
        "DELETE FROM replay_rules",
    ),
    "too young": ("UPDATE exhaustion SET state = 'not_enough_history', date_low = NULL, date_mid = NULL,"
        " date_high = NULL, order_by = NULL, p28 = NULL, p90 = NULL, p365 = NULL",),
    "partly young": ("DELETE FROM exhaustion WHERE subject NOT IN ('web-3', 'web', 'link-fra-ams', 'edge')",
        "UPDATE exhaustion SET state = 'not_enough_history', date_low = NULL, date_mid = NULL"
        " WHERE subject IN ('web-3', 'web')",
        "UPDATE exhaustion SET state = 'not_within_horizon', date_low = NULL, date_mid = NULL"
        " WHERE subject IN ('link-fra-ams', 'edge')"),
    "without conclusions": tuple(
        f"DELETE FROM {table}"
        for table in (
            "findings", "metric_findings", "recommendations", "exhaustion", "resource_costs",
            "forecast_series", "forecast_points", "monthly_costs", "replay_scores",
        )
    ),
    "of one": (
        *(f"DELETE FROM {table} WHERE resource <> 'web-2'" for table in NAMED if table != "series"),
        "DELETE FROM exhaustion WHERE subject <> 'web'",
        "DELETE FROM forecast_series WHERE subject NOT IN ('web-2', 'web')",
        "DELETE FROM services WHERE service <> 'web'",
    ),
    "long names": tuple(f"UPDATE {t} SET resource = '{LONG}' WHERE resource = 'web-1'" for t in NAMED),
    "other scripts": (
        *(f"UPDATE {t} SET resource = '注文 & <b>東京</b> 100%' WHERE resource = 'web-1'" for t in NAMED),
        "UPDATE services SET service = 'веб/магазин?x=1' WHERE service = 'web'",
        "UPDATE resources SET service = 'веб/магазин?x=1' WHERE service = 'web'",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def estates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Published]:
    made: dict[str, Published] = {}

    def of(kind: str) -> Published:
        if kind not in made:
            folder: Path = publish_small_estate(tmp_path_factory.mktemp("odd"))
            with duckdb.connect(str(next(folder.glob("*.duckdb")))) as connection:
                for statement in ODD[kind]:
                    connection.execute(statement)
            made[kind] = Published(follow(folder))
        return made[kind]

    return of


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_every_page_says_something_sensible(
    page: Page, kind: str, estates: Callable[[str], Published]
) -> None:
    published = estates(kind)
    for address in (page.path, address_of(page)):
        answer = answer_of(published, address)
        assert "could not be made" not in answer
        body, _, _ = render(published, f"http://localhost{address}", "light", NOW)
        told = text_of(body)
        assert not any(word in told.split() for word in ("nan", "NaN", "inf", "None,", "None.")), told


@pytest.mark.parametrize("kind", ["without forecasts", "without conclusions"])
def test_where_nothing_was_forecast_nothing_is_promised(
    kind: str, estates: Callable[[str], Published]
) -> None:
    assert answer_of(estates(kind), "/").startswith("Nothing is known yet about when capacity runs out")
    assert answer_of(estates(kind), "/runway") == "Nothing is known yet about when capacity runs out."
    services = answer_of(estates(kind), "/services")
    assert services.startswith("Nothing is known yet about when the 4 services run out of capacity")


def test_too_short_a_history_is_no_promise(estates: Callable[[str], Published]) -> None:
    young = estates("too young")
    assert answer_of(young, "/").startswith("Nothing is known yet about when capacity runs out")
    assert answer_of(young, "/runway") == "Nothing is known yet about when capacity runs out."
    assert answer_of(young, "/services").endswith("run out of capacity; the history is too short.")
    for path in ("/", "/runway"):
        told = text_of(render(young, f"http://localhost{path}", "light", NOW)[0])
        assert "within a year." not in told.partition("How these numbers are made")[0], path
    partly = estates("partly young")
    assert answer_of(partly, "/").startswith(
        "No resource runs out of capacity before 17 Feb as far as is known"
    )
    assert answer_of(partly, "/services").endswith("for the next 90 days as far as is known.")


def test_where_nothing_was_concluded_nothing_is_called_right(estates: Callable[[str], Published]) -> None:
    published = estates("without conclusions")
    assert answer_of(published, "/resources") == "Of 10 resources nothing is known yet."
    assert answer_of(published, "/provisioning").startswith("No resource here was sized yet")


def test_no_price_and_a_price_of_zero_are_told_apart(estates: Callable[[str], Published]) -> None:
    assert answer_of(estates("without prices"), "/costs") == "No prices are known yet."
    assert answer_of(estates("all for free"), "/costs") == "Nothing is paid: every known price is EUR 0."
    assert "EUR 0 a month" not in answer_of(estates("all for free"), "/provisioning")


def test_a_filter_that_leaves_nothing_is_told_as_that(estates: Callable[[str], Published]) -> None:
    published = estates("of one")
    for page in PAGES:
        if page.parent is None and page.path not in ("/replay",):
            assert answer_of(published, f"{page.path}?site=atlantis") == "Nothing in this place.", page.path
    assert answer_of(published, "/resources?service=nope") == "There is no resource of nope here."
    assert answer_of(published, "/resources?kind=link&service=nope") == "There is no link of nope here."


def test_a_command_in_an_answer_looks_like_one(estates: Callable[[str], Published]) -> None:
    published = estates("without conclusions")
    assert answer_of(published, "/provisioning") == "No resource here was sized yet; headroom run does it."
    body, _, _ = render(published, "http://localhost/provisioning", "light", NOW)
    assert "headroom run" in [words(part) for part in parts(body) if part["type"] == "Code"]


def test_one_is_not_many(estates: Callable[[str], Published]) -> None:
    assert answer_of(estates("of one"), "/services").startswith("The only service has")
    assert answer_of(estates("of one"), "/health").startswith("The only resource reported")
