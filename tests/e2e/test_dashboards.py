"""Dashboards in a browser: a number opens its deals, a deal and back shows the same view, a link shows it to others."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from crm.clock import utc_now
from crm.deals.paths import retrace_deals
from crm.models import Deal
from tests.e2e.conftest import OpenBrowser
from tests.e2e.driving import Server, open_settled, settled
from tests.factories import PipelineRows, add_closed_deal, add_deal, add_pipeline

ROW_HEIGHT = 35
PASSED = 0.25  # where the second number stands, in parts of the table's width


@pytest.fixture(scope="module")
def pipeline(server: Server) -> PipelineRows:
    """Insert a pipeline: 25 deals on the first stage, 5 on the third, 2 won."""
    with server.database.session_scope() as session:
        rows = add_pipeline(session)
        for number in range(25):
            add_deal(session, server.cast.anna, rows, title=f"Sheet {number}")
        for number in range(5):
            add_deal(session, server.cast.anton, rows, stage=2, title=f"Pipe {number}")
        for number in range(2):
            add_closed_deal(session, server.cast.anna, rows, title=f"Beam {number}")
        return rows


def open_conversion(page: Page, server: Server, query: str = "?meaning=reached-at-least") -> Page:
    open_settled(page, f"{server.url}/conversion{query}")
    expect(bars(page)).not_to_have_count(0)
    return page


def bars(page: Page) -> Locator:
    return page.locator(".st-key-block_conversion path[aria-roledescription=bar]")


def deal_list(page: Page) -> Locator:
    return page.locator(".st-key-deals_behind")


def links(page: Page) -> Locator:
    return deal_list(page).locator("a[href*='deal?deal=']")


def read_first_deal(page: Page) -> None:
    links(page).first.click()
    page.wait_for_url("**/deal?deal=*")
    expect(deal_list(page)).to_have_count(0)  # the deal is drawn, else going back overtakes its script
    settled(page)


def click_cell(page: Page, row: int, column: float) -> None:
    table = page.locator(".st-key-block_conversion").get_by_test_id("stDataFrame")
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * column, box["y"] + ROW_HEIGHT * (row + 1.5))
    settled(page)


def test_head_clicks_a_bar_reads_a_deal_and_comes_back_to_the_same_view(
    open_browser: OpenBrowser, server: Server, pipeline: PipelineRows
) -> None:
    page = open_conversion(open_browser("boris"), server)
    page.get_by_test_id("stMain").evaluate("node => node.scrollTo(0, 400)")
    bars(page).first.click()
    settled(page)
    expect(deal_list(page)).to_contain_text("Contact made · went on: 7 deals")
    expect(deal_list(page)).to_be_in_viewport()
    opened = page.url
    assert f"open=conversion~passed~{pipeline.stages[0]}" in opened
    read_first_deal(page)
    page.go_back()
    settled(page)
    expect(deal_list(page)).to_contain_text("Contact made · went on: 7 deals")
    assert page.url == opened
    page.reload()
    settled(page)
    expect(deal_list(page)).to_contain_text("Contact made · went on: 7 deals")


def test_head_clicks_a_cell_of_the_heat_map_and_comes_back(
    open_browser: OpenBrowser, server: Server, pipeline: PipelineRows
) -> None:
    page = open_browser("boris")
    open_settled(page, f"{server.url}/conversion?meaning=reached-at-least&by=owner")
    cells = page.locator(".st-key-block_conversion path[aria-roledescription='rect mark']")
    expect(cells).not_to_have_count(0)
    cells.first.scroll_into_view_if_needed()
    cells.first.click()
    settled(page)
    expect(deal_list(page)).to_contain_text("Anna · Contact made · came: 27 deals")
    opened = page.url
    read_first_deal(page)
    page.go_back()
    settled(page)
    expect(deal_list(page)).to_contain_text("Anna · Contact made · came: 27 deals")
    assert page.url == opened


def test_cell_of_the_sorted_table_opens_its_own_row(
    open_browser: OpenBrowser, server: Server, pipeline: PipelineRows
) -> None:
    page = open_conversion(open_browser("boris"), server)
    click_cell(page, -1, PASSED)  # the header of a number: fewest come first
    click_cell(page, 0, PASSED)
    expect(deal_list(page)).to_contain_text(re.compile(r"(Offer sent|Invoice issued|Paid) · went on: 2 deals"))
    deal_list(page).get_by_role("button", name="Close the list").click()
    settled(page)
    expect(deal_list(page)).to_have_count(0)
    assert urlsplit(page.url).query == "meaning=reached-at-least"
    click_cell(page, 0, PASSED)  # the same cell opens once more
    expect(deal_list(page)).to_have_count(1)


def test_keyboard_opens_a_number_and_pages_turn(
    open_browser: OpenBrowser, server: Server, pipeline: PipelineRows
) -> None:
    page = open_conversion(open_browser("boris"), server)
    field = page.locator(".st-key-conversion_opener input")
    field.focus()
    page.keyboard.type("contact made came")
    page.keyboard.press("Enter")
    settled(page)
    expect(deal_list(page)).to_contain_text("Contact made · came: 32 deals")
    expect(deal_list(page)).to_contain_text("1–20 of 32")
    deal_list(page).get_by_test_id("stPagination").get_by_role("button").last.click()
    settled(page)
    expect(deal_list(page)).to_contain_text("21–32 of 32")
    assert "page=2" in page.url


def test_scope_lives_in_the_address_and_back_undoes_a_choice(
    open_browser: OpenBrowser, server: Server, pipeline: PipelineRows
) -> None:
    page = open_conversion(open_browser("boris"), server)
    page.locator(".st-key-scope_when button").first.click()
    page.get_by_text("This quarter").click()
    settled(page)
    expect(page.locator(".st-key-scope_when button").first).to_contain_text("This quarter")
    assert "period=this-quarter" in page.url
    link = page.url
    page.keyboard.press("Escape")
    page.get_by_test_id("stSidebar").get_by_role("link", name="Losses").click()
    page.wait_for_url("**/losses?period=this-quarter")
    settled(page)
    page.go_back()
    page.wait_for_url("**/conversion?*period=this-quarter*")
    settled(page)
    page.go_back()
    settled(page)
    expect(page.locator(".st-key-scope_when button").first).not_to_contain_text("This quarter")
    other = open_conversion(open_browser("anna"), server, f"?{urlsplit(link).query}")
    expect(other.locator(".st-key-scope_when button").first).to_contain_text("This quarter")


def test_head_saves_the_list_as_a_file_without_formulas(
    open_browser: OpenBrowser, server: Server, pipeline: PipelineRows
) -> None:
    with server.database.session_scope() as session:
        deal = session.get_one(Deal, add_deal(session, server.cast.anna, pipeline, stage=3, title="=1+1"))
        deal.updated_at = utc_now()
        retrace_deals(session, [deal.id])
    opened = f"?meaning=real-path&open=conversion~came~{pipeline.stages[3]}"
    page = open_conversion(open_browser("boris"), server, opened)
    deal_list(page).get_by_role("button", name="Export").click()
    page.get_by_text("CSV", exact=True).click()
    settled(page)
    with page.expect_download() as saved:
        page.get_by_text("Save ").first.click()
    text = saved.value.path().read_text(encoding="utf-8-sig")
    assert text.splitlines()[0].startswith('"Number";"Deal";"Client"')
    assert '"\'=1+1"' in text


def test_time_to_each_stage_unfolds_and_a_link_shows_it_open(
    open_browser: OpenBrowser, server: Server, pipeline: PipelineRows
) -> None:
    page = open_conversion(open_browser("boris"), server)
    block = page.locator(".st-key-survival")
    expect(block.locator("canvas, svg")).to_have_count(0)
    block.get_by_text("How long until a deal comes so far").click()
    page.wait_for_url("**more=survival*")
    settled(page)
    expect(block.get_by_test_id("stVegaLiteChart")).to_be_visible()
    expect(block.get_by_test_id("stDataFrame")).to_be_visible()
    expect(block.get_by_role("button", name="Export")).to_be_visible()
    page.reload()
    settled(page)
    expect(block.get_by_test_id("stVegaLiteChart")).to_be_visible()
    block.get_by_text("How long until a deal comes so far").click()
    settled(page)
    expect(block.get_by_test_id("stVegaLiteChart")).to_have_count(0)
    assert "more=" not in page.url
