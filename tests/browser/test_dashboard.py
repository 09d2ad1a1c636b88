"""Every page in a real browser: opens without a fault, answers a click, works dark and narrow."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from dashboard.pages import PAGES
from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ADDRESSES = [
    {"/service": "/service?name=orders-db", "/resource": "/resource?name=orders-db-1"}.get(
        page.path, page.path
    )
    for page in PAGES
]


def colour(tab: Visit, selector: str, what: str = "background-color") -> tuple[int, ...]:
    """A computed colour as numbers."""
    found = tab.page.locator(selector).first.evaluate(f"one => getComputedStyle(one)['{what}']")
    return tuple(int(float(part)) for part in re.findall(r"[\d.]+", found)[:3])


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_page_opens_dark_and_narrow_without_a_fault(path: str, dark: Visit, phone: Visit) -> None:
    dark.open(path)
    assert dark.answer().endswith(".")
    assert max(colour(dark, "body")) < 60 < 180 < min(colour(dark, "h1.answer", "color"))
    phone.open(path)
    assert phone.answer() == dark.answer()
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 400, "the page scrolls sideways"


def test_overview_leads_to_the_service(tab: Visit) -> None:
    tab.open("/")
    assert tab.answer().startswith(
        "2 resources of 2 services run out of capacity before 17 Feb; EUR 500 of 6,797"
    )
    tab.page.get_by_role("link", name="orders-db", exact=True).first.click()
    expect(tab.page.locator("h1.answer")).to_contain_text(
        "storage of orders-db-1 runs out on 26 Dec (1 Dec–7 Feb)"
    )
    expect(tab.page).to_have_title("Services / orders-db · Headroom")
    tab.page.go_back()
    expect(tab.page.locator("h1.answer")).to_contain_text("2 resources of 2 services")


def test_services_sort_by_a_click_on_a_header(tab: Visit) -> None:
    tab.open("/services")
    first = tab.page.locator("tbody tr").first
    expect(first).to_contain_text("orders-db")
    tab.page.get_by_role("link", name="Unused").click()
    expect(first).to_contain_text("web")
    assert "sort=unused" in tab.page.url


def test_a_service_shows_another_metric_and_span_and_keeps_them_in_the_address(tab: Visit) -> None:
    tab.open("/service?name=orders-db")
    # The sentence is about a resource, so the chart shows that one first.
    expect(tab.page.locator("#chart")).to_contain_text("capacity 2,000")
    tab.page.get_by_role("link", name="the whole service").click()
    expect(tab.page.locator("#chart")).to_contain_text("capacity 6,000")
    assert "of=orders-db" in tab.page.url
    tab.page.get_by_role("link", name="CPU", exact=True).click()
    expect(tab.page.locator("#chart")).to_contain_text("capacity 32")
    tab.page.get_by_role("link", name="14 days").click()
    expect(tab.page.locator(".chart-head .key")).to_contain_text("hourly mean")
    assert {"metric=cpu", "span=14"} <= set(tab.page.url.partition("?")[2].split("&"))
    assert tab.page.locator(".modebar-btn").count() > 0
    assert not tab.page.locator(".modebar-btn[data-title*='hare']").count(), "a chart offers to upload itself"


def test_resources_filter_by_state_and_by_word(tab: Visit) -> None:
    tab.open("/resources")
    rows = tab.page.locator(".ag-center-cols-container .ag-row")
    expect(rows).to_have_count(10)
    tab.page.get_by_label("States").get_by_role("link", name="over-provisioned").click()
    expect(rows).to_have_count(2)
    tab.page.locator("#resources-grid-words input, input#resources-grid-words").first.fill("web-2")
    expect(rows).to_have_count(1)
    assert "words=web-2" in tab.page.url and "status=over_provisioned" in tab.page.url
    tab.page.reload()
    expect(rows).to_have_count(1)
    tab.page.get_by_role("link", name="web-2").first.click()
    expect(tab.page.locator("h1.answer")).to_contain_text("web-2: p95 is 1.4 of 8 cores.")


def test_a_name_with_signs_is_text_everywhere(tab: Visit) -> None:
    tab.open("/resources?words=evil")
    tab.page.get_by_role("link", name="=cmd|evil'").first.click()
    expect(tab.page.locator("h1.answer")).to_have_text("=cmd|evil': peaks fit.")


def test_a_resource_shows_the_size_now_and_the_recommended_one(tab: Visit) -> None:
    tab.open("/resource?name=orders-db-1")
    expect(tab.page.locator("#chart")).to_contain_text("recommended 2,900")
    verdict = tab.page.get_by_label("Size now and recommended")
    expect(verdict).to_contain_text("2,000 GiB")
    expect(verdict).to_contain_text("2,890")
    tab.page.get_by_role("link", name="service orders-db").click()
    expect(tab.page.locator(".crumb")).to_have_text("Services / orders-db")


def test_provisioning_opens_the_proof_of_a_row(tab: Visit) -> None:
    tab.open("/provisioning")
    assert (
        tab.answer()
        == "3 changes would save EUR 500 a month; 2 are needed to stay safe, for EUR 575 a month more."
    )
    tab.page.get_by_role("link", name=re.compile("^worth it")).click()
    tab.page.locator(".ag-center-cols-container .ag-row").filter(has_text="web-1").get_by_text(
        "1.9 cores"
    ).click()
    detail = tab.page.locator("#detail")
    expect(detail).to_contain_text("Peaks at 1.9 cores and 15 GiB over 60 days.")
    expect(detail).to_contain_text("EUR −170 a month")
    expect(detail.locator("#chart")).to_contain_text("recommended 4")
    assert "open=web-1" in tab.page.url
    detail.get_by_role("link", name="Close").click()
    expect(detail).to_have_count(0)


def test_wide_tables_fit_the_window_and_show_whole_sentences(tab: Visit) -> None:
    for path, grid in (("/provisioning?tab=all", "provisioning-grid"), ("/resources", "resources-grid")):
        tab.open(path)
        tab.page.locator(".ag-center-cols-container .ag-row").first.wait_for()
        view = tab.page.locator(f"#{grid} .ag-center-cols-viewport")
        assert view.evaluate("one => one.scrollWidth <= one.clientWidth + 1"), f"{path} scrolls sideways"
        heads = tab.page.locator(f"#{grid} .ag-header-cell-text")
        assert all(text.evaluate("one => one.scrollWidth <= one.clientWidth + 1") for text in heads.all()), (
            f"a header of {path} is cut"
        )
        cut = tab.page.locator(f"#{grid} .sentence .ag-cell-value")
        assert cut.count() and not any(
            one.evaluate("one => one.scrollHeight > one.clientHeight + 1") for one in cut.all()
        )


def test_a_grid_works_by_keyboard(tab: Visit) -> None:
    tab.open("/provisioning?tab=worth")
    tab.page.locator(".ag-row").filter(has_text="web-1").locator("[col-id=change]").click()
    expect(tab.page.locator("#detail")).to_contain_text("web-1")
    tab.page.locator("#detail").get_by_role("link", name="Close").click()
    expect(tab.page.locator("#detail")).to_have_count(0)
    tab.page.locator(".ag-header-cell[col-id=resource]").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight"):
        tab.page.keyboard.press(key)
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#detail")).to_contain_text("web-2")
    tab.page.go_back()
    expect(tab.page.locator("#detail")).to_have_count(0)


def test_a_file_holds_what_the_words_leave(tab: Visit) -> None:
    tab.open("/resources")
    tab.page.locator("input#resources-grid-words, #resources-grid-words input").first.fill("orders database")
    expect(tab.page.locator(".ag-center-cols-container .ag-row")).to_have_count(2)
    with tab.page.expect_download() as started:
        tab.page.get_by_role("link", name="CSV").click()
    lines = started.value.path().read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["resource", "orders-db-1", "orders-db-2"]


@pytest.mark.parametrize(
    ("path", "grid"), [("/resources", "resources"), ("/provisioning?tab=all", "provisioning")]
)
def test_grid_and_file_find_the_same_rows(path: str, grid: str, tab: Visit) -> None:
    found = []
    for words in (
        "over-provisioned",
        "at risk",
        "on premises",
        "AWS",
        "8",
        "low confidence",
        "→",
        "orders s",
        "60",
    ):
        tab.open(f"{path}{'&' if '?' in path else '?'}{urlencode({'words': words})}")
        tab.page.locator(f"#{grid}-grid .ag-header-cell").first.wait_for()
        tab.page.wait_for_function(_SHOWN, arg=f"{grid}-grid")
        seen = tab.page.evaluate(_SHOWN, f"{grid}-grid")
        href = tab.page.get_by_role("link", name="CSV").get_attribute("href")
        lines = tab.page.request.get(f"{tab.address}{href}").text().splitlines()
        assert sorted(line.split(",")[0] for line in lines[1:]) == sorted(seen), words
        found.append(len(seen))
    assert min(found[:2]) > 0 and len(set(found)) > 2


_SHOWN = """id => {
    const api = window.dash_ag_grid.getApi(id), names = [];
    if (!api || (api.getGridOption("quickFilterText") || "") === "") return null;
    api.forEachNodeAfterFilter((node) => names.push(node.data.resource));
    return names;
}"""


def test_every_page_says_how_its_numbers_are_made(tab: Visit) -> None:
    tab.open("/runway")
    tab.page.locator(".method summary").focus()
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator(".method")).to_contain_text("until they reach usable capacity for the first time")
    expect(tab.page.locator(".method")).to_contain_text("What is held less the reserve of 10 %.")
    expect(tab.page.locator(".method")).to_contain_text("Run 20261120T001500-test")


def test_runway_limits_to_a_metric_and_shows_services(tab: Visit) -> None:
    tab.open("/runway")
    rows = tab.page.locator("tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("26 Dec (1 Dec–7 Feb)")
    tab.page.get_by_role("link", name="network out").click()
    expect(rows).to_have_count(1)
    tab.page.get_by_role("link", name="services", exact=True).click()
    expect(rows.first).to_contain_text("edge")


def test_costs_by_team_and_as_a_file(tab: Visit) -> None:
    tab.open("/costs")
    tab.page.get_by_label("By", exact=True).get_by_role("link", name="team").click()
    expect(tab.page.get_by_label("Costs by team")).to_contain_text("network")
    with tab.page.expect_download() as started:
        tab.page.get_by_role("link", name="CSV").click()
    file = started.value
    assert file.suggested_filename == "headroom-costs-2026-11-20.csv"
    assert file.path().read_text().startswith("team,resources,")


def test_accuracy_shows_the_other_horizon_and_the_frontier(tab: Visit) -> None:
    tab.open("/accuracy")
    assert tab.answer().startswith("Hourly forecasts are right to within 6 %")
    expect(tab.page.locator("#frontier")).to_contain_text("Headroom")
    expect(tab.page.locator("#frontier")).to_contain_text("best rule in hindsight")
    tab.page.get_by_role("link", name="a year, daily peaks").click()
    expect(tab.page.locator("h1.answer")).to_contain_text("Daily forecasts")


def test_data_health_leads_to_the_silent_resource(tab: Visit) -> None:
    tab.open("/health")
    assert tab.answer().startswith(
        "9 of 10 resources reported in the last 24 hours, 1 is silent; 10 rows were rejected"
    )
    expect(tab.page.get_by_label("Rejected rows")).to_contain_text("web-1;cpu;<b>oops</b>")
    # Of its last 28 days 16 were reported, less a hole of 6 h; those of others are shorter than a twentieth.
    expect(tab.page.get_by_label("Series with gaps")).to_contain_text("378 of 672")
    tab.page.get_by_label("Silent resources").get_by_role("link", name="lost-1").click()
    expect(tab.page.locator("h1.answer")).to_have_text("lost-1: silent for 12 days.")


def test_the_place_filter_narrows_every_page_and_stays_in_the_address(tab: Visit) -> None:
    tab.open("/resources")
    tab.page.get_by_role("button", name=re.compile("Team")).click()
    tab.page.get_by_role("menuitem", name=re.compile("shop")).click()
    expect(tab.page.locator("h1.answer")).to_contain_text("Of 3 resources")
    tab.page.locator("#rail").get_by_role("link", name="Costs").click()
    expect(tab.page.locator("h1.answer")).to_contain_text("EUR 765 a month is paid now")
    assert tab.page.url.endswith("/costs?team=shop")
    tab.page.get_by_role("button", name=re.compile("Team")).click()
    tab.page.get_by_role("menuitem", name="All").click()
    expect(tab.page.locator("h1.answer")).to_contain_text("EUR 6,797 a month is paid now")


def test_search_by_keyboard_opens_a_resource(tab: Visit) -> None:
    tab.open("/costs")
    tab.page.keyboard.press("Control+k")
    expect(tab.page.locator("#search")).to_be_visible()
    tab.page.keyboard.type("link fra")
    expect(tab.page.locator("#search-found .found").first).to_contain_text("link-fra-ams")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#search")).to_be_hidden()
    expect(tab.page.locator(".crumb")).to_have_text("Resources / link-fra-ams")


def test_the_theme_changes_page_chart_and_grid_and_is_remembered(alone: Visit) -> None:
    alone.open("/service?name=orders-db")
    alone.page.locator(".ag-row").first.wait_for()
    assert (min(colour(alone, "body")) > 200 and min(colour(alone, ".ag-row")) > 200) or colour(
        alone, ".ag-row"
    ) == (0, 0, 0)
    light = alone.page.locator("#chart .xtick text").first.evaluate("one => one.style.fill")
    alone.page.get_by_role("button", name="Switch between light and dark").click()
    expect(alone.page.locator("html")).to_have_attribute("data-ag-theme-mode", "dark")
    expect(alone.page.locator("#chart .xtick text").first).not_to_have_css("fill", light)
    assert max(colour(alone, "body")) < 60
    assert max(colour(alone, ".ag-root-wrapper")) < 60, "the grid stays light"
    alone.page.reload()
    alone.page.wait_for_selector("h1.answer")
    expect(alone.page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_rail_folds_and_stays_folded(alone: Visit) -> None:
    alone.open("/")
    wide = alone.page.locator("#rail").bounding_box()
    alone.page.get_by_role("button", name="Fold").click()
    narrow = alone.page.locator("#rail").bounding_box()
    assert wide is not None and narrow is not None and narrow["width"] < wide["width"] / 2
    alone.page.reload()
    alone.page.wait_for_selector("h1.answer")
    expect(alone.page.locator("html")).to_have_attribute("data-rail", "folded")


def test_a_phone_opens_the_menu(phone: Visit) -> None:
    phone.open("/")
    expect(phone.page.locator("#rail")).to_be_hidden()
    phone.page.get_by_role("button", name="Pages", exact=True).click()
    phone.page.locator("#rail").get_by_role("link", name="Runway").click()
    expect(phone.page.locator("h1.answer")).to_contain_text("2 resources run out of capacity before 17 Feb")
    expect(phone.page.locator("#rail")).to_be_hidden()


def test_a_phone_shows_what_to_change_beside_the_name(phone: Visit) -> None:
    phone.open("/provisioning?tab=worth")
    row = phone.page.locator(".ag-row").filter(has_text="web-1")
    expect(row.locator("[col-id=status]")).to_have_css("width", "44px")
    box = row.locator("[col-id=change_words]").get_by_text("8 → 4 cores, 32 → 16 GiB").bounding_box()
    assert box is not None and box["x"] + 150 < 400
    assert row.locator("[col-id=status]").inner_text().startswith("over-provisioned"), "it is still read out"


def test_a_server_that_does_not_answer_is_said_and_the_page_stays(tab: Visit) -> None:
    tab.open("/runway")
    answer = tab.answer()
    expect(tab.page.get_by_role("alert")).to_be_hidden()
    tab.page.route(re.compile("_dash-update-component"), lambda route: route.abort())
    tab.page.get_by_role("link", name="services", exact=True).click()
    expect(tab.page.get_by_role("alert")).to_contain_text("The server does not answer")
    assert tab.answer() == answer
    tab.page.unroute_all()
    tab.page.get_by_role("link", name="network out").click()
    expect(tab.page.get_by_role("alert")).to_be_hidden()
    tab.faults = [fault for fault in tab.faults if "ERR_FAILED" not in fault and "Callback" not in fault]


def test_no_page_scrolls_sideways_on_a_phone(phone: Visit) -> None:
    paths = ("/", "/services", "/runway", "/costs", "/accuracy?grain=day", "/replay", "/health", "/what-if")
    for path in paths:
        phone.open(path)
        wide = phone.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 400, f"{path} is {wide} px wide"
    command = "headroom backtest --grain day && headroom publish"
    phone.page.locator("article.page").evaluate(
        "(page, words) => page.insertAdjacentHTML("
        "'beforeend', `<div class='nothing'><pre><code>${words}</code></pre></div>`)",
        command,
    )
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 400, "a command widens it"


def test_an_address_that_leads_nowhere_says_so(tab: Visit) -> None:
    tab.open("/service?name=order-db")
    assert tab.answer() == "There is no service order-db."
    expect(tab.page.locator(".nothing")).to_contain_text("Did you mean orders-db")
    tab.open("/nowhere")
    assert tab.answer() == "There is no page /nowhere."
    tab.page.get_by_role("link", name="Back to the overview").click()
    expect(tab.page.locator("h1.answer")).to_contain_text("2 resources of 2 services")
