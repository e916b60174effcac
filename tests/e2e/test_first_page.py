"""A browser gets in with a password, and not without one; the server keeps its promises to browsers."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenBrowser
from tests.e2e.driving import Server, Watch, open_settled, sign_in


def test_visitor_gets_the_sign_in_page_only(server: Server, open_browser: OpenBrowser) -> None:
    page = open_browser(None)
    page.goto(f"{server.url}/board?deal=1")
    expect(page).to_have_url(f"{server.url}/account/sign-in?next=%2Fboard%3Fdeal%3D1")
    expect(page.locator("input[name=password]")).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_count(0)


def test_form_lets_a_manager_in(server: Server, open_browser: OpenBrowser) -> None:
    page = open_browser(None)
    sign_in(page, server.url, "anna")
    expect(page.get_by_test_id("stSidebar")).to_contain_text("Metal trade", timeout=20_000)


def test_first_page_calls_no_foreign_host(server: Server, browser_page: Page) -> None:
    open_settled(browser_page, server.url)
    expect(browser_page.get_by_test_id("stSidebar")).to_contain_text("Metal trade")


def test_watch_notices_a_foreign_request_and_a_refusal_by_policy(server: Server, open_browser: OpenBrowser) -> None:
    """The watch over all other tests sees what it is there for."""
    page = open_browser(None)
    watch = Watch("elsewhere.example")
    watch.follow(page)
    page.goto(f"{server.url}/account/sign-in")
    assert any(wrong.startswith("foreign request") for wrong in watch.wrongs)


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_form_lets_a_manager_in_on_postgresql(server: Server, open_browser: OpenBrowser) -> None:
    test_form_lets_a_manager_in(server, open_browser)
