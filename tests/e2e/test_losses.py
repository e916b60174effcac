"""Losses in a real browser: a number opens its deals, a lost deal gets a comment and goes back to work."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from crm.models import Activity, Deal, DealStatus, NextStep, RuleOverride, Stage, VisitOutcome
from tests.e2e.conftest import OpenBrowser
from tests.e2e.driving import Server, open_settled, settled
from tests.factories import add_closed_deal, add_pipeline

WHY = "The client has called back"


@pytest.fixture(scope="module")
def deal_ids(server: Server) -> list[int]:
    """Insert three lost deals of a pipeline, the first the dearest."""
    with server.database.session_scope() as session:
        pipeline = add_pipeline(session)
        return [
            add_closed_deal(
                session, server.cast.anna, pipeline, VisitOutcome.LOST, stage=2, title=f"Pipes {number}",
                amount_minor=(5 - number) * 100_000_00, loss_reason_id=pipeline.reasons[0],
            )
            for number in range(3)
        ]  # fmt: skip


def losses(server: Server, open_browser: OpenBrowser) -> Page:
    return open_settled(open_browser("boris"), f"{server.url}/losses")


def test_figure_opens_its_deals_and_one_leads_back_to_the_same_view(
    server: Server, deal_ids: list[int], open_browser: OpenBrowser
) -> None:
    page = losses(server, open_browser)
    page.locator(".st-key-figure_open_lost button").click()
    behind = page.locator(".st-key-deals_behind")
    expect(behind).to_contain_text("3 deals")
    settled(page)
    behind.get_by_role("link", name="Pipes 1").click()
    expect(page).to_have_url(f"{server.url}/deal?deal={deal_ids[1]}")
    settled(page)
    page.go_back()
    expect(page.locator(".st-key-deals_behind")).to_contain_text("3 deals")


def test_head_comments_on_a_lost_deal_and_takes_it_up_again(
    server: Server, deal_ids: list[int], open_browser: OpenBrowser
) -> None:
    page = losses(server, open_browser)
    card = page.locator(f".st-key-lost_{deal_ids[0]}")
    card.get_by_role("button", name="Comment").click()
    note = page.get_by_label("What should be tried?")
    note.fill("Offer the smaller pack")
    note.press("Tab")
    settled(page)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(card).to_contain_text("Offer the smaller pack")
    settled(page)
    card.get_by_role("button", name="Take up again").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Tomorrow").click()
    expect(dialog.get_by_test_id("stDateInput")).not_to_contain_text("yyyy")
    settled(page)
    why = dialog.get_by_role("textbox", name="Why is the deal taken up again?")
    why.fill(WHY)
    why.press("Tab")
    settled(page)
    dialog.get_by_role("button", name="Take up again").click()
    expect(dialog).to_have_count(0)
    expect(card).to_have_count(0)
    expect(page.locator(".st-key-figure_lost")).to_contain_text("2")
    with server.database.read_scope() as session:
        deal = session.get_one(Deal, deal_ids[0])
        assert (deal.status, session.get_one(Stage, deal.stage_id).name) == (DealStatus.OPEN, "Offer sent")
        step = session.scalars(select(NextStep).where(NextStep.deal_id == deal.id, NextStep.done_at.is_(None))).one()
        assert step.owner_id == server.cast.anna.user_id
        assert session.scalars(select(RuleOverride.reason).where(RuleOverride.deal_id == deal.id)).one() == WHY
        assert (
            session.scalars(select(Activity.text).where(Activity.deal_id == deal.id)).one() == "Offer the smaller pack"
        )
