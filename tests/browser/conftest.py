"""Debian's Chromium for the tests of the page, and pages that fail a test when they report an error."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

pytest.register_assert_rewrite("tests.integration.application")

from tests.browser.page_stage import PageStage, page_stage  # noqa: E402

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
WAIT_MS: Final = 90_000
DESKTOP: Final = (1440, 900)
BROWSERS_OWN: Final = "Failed to load resource"
"""The browser itself reports an answer such as 404, and a server that is away; no script can prevent it."""

expect.set_options(timeout=WAIT_MS)


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def pytest_report_header() -> str:
    """Say whether the tests of the page run."""
    return f"chromium: {_chromium() or 'none on the PATH; the tests of the page are left out'}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = _chromium()
    if path is None:
        pytest.skip("there is no Chromium on the PATH (Debian: apt-get install chromium)")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


Serve = Callable[..., PageStage]
NewContext = Callable[..., BrowserContext]
OpenPage = Callable[..., Page]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts dashboards with a past, as `page_stage` does; they end after the pages that show them."""
    with ExitStack() as stack:
        yield lambda *past, **settings: stack.enter_context(page_stage(*past, **settings))


@pytest.fixture
def new_context(browser: Browser, serve: Serve) -> Iterator[NewContext]:
    """Makes a browser of its own, as of another person; a test fails if one of its pages reports an error.

    With `is_away`, failed requests are no errors: the test lets the server be away, or asks for what is not there.
    """
    errors: list[str] = []
    contexts: list[BrowserContext] = []

    def make(*, size: tuple[int, int] = DESKTOP, is_away: bool = False, **options: Any) -> BrowserContext:
        viewport = ViewportSize(width=size[0], height=size[1])
        context = browser.new_context(viewport=viewport, timezone_id="UTC", **options)
        context.set_default_timeout(WAIT_MS)

        def note(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"} and not (is_away and BROWSERS_OWN in message.text):
                errors.append(message.text)

        context.on("console", note)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def open_page(new_context: NewContext) -> OpenPage:
    """Opens an address in a browser of its own."""

    def open_at(url: str, **options: Any) -> Page:
        page = new_context(**options).new_page()
        page.goto(url)
        return page

    return open_at
