"""What holds for every page in the registry. A new one is tested by being listed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import plotly.utils
import pytest

from dashboard.app import ASSETS, create_app, render
from dashboard.methods import METHODS
from dashboard.page import Page
from dashboard.pages import PAGES
from dashboard.published import Published, follow
from tests.small_estate import publish_empty_estate, publish_small_estate

NOW = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)

SUBJECTS = {"/service": "name=orders-db", "/resource": "name=orders-db-1"}
"""Pages about one thing need its name."""

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return Published(follow(publish_small_estate(tmp_path_factory.mktemp("small"))))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return Published(follow(publish_empty_estate(tmp_path_factory.mktemp("empty"))))


def parts(component: Any) -> Iterator[dict[str, Any]]:
    """Every component of a rendered page, as the browser gets it."""
    tree = json.loads(json.dumps(component.to_plotly_json(), cls=plotly.utils.PlotlyJSONEncoder))
    waiting: list[Any] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "props" in node and "type" in node:
                yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def text_of(component: Any) -> str:
    """The text of a rendered component."""
    return words(json.loads(json.dumps(component.to_plotly_json(), cls=plotly.utils.PlotlyJSONEncoder)))


def words(node: Any) -> str:
    """The text of a component."""
    if isinstance(node, dict):
        return words(node.get("props", {}).get("children")) if "props" in node else ""
    if isinstance(node, list):
        return "".join(words(one) for one in node)
    return "" if node is None else str(node)


def answer_of(published: Published, address: str, theme: str = "light") -> str:
    body, _, _ = render(published, f"http://localhost{address}", theme, NOW)
    heads = [words(part) for part in parts(body) if part["type"] == "H1"]
    assert len(heads) == 1, f"{address} has {len(heads)} answers"
    return heads[0]


def address_of(page: Page) -> str:
    return f"{page.path}?{SUBJECTS[page.path]}" if page.path in SUBJECTS else page.path


@every_page
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_begins_with_a_sentence_made_from_the_data(page: Page, theme: str, small: Published) -> None:
    answer = answer_of(small, address_of(page), theme)
    assert answer.endswith(".") and "could not be made" not in answer
    assert not any(word in answer for word in ("None", "nan", "_"))


@every_page
def test_an_empty_store_says_what_would_fill_the_page(page: Page, empty: Published) -> None:
    answer = answer_of(empty, page.path)
    assert "could not be made" not in answer
    body, _, _ = render(empty, f"http://localhost{page.path}", "light", NOW)
    text = text_of(body)
    assert "headroom " in text or page.path in SUBJECTS


@every_page
def test_nothing_published_is_a_state_not_a_fault(page: Page, tmp_path: Path) -> None:
    answer = answer_of(Published(follow(tmp_path / "nowhere")), page.path)
    assert answer == "Nothing is published yet."


@every_page
def test_a_place_without_resources_is_a_state_not_a_fault(page: Page, small: Published) -> None:
    address = address_of(page)
    answer = answer_of(small, f"{address}{'&' if '?' in address else '?'}site=atlantis")
    assert "could not be made" not in answer


@every_page
def test_any_query_is_survived(page: Page, small: Published) -> None:
    strange = "name=%00<script>&metric=gpu&span=0&tab=x&open=nobody&sort=-1&by=&axis=zz&scope=q"
    strange += "&view=1&estate=1&self=2&path=3&words=%&grain=x&all=no"
    answer = answer_of(small, f"{page.path}?{strange}")
    assert "could not be made" not in answer


@pytest.fixture(scope="module")
def followed() -> set[str]:
    """Links that were followed already: most pages share most of theirs."""
    return set()


@every_page
def test_every_link_on_a_page_leads_to_a_page(page: Page, small: Published, followed: set[str]) -> None:
    seen = 0
    body, rail, topbar = render(small, f"http://localhost{address_of(page)}", "light", NOW)
    for component in (body, *rail, *(part for part in topbar if part is not None)):
        for part in parts(component):
            href = part["props"].get("href")
            if not href or href.startswith(("#", "/download/")):
                continue
            seen += 1
            if href in followed:
                continue
            followed.add(href)
            answer = answer_of(small, href)
            assert "could not be made" not in answer and "There is no" not in answer, href
    assert seen >= len([one for one in PAGES if one.icon])


@every_page
def test_place_filters_travel_along_every_link(page: Page, small: Published) -> None:
    address = address_of(page)
    address += f"{'&' if '?' in address else '?'}team=data"
    body, rail, _ = render(small, f"http://localhost{address}", "light", NOW)
    hrefs = [
        part["props"]["href"]
        for component in (body, *rail)
        for part in parts(component)
        if part["props"].get("href", "#")[0] == "/"
    ]
    without = [href for href in hrefs if dict(parse_qsl(urlsplit(href).query)).get("team") != "data"]
    assert hrefs and not without


def test_paths_and_titles_are_unique_and_every_icon_is_there() -> None:
    assert len({page.path for page in PAGES}) == len(PAGES)
    assert PAGES[0].path == "/"
    for page in PAGES:
        if page.icon is not None:
            assert (ASSETS / "icons" / f"{page.icon}.svg").is_file()
            assert f".icon-{page.icon} " in (ASSETS / "style.css").read_text()
        else:
            assert page.parent in {one.path for one in PAGES}


@every_page
def test_a_page_says_how_its_numbers_are_made(page: Page, small: Published, empty: Published) -> None:
    body, _, _ = render(small, f"http://localhost{address_of(page)}", "light", NOW)
    told = text_of(body)
    assert page.path in METHODS and "How these numbers are made" in told
    assert all(what in told for what, _ in METHODS[page.path]) and "{" not in told
    body, _, _ = render(empty, f"http://localhost{page.path}", "light", NOW)
    assert "How these numbers are made" not in text_of(body), "there is no number"


def test_a_fault_in_a_page_leaves_the_frame_and_says_what_still_holds(
    small: Published, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("dashboard.app.PAGES", (Page("/", "Overview", broken, icon="overview"),))  # type: ignore[arg-type]
    body, rail, _ = render(small, "http://localhost/", "light", NOW)
    assert "could not be made" in text_of(body)
    assert rail and "planted" in caplog.text


def test_an_unknown_name_says_what_comes_close(small: Published) -> None:
    assert answer_of(small, "/service?name=orders") == "There is no service orders."
    body, _, _ = render(small, "http://localhost/service?name=orders", "light", NOW)
    text = text_of(body)
    assert "Did you mean orders-db?" in text


def test_every_answer_has_the_security_headers_and_names_no_other_host(small: Published) -> None:
    app = create_app(lambda: small.estate().snapshot)
    client = app.server.test_client()
    for path in ("/", "/runway", "/search.json", "/assets/style.css", "/_dash-layout", "/download/costs.csv"):
        with client.get(path) as response:
            assert response.status_code == 200, path
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "unsafe-eval" not in policy and "http" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "DENY"
    index = client.get("/").get_data(as_text=True)
    assert "http://" not in index and "https://" not in index


def test_downloads_hold_what_the_page_shows_and_no_formula(small: Published) -> None:
    client = create_app(lambda: small.estate().snapshot).server.test_client()
    text = client.get("/download/costs.csv?by=team&provider=aws").get_data(as_text=True)
    assert text.splitlines()[1].startswith("shop,3,0,765.0,")
    rows = client.get("/download/resources.csv").get_data(as_text=True)
    assert "\n'=cmd|evil'" in rows and "\n=cmd" not in rows
    book = client.get("/download/costs.xlsx")
    assert book.status_code == 200 and book.data[:2] == b"PK"
    assert client.get("/download/passwords.csv").status_code == 404
    assert client.get("/download/costs.pdf").status_code == 404


def test_bundles_are_compressed_once_and_whole(small: Published) -> None:
    client = create_app(lambda: small.estate().snapshot).server.test_client()
    index = client.get("/").get_data(as_text=True)
    path = next(part.split('"')[0] for part in index.split('src="') if "dash_renderer" in part)
    plain = client.get(path).data
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and len(packed.data) < len(plain) / 2
    assert gzip.decompress(packed.data) == plain
