"""An import in a real browser: upload, columns, check, run, failed rows saved once, the import taken back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import FilePayload, Page, expect
from sqlalchemy import func, select

from crm.models import Deal
from tests.e2e.conftest import OpenBrowser
from tests.e2e.driving import Server, open_settled, settled
from tests.factories import add_pipeline

WAIT = 60_000  # the reading process starts afresh on a busy machine
TITLE = "<b>=1+1</b> ![x](http://e.example/x.png)"
TEXT = f"Id;Title;Stage;Owner;Amount\n1;{TITLE};;Anna;1 250 000,50 ₽\n2;Tube;;Anna;much\n"


@pytest.fixture
def imports_page(server: Server, open_browser: OpenBrowser) -> Page:
    """Open the import page as the administrator, with a pipeline in the base."""
    with server.database.session_scope() as session:
        add_pipeline(session)
    page = open_browser("vera")
    open_settled(page, f"{server.url}/imports")
    return page


def test_file_goes_all_the_way_in_and_back(server: Server, imports_page: Page) -> None:
    page = imports_page
    upload = FilePayload(name="deals.csv", mimeType="text/csv", buffer=TEXT.encode("utf-16"))
    page.locator("input[type=file]").set_input_files(upload)
    page.get_by_role("button", name="Read the files").click()
    expect(page.get_by_role("button", name="Check the rows")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("CSV, UTF-16")).to_be_visible()
    page.get_by_role("button", name="Check the rows").click()
    start = page.get_by_role("button", name="Import 1 row")
    expect(start).to_be_visible(timeout=WAIT)
    settled(page)
    start.click()
    expect(page.get_by_text("new 1 · failed 1")).to_be_visible(timeout=WAIT)
    with server.database.read_scope() as session:
        assert session.scalars(select(Deal.title)).all() == [TITLE]

    settled(page)  # a click into a page still being drawn is lost
    page.get_by_role("button", name="1 failed row of deals.csv").click()
    link = page.get_by_role("link", name="Save deals.failed.csv")
    expect(link).to_be_visible(timeout=WAIT)
    with page.expect_download() as saved:
        link.click()
    assert saved.value.suggested_filename == "deals.failed.csv"
    assert '"Tube"' in saved.value.path().read_text(encoding="utf-8-sig")
    address = link.get_attribute("href") or ""
    assert re.fullmatch(r"/files/[\w-]{40,}", address)
    assert page.request.get(f"{server.url}{address}").status == 404  # once is all

    settled(page)
    page.get_by_role("button", name="Take back").click()
    page.get_by_role("button", name="Take the import back").click()
    expect(page.get_by_text("undone", exact=False).first).to_be_visible(timeout=WAIT)
    with server.database.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(Deal)) == 0
