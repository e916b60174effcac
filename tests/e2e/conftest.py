"""A real server and a real browser: `server`, `open_browser` and `browser_page`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect, sync_playwright

from crm.auth.passwords import hash_password
from crm.db import Database
from crm.settings import get_settings
from tests.conftest import add_cast, maintain, postgresql_url_of
from tests.e2e.driving import (
    BROWSER_FLAGS,
    PASSWORD,
    Server,
    Watch,
    browser_path,
    free_port,
    running,
    server_environment,
    sign_in,
)

HERE = Path(__file__).parent
EXPECT_MILLISECONDS = 15_000  # two browsers and two servers may share two cores
_numbers = count(1)

OpenBrowser = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark browser tests, so that `-m "not e2e"` leaves them out, and give each a second try.

    On a machine short of cores a click may fall into a page being drawn and be lost; the closing line counts reruns.
    """
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("e2e")
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the server's last words and a picture of the page beside a failed test."""
    report = yield
    if report.failed and "server" in getattr(item, "funcargs", {}):
        report.sections.append(("server log", item.funcargs["server"].log.read_text()[-4000:]))
        for number, page in enumerate(item.funcargs.get("open_pages", [])):
            picture = item.funcargs["tmp_path"] / f"page-{number}.png"
            page.screenshot(path=picture)
            report.sections.append(("picture", f"{page.url}: {picture}"))
    return report


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run the application over a fresh base with the cast in it.

    SQLite, or with `@pytest.mark.parametrize("server", ["postgresql"], indirect=True)` PostgreSQL.
    """
    folder = tmp_path_factory.mktemp("server")
    url = (
        _fresh_postgresql(request) if getattr(request, "param", "") == "postgresql" else _fresh_sqlite(request, folder)
    )
    database = Database(url)
    cast = add_cast(database, hash_password(PASSWORD))
    environment = server_environment(url, folder, free_port())
    with running(environment, folder / "server.log"):
        yield Server(environment["CRM_PUBLIC_URL"], database, cast, environment, folder / "server.log")
    database.close()


@pytest.fixture(autouse=True)
def servers_settings(request: pytest.FixtureRequest, own_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let code called by a test see the settings, key file included, of the server it drives."""
    if "server" in request.fixturenames:
        for name, value in request.getfixturevalue("server").environment.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the system's Chromium."""
    expect.set_options(timeout=EXPECT_MILLISECONDS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser_path(), args=list(BROWSER_FLAGS))
        yield started
        started.close()


@pytest.fixture(scope="module")
def signed_in_states() -> dict[tuple[str, str], StorageState]:
    """Keep what a browser carries after signing in, by server and person."""
    return {}


@pytest.fixture
def open_pages() -> list[Page]:
    """Collect the pages a test opened."""
    return []


@pytest.fixture
def open_browser(
    server: Server, browser: Browser, signed_in_states: dict[tuple[str, str], StorageState], open_pages: list[Page]
) -> Iterator[OpenBrowser]:
    """Return `open_browser(name, **options)`: a page in a browser of its own, signed in, at no address yet.

    A name of None is a signed-out visitor; options are Playwright's for a context (locale, viewport, has_touch).
    At the end no page may have met the content security policy or asked a foreign host for anything.
    """
    watch = Watch(urlsplit(server.url).netloc)
    defaults: dict[str, Any] = {
        "locale": "en-US",
        "timezone_id": "Europe/Moscow",
        "viewport": {"width": 1366, "height": 768},
        "reduced_motion": "reduce",
    }

    def open_one(name: str | None = "anna", **options: Any) -> Page:
        if name is not None and (server.url, name) not in signed_in_states:
            context = browser.new_context(**defaults)
            context.set_default_timeout(15_000)
            sign_in(context.new_page(), server.url, name)
            signed_in_states[server.url, name] = context.storage_state()
            context.close()
        state = signed_in_states[server.url, name] if name is not None else None
        page = browser.new_context(**{**defaults, "storage_state": state, **options}).new_page()
        page.set_default_timeout(15_000)
        watch.follow(page)
        open_pages.append(page)
        return page

    yield open_one
    for page in open_pages:
        page.context.close()
    assert watch.wrongs == []


@pytest.fixture
def browser_page(open_browser: OpenBrowser) -> Page:
    """Open a page signed in as Anna, a manager."""
    return open_browser("anna")


def _fresh_sqlite(request: pytest.FixtureRequest, folder: Path) -> str:
    path = folder / "crm.sqlite3"
    shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
    return f"sqlite:///{path}"


def _fresh_postgresql(request: pytest.FixtureRequest) -> str:
    server_url: str = request.getfixturevalue("postgresql_server")
    name, template = f"e2e_{next(_numbers)}", request.getfixturevalue("postgresql_template")
    maintain(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    request.addfinalizer(lambda: maintain(server_url, f"DROP DATABASE {name} WITH (FORCE)"))
    return postgresql_url_of(server_url, name)
