"""An objection in a real browser: written down on its stage, refused when empty, settled with what helped."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from crm.models import Objection, ObjectionKind, ObjectionOutcome
from tests.e2e.driving import Server, open_settled
from tests.factories import add_deal, add_pipeline


@pytest.fixture
def deal_id(server: Server) -> int:
    with server.database.session_scope() as session:
        return add_deal(session, server.cast.anna, add_pipeline(session), title="Metal sheet", stage=1)


def test_objection_is_written_down_and_settled(server: Server, deal_id: int, browser_page: Page) -> None:
    open_settled(browser_page, f"{server.url}/deal?deal={deal_id}")
    browser_page.get_by_role("button", name="Objection", exact=True).click()
    dialog = browser_page.get_by_role("dialog")
    dialog.get_by_label("Would buy if").fill("5 % off")
    dialog.get_by_label("Would buy if").press("Tab")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("Fill this in.")).to_be_visible()
    expect(dialog.get_by_label("Would buy if")).to_have_value("5 % off")
    dialog.get_by_label("What does the client say?").fill("Too *dear*")
    dialog.get_by_label("What does the client say?").press("Tab")
    dialog.get_by_text("Real", exact=True).click()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    card = browser_page.locator("[class*=st-key-said_]")
    expect(card).to_contain_text("Too *dear*")
    expect(card).to_contain_text("Not settled Real · Need found")
    card.get_by_role("button", name="Outcome").click()
    dialog.get_by_label("What helped, or what did not").fill("Counted the delivery in")
    dialog.get_by_label("What helped, or what did not").press("Tab")
    dialog.get_by_role("button", name="Save").click()
    expect(card).to_contain_text("Overcome")
    expect(card).to_contain_text("Counted the delivery in")
    expect(browser_page.get_by_text("Objection “Too *dear*”: overcome")).to_be_visible()
    with server.database.read_scope() as session:
        row = session.scalars(select(Objection).where(Objection.deal_id == deal_id)).one()
        assert (row.text, row.kind, row.buys_if) == ("Too *dear*", ObjectionKind.REAL, "5 % off")
        assert (row.outcome, row.outcome_note) == (ObjectionOutcome.OVERCOME, "Counted the delivery in")
