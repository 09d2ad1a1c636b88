"""A real server over the small estate, and a real browser that may talk to nothing else."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    sync_playwright,
)

from tests.small_estate import publish_small_estate

ROOT = Path(__file__).parents[2]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

PROGRAM = """
import sys
from pathlib import Path
from dashboard.serve import serve
serve(Path(sys.argv[1]), port=int(sys.argv[2]), workers=int(sys.argv[3]), state_url=sys.argv[4])
"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("browser tests must run in CI, and there is no Chromium")
        pytest.skip("no Chromium; get it with: sudo apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def served(folder: Path, workers: int = 1, state_url: str = "") -> Iterator[str]:
    """Address of a dashboard over what is published in `folder`, served as `headroom serve` serves it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-c", PROGRAM, str(folder), str(port), str(workers), state_url]
    server = subprocess.Popen(words, cwd=ROOT)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                assert server.poll() is None, "the server ended at once"
                assert time.monotonic() < deadline, "the server did not answer within a minute"
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0, "Ctrl-C must stop the server cleanly"


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a dashboard that keeps no decisions."""
    with served(publish_small_estate(tmp_path_factory.mktemp("browser") / "published")) as found:
        yield found


@dataclass(slots=True)
class Visit:
    """A tab, and what went wrong in it."""

    page: Page
    address: str
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Opens a page and waits for its answer."""
        self.page.goto(self.address + path)
        self.page.wait_for_selector("h1.answer")

    def answer(self) -> str:
        return self.page.locator("h1.answer").inner_text()


def context_of(browser: Browser, width: int = 1360, scheme: str = "light") -> BrowserContext:
    return browser.new_context(
        viewport={"width": width, "height": 860},
        color_scheme=scheme,  # type: ignore[arg-type]
    )


def visit(context: BrowserContext, address: str) -> Iterator[Visit]:
    """A tab; fails the test on console errors and on requests to any other host."""
    seen = Visit(context.new_page(), address)
    own = (f"{address}/", "data:", f"blob:{address}/")

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            seen.faults.append(f"{message.type}: {message.text}")

    def asked(request: Request) -> None:
        if not request.url.startswith(own):
            seen.faults.append(f"request: {request.url}")

    def answered(response: Response) -> None:
        if response.status >= 400:
            seen.faults.append(f"{response.status}: {response.url}")

    seen.page.on("console", said)
    seen.page.on("pageerror", lambda error: seen.faults.append(f"uncaught: {error}"))
    seen.page.on("request", asked)
    seen.page.on("response", answered)
    yield seen
    seen.page.close()
    assert not seen.faults, seen.faults


# Tabs of one window share its cache: bundles are fetched once. What changes cookies gets its own window.


@pytest.fixture(scope="module")
def light_window(browser: Browser) -> Iterator[BrowserContext]:
    with closing(context_of(browser)) as context:
        yield context


@pytest.fixture(scope="module")
def dark_window(browser: Browser) -> Iterator[BrowserContext]:
    with closing(context_of(browser, scheme="dark")) as context:
        yield context


@pytest.fixture(scope="module")
def phone_window(browser: Browser) -> Iterator[BrowserContext]:
    with closing(context_of(browser, width=400)) as context:
        yield context


@pytest.fixture
def tab(light_window: BrowserContext, address: str) -> Iterator[Visit]:
    yield from visit(light_window, address)


@pytest.fixture
def dark(dark_window: BrowserContext, address: str) -> Iterator[Visit]:
    yield from visit(dark_window, address)


@pytest.fixture
def phone(phone_window: BrowserContext, address: str) -> Iterator[Visit]:
    yield from visit(phone_window, address)


@pytest.fixture
def alone(browser: Browser, address: str) -> Iterator[Visit]:
    with closing(context_of(browser)) as context:
        yield from visit(context, address)
