"""Managers and key figures in a browser: a cell of the map opens its deals, heads set plans."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from crm.clock import utc_now
from tests.analytics.histories import FIRST_DAY, Came, add_history
from tests.e2e.conftest import OpenBrowser
from tests.e2e.driving import Server, open_settled, settled
from tests.factories import PipelineRows, add_pipeline

ROW_HEIGHT = 35
SCROLL_MILLISECONDS = 700
TOTAL, NEWEST = 340, 440  # where columns of the table of key figures stand, in pixels


@pytest.fixture(scope="module")
def pipeline(server: Server) -> PipelineRows:
    """Insert a pipeline: Anna loses nobody on the first stage, Anton ten of twelve; Anna sells two deals now."""
    now = (utc_now() - FIRST_DAY) / timedelta(days=1)
    with server.database.session_scope() as session:
        rows = add_pipeline(session)
        for owner, passed in ((server.cast.anna, 12), (server.cast.anton, 2)):
            for number in range(12):
                came = [Came(0, now - 9, owner), Came(1, now - 8, owner)]
                if number < passed:
                    add_history(session, rows, came, title=f"Sheet {number}")
                else:
                    add_history(session, rows, came[:1], lost=now - 8, title=f"Pipe {number}")
        for _number in range(2):
            add_history(session, rows, [Came(0, now - 0.01, server.cast.anna)], won=now, amount_minor=1_000_000_00)
        return rows


def cells(page: Page) -> Locator:
    return page.locator(".st-key-block_managers path[aria-roledescription='rect mark']")


def told(mark: Locator) -> str:
    """Return what a mark is called for those who don't see it."""
    return mark.get_attribute("aria-label") or ""


def deal_list(page: Page) -> Locator:
    return page.locator(".st-key-deals_behind")


def test_head_clicks_a_cell_of_the_map_reads_a_deal_and_comes_back_to_the_same_view(
    open_browser: OpenBrowser, server: Server, pipeline: PipelineRows
) -> None:
    page = open_settled(open_browser("boris"), f"{server.url}/managers")
    expect(page.locator(".st-key-read_out")).to_contain_text("Contact made 16.7%")
    expect(cells(page)).not_to_have_count(0)
    anton = next(one for one in cells(page).all() if "Anton" in told(one) and "Contact made" in told(one))
    anton.click()
    settled(page)
    expect(deal_list(page)).to_contain_text("Anton · Contact made · came: 12 deals")
    opened = page.url
    assert f"open=managers~came~{server.cast.anton.user_id}~{pipeline.stages[0]}" in opened
    deal_list(page).locator("a[href*='deal?deal=']").first.click()
    page.wait_for_url("**/deal?deal=*")
    settled(page)
    page.go_back()
    settled(page)
    expect(deal_list(page)).to_contain_text("Anton · Contact made · came: 12 deals")
    assert page.url == opened


def test_month_of_a_manager_opens_its_deals(open_browser: OpenBrowser, server: Server, pipeline: PipelineRows) -> None:
    page = open_browser("boris")
    stage = pipeline.stages[0]
    open_settled(page, f"{server.url}/managers?owner={server.cast.anton.user_id}&trend={stage}")
    points = page.locator("path[aria-roledescription='point']")
    expect(points).not_to_have_count(0)
    own = next(one for one in points.all() if "Anton" in told(one))
    own.click()
    settled(page)
    expect(deal_list(page)).to_contain_text("Contact made · came: 12 deals")
    assert "open=trend~came~" in page.url


def test_manager_sees_the_own_row_alone(open_browser: OpenBrowser, server: Server, pipeline: PipelineRows) -> None:
    page = open_settled(open_browser("anton"), f"{server.url}/managers")
    expect(page.get_by_role("heading", name="Anton", exact=True)).to_be_visible()
    expect(page.get_by_text("You see your own figures")).to_be_visible()
    expect(cells(page)).not_to_have_count(0)
    assert all("Anton" in told(one) for one in cells(page).all())


def test_cell_of_key_figures_opens_the_deals_of_its_month_and_of_all(
    open_browser: OpenBrowser, server: Server, pipeline: PipelineRows
) -> None:
    page = open_settled(open_browser("boris"), f"{server.url}/kpi?period=months-12")
    table = page.get_by_test_id("stDataFrame").first
    for column, whose in ((TOTAL, "All deals"), (NEWEST, f"{utc_now():%b %Y}")):
        page.get_by_test_id("stMain").evaluate("node => node.scrollTo(0, 0)")
        box = table.bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + column, box["y"] + ROW_HEIGHT * 2.5)  # the second row is the won deals
        settled(page)
        expect(deal_list(page)).to_contain_text(f"{whose} · won deals: 2 deals")
        page.wait_for_timeout(SCROLL_MILLISECONDS)  # the list comes into sight
    assert "open=kpi~won~" in page.url


def test_head_sets_plans_and_what_is_no_number_stays_to_be_mended(
    open_browser: OpenBrowser, server: Server, pipeline: PipelineRows
) -> None:
    page = open_settled(open_browser("vera"), f"{server.url}/kpi?period=this-month")
    page.locator(".st-key-kpi_plans button").click()
    dialog = page.get_by_role("dialog")
    month = dialog.get_by_label(f"{utc_now():%b} {utc_now().year}", exact=True)
    month.fill("much")
    month.press("Enter")
    settled(page)
    expect(dialog).to_contain_text("Write the amount as a number")
    dialog.get_by_role("button", name="Save the plans").click()
    settled(page)
    expect(dialog).to_contain_text("nothing is saved yet")
    expect(month).to_have_value("much")
    month.fill("4 000 000")
    month.press("Enter")
    settled(page)
    expect(dialog).to_contain_text("In the year: ₽4M")
    dialog.get_by_role("button", name="Save the plans").click()
    expect(dialog).to_have_count(0)
    settled(page)
    expect(page.locator(".st-key-figure_plan_percent")).to_contain_text("50%")
    page.locator(".st-key-kpi_plans button").click()  # what was saved stands there
    expect(month).to_have_value("4,000,000")


def test_year_gets_the_same_plan_at_once(open_browser: OpenBrowser, server: Server, pipeline: PipelineRows) -> None:
    page = open_settled(open_browser("boris"), f"{server.url}/kpi")
    page.locator(".st-key-kpi_plans button").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("combobox", name="Whose plan")).to_have_value("Anna")  # no company: he sees a team
    same = dialog.get_by_label("The same in every month")
    same.fill("100000")
    same.press("Enter")
    settled(page)
    dialog.get_by_role("button", name="Put into all months").click()
    settled(page)
    expect(dialog).to_contain_text("In the year: ₽1.2M")
    dialog.get_by_role("button", name="Save the plans").click()
    expect(dialog).to_have_count(0)
