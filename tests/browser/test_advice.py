"""Deciding, playing and replaying in a real browser: what is written is kept and found by its address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from data.app_state import AppState
from data.choice import Verdict
from tests.browser.conftest import Visit, context_of, served, visit
from tests.small_estate import publish_small_estate

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

expect.set_options(timeout=20_000)  # what is written makes the page anew: two answers, on a busy machine


@pytest.fixture(scope="module")
def state_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("advice") / "app.sqlite"


@pytest.fixture(scope="module")
def deciding(state_file: Path) -> Iterator[str]:
    """Address of a dashboard that keeps decisions, with two workers."""
    folder = publish_small_estate(state_file.parent / "published")
    with served(folder, 2, f"sqlite:///{state_file}") as found:
        yield found


@pytest.fixture
def desk(browser: Browser, deciding: str) -> Iterator[Visit]:
    context = context_of(browser)
    yield from visit(context, deciding)
    context.close()


@pytest.fixture
def small_desk(browser: Browser, deciding: str) -> Iterator[Visit]:
    context = context_of(browser, width=400, scheme="dark")
    yield from visit(context, deciding)
    context.close()


def test_a_recommendation_is_dismissed_with_a_reason_taken_back_and_accepted(
    desk: Visit, state_file: Path
) -> None:
    desk.open("/provisioning?tab=worth&open=web-1")
    before = desk.answer()
    assert before.startswith("3 changes would save EUR 500 a month")
    detail = desk.page.locator("#detail")
    detail.get_by_role("button", name="Dismiss").click()
    expect(detail.get_by_role("status")).to_contain_text("dismissing needs a reason")
    detail.get_by_label("Reason to dismiss it").fill("the vendor demands 8 cores")
    detail.get_by_role("button", name="Dismiss").click()
    expect(detail).to_contain_text("for 4 cores, 16 GiB: the vendor demands 8 cores.")
    expect(desk.page.locator("h1.answer")).to_contain_text("2 changes would save EUR 330 a month")
    expect(desk.page.locator("#plan")).to_contain_text("Left out: 1 (dismissed)")
    with closing(AppState(f"sqlite:///{state_file}")) as state:
        assert state.choices()["web-1"].reason == "the vendor demands 8 cores"
    desk.open("/provisioning?tab=decided")
    expect(desk.page.locator(".ag-center-cols-container .ag-row")).to_have_count(1)
    desk.open("/provisioning?tab=decided&open=web-1")
    detail.get_by_role("button", name="Take back").click()
    expect(detail.get_by_role("button", name="Accept")).to_be_visible()
    assert desk.answer() == before
    detail.get_by_role("button", name="Accept").click()
    expect(detail).to_contain_text("Accepted on")
    expect(detail).to_contain_text("Not carried out yet")
    desk.open("/costs")
    expect(desk.page.get_by_label("Savings from list to realised")).to_contain_text(
        "Accepted, still to be done1"
    )


def test_a_recommendation_is_deferred_until_a_day(desk: Visit, state_file: Path) -> None:
    desk.open("/provisioning?tab=idle&open=batch-1")
    detail = desk.page.locator("#detail")
    detail.get_by_label(re.compile("^Day to come back")).fill("yesterday")
    detail.get_by_role("button", name="Defer").click()
    expect(detail.get_by_role("status")).to_contain_text("Not kept")
    detail.get_by_label(re.compile("^Day to come back")).fill("2027-01-15")
    detail.get_by_role("button", name="Defer").click()
    expect(detail).to_contain_text("Deferred until 15 Jan 2027")
    with closing(AppState(f"sqlite:///{state_file}")) as state:
        assert state.choices()["batch-1"].verdict is Verdict.DEFER


def test_a_change_is_shown_as_text_and_downloaded(desk: Visit) -> None:
    desk.open("/provisioning?tab=worth&open=web-2")
    desk.page.get_by_text("As text to apply", exact=True).click()
    terraform = desk.page.get_by_role("region", name="Terraform variables")
    expect(terraform).to_contain_text('"web-2" = "m7i.xlarge"')
    desk.page.get_by_role("button", name="Copy Terraform variables").click()
    expect(desk.page.locator("[data-copies='text-terraform']")).to_have_text(re.compile("Copied|Selected"))
    with desk.page.expect_download() as file:
        desk.page.locator("#plan").get_by_role("link", name="Change plan").click()
    assert file.value.suggested_filename == "change-plan.md"
    assert "web\\-2" in Path(file.value.path()).read_text() or "web-2" in Path(file.value.path()).read_text()


def test_a_scenario_is_played_saved_found_by_its_address_and_removed(desk: Visit) -> None:
    desk.open("/what-if?event=grow")
    # Choosing asks at once: what is typed before the answer is there would be replaced by it.
    with desk.page.expect_response(re.compile("_dash-update-component")):
        desk.page.locator("select[name=service]").select_option("web")
    desk.page.wait_for_load_state("networkidle")
    expect(desk.page.locator("select[name=service]")).to_have_value("web")
    desk.page.get_by_label(re.compile("^From")).fill("100")
    desk.page.get_by_label(re.compile("^To")).fill("400")
    desk.page.get_by_role("button", name="Play").click()
    expect(desk.page.locator("h1.answer")).to_contain_text("4 times all demand of web")
    assert {"service=web", "base=100", "goal=400"} <= set(desk.page.url.partition("?")[2].split("&"))
    expect(desk.page.get_by_label("Demand now and then").first).to_be_visible()
    desk.page.get_by_role("button", name="Save").click()
    expect(desk.page.get_by_role("status")).to_contain_text("it needs a name")
    desk.page.get_by_label("Name of this scenario").fill("christmas")
    desk.page.get_by_role("button", name="Save").click()
    saved = desk.page.get_by_role("link", name="christmas")
    expect(saved).to_be_visible()
    answer = desk.answer()
    saved.click()
    desk.page.wait_for_url(re.compile("saved=christmas"))
    expect(desk.page.locator("h1.answer")).to_have_text(answer)
    desk.page.reload()
    expect(desk.page.locator("h1.answer")).to_have_text(answer)
    desk.open("/what-if?event=grow")
    desk.page.get_by_role("button", name="Remove christmas").click()
    expect(desk.page.get_by_role("link", name="christmas")).to_have_count(0)


def test_what_cannot_be_played_says_why_and_keeps_the_form(desk: Visit) -> None:
    desk.open("/what-if?event=grow&service=web&base=100&goal=many")
    assert desk.answer() == "This cannot be played: to: 'many' is not a number."
    expect(desk.page.locator("select[name=service]")).to_have_value("web")


@pytest.mark.parametrize(
    "path",
    [
        "/replay?metric=cpu",
        "/what-if?event=lose&of=site&subject=fra-1",
        "/what-if?event=grow&service=web&base=1&goal=3",
        "/provisioning?tab=all&open=web-3",
    ],
)
def test_it_fits_a_phone_in_the_dark(path: str, small_desk: Visit) -> None:
    small_desk.open(path)
    assert small_desk.answer().endswith(".")
    assert small_desk.page.evaluate("document.documentElement.scrollWidth") <= 400, (
        "the page scrolls sideways"
    )


def test_replay_keeps_its_choices_in_the_address(desk: Visit) -> None:
    desk.open("/accuracy")
    desk.page.get_by_role("link", name="By tier, by hold, and calibration").click()
    # The most important tier comes first, never an average over all of them.
    expect(desk.page.locator("h1.answer")).to_contain_text(
        "In tier 1 our policy held 44 % of the CPU with 0.90 % of hours too small (target 2 %),"
    )
    expect(desk.page.locator("h1.answer")).to_contain_text("the best rule chosen in hindsight")
    expect(desk.page.get_by_label("Policies replayed")).to_contain_text("VPA")
    expect(desk.page.get_by_label("Breach target against realised")).to_contain_text("2.00 %")
    assert "metric=cpu" in desk.page.url
    desk.page.get_by_label("Tier", exact=True).get_by_role("link", name="tier 3").click()
    expect(desk.page.locator("h1.answer")).to_contain_text("In tier 3 our policy held 40 %")
    expect(desk.page.locator("#frontier")).to_contain_text("best rule in hindsight")
    assert "tier=3" in desk.page.url
    desk.page.go_back()
    expect(desk.page.locator("h1.answer")).to_contain_text("In tier 1 our policy held 44 %")
