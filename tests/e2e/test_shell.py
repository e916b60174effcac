"""The frame of every page in a real browser: keys, search, theme, language, phone, sign-out."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenBrowser
from tests.e2e.driving import Server, open_settled
from tests.factories import PipelineRows, add_deal, add_pipeline

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DARK = "rgb(16, 21, 23)"


@pytest.fixture(scope="module")
def pipeline(server: Server) -> PipelineRows:
    with server.database.session_scope() as session:
        rows = add_pipeline(session)
        add_deal(session, server.cast.anna, rows, title="Copper ![x](http://e.example/a.png) pipe")
        return rows


def background(page: Page) -> str:
    colour: str = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    return colour


def test_search_finds_a_deal_from_the_keyboard(server: Server, pipeline: PipelineRows, browser_page: Page) -> None:
    open_settled(browser_page, f"{server.url}/clients")
    search = browser_page.get_by_label("Search", exact=True)
    expect(browser_page.locator("[data-listening]")).to_have_count(1)
    browser_page.keyboard.press("/")
    expect(search).to_be_focused()
    browser_page.keyboard.type("copper")
    hit = browser_page.get_by_test_id("stSidebar").get_by_role("link", name="Copper")
    expect(hit).to_contain_text("Copper ![x](http")
    hit.click()
    expect(browser_page).to_have_url(f"{server.url}/deal?deal=1")
    expect(search).to_have_value("")


def test_slash_is_typed_where_one_types(server: Server, browser_page: Page) -> None:
    open_settled(browser_page, f"{server.url}/clients")
    search = browser_page.get_by_label("Search", exact=True)
    search.click()
    browser_page.keyboard.type("a/b")
    expect(search).to_have_value("a/b")


def test_chosen_theme_lasts_over_pages_and_reloads(server: Server, pipeline: PipelineRows, browser_page: Page) -> None:
    open_settled(browser_page, f"{server.url}/clients")
    assert background(browser_page) != DARK
    browser_page.get_by_test_id("stPopover").get_by_role("button", name="Anna").click()
    browser_page.get_by_role("button", name="Dark").click()
    expect(browser_page.get_by_test_id("stPopover").get_by_role("button", name="Anna")).to_be_visible()
    for path in ("/clients", "/board", "/"):
        open_settled(browser_page, f"{server.url}{path}")
        assert background(browser_page) == DARK


def test_language_switch_changes_the_page_and_lasts(server: Server, open_browser: OpenBrowser) -> None:
    page = open_browser("anton")
    open_settled(page, f"{server.url}/clients")
    expect(page.get_by_role("link", name="Clients")).to_be_visible()
    page.get_by_test_id("stPopover").get_by_role("button", name="Anton").click()
    page.get_by_text("Русский", exact=True).click()
    expect(page.get_by_role("link", name="Клиенты")).to_be_visible()
    page.reload()
    expect(page.get_by_role("link", name="Клиенты")).to_be_visible()


def test_link_in_the_sidebar_closes_it_on_a_phone(
    server: Server, pipeline: PipelineRows, open_browser: OpenBrowser
) -> None:
    page = open_browser("anna", **PHONE)
    open_settled(page, f"{server.url}/clients")
    expect(page.locator("[data-listening]")).to_have_count(1)
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_test_id("stSidebar").get_by_role("link", name="Today").click()
    expect(page.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "true")
    expect(page).to_have_url(f"{server.url}/")


def test_sign_out_leads_to_the_sign_in_page(server: Server, open_browser: OpenBrowser) -> None:
    page = open_browser("boris")
    open_settled(page, f"{server.url}/clients")
    page.get_by_test_id("stPopover").get_by_role("button", name="Boris").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("input[name=password]")).to_be_visible()
    page.goto(f"{server.url}/clients")
    expect(page.locator("input[name=password]")).to_be_visible()


def test_page_never_shows_a_trace(server: Server, open_browser: OpenBrowser, tmp_path: Path) -> None:
    page = open_browser("vera")
    open_settled(page, f"{server.url}/deal?deal=9999999999999999999999")
    expect(page.get_by_test_id("stMain")).not_to_contain_text("Traceback")
    expect(page.get_by_test_id("stException")).to_have_count(0)
