"""Data trust in a real browser: a finding, its deals, a task for their owners, and the finding is smaller."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from crm.models import NextStep
from tests.e2e.driving import Server, open_settled, settled
from tests.factories import add_deal, add_pipeline


@pytest.fixture
def neglected(server: Server) -> list[int]:
    with server.database.session_scope() as session:
        sales = add_pipeline(session)
        return [add_deal(session, server.cast.anna, sales, due_in=None, title=f"Pipes {one}") for one in (1, 2)]


def test_owner_gets_a_task_for_each_deal_of_a_finding(server: Server, neglected: list[int], browser_page: Page) -> None:
    open_settled(browser_page, f"{server.url}/trust")
    card = browser_page.locator(".st-key-figure_no_step")
    expect(card).to_contain_text("2")
    card.get_by_role("button", name="Show 2 deals").click()
    expect(browser_page.get_by_role("link", name=f"#{neglected[0]} Pipes 1")).to_be_visible()
    settled(browser_page)
    browser_page.get_by_role("button", name="Give the owners a task").click()
    dialog = browser_page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 open deals get this step, each for its owner.")
    expect(dialog.get_by_label("What to do")).to_have_value("Agree on the next step with the client")
    dialog.get_by_text("Tomorrow", exact=True).click()
    dialog.get_by_role("button", name="Plan a step").click()
    expect(dialog).to_have_count(0)
    expect(browser_page.get_by_text("A step is planned for 2 deals")).to_be_visible()
    expect(card).not_to_contain_text("Show")
    with server.database.read_scope() as session:
        steps = select(func.count()).select_from(NextStep).where(NextStep.deal_id.in_(neglected))
        assert session.scalar(steps.where(NextStep.text == "Agree on the next step with the client")) == 2
