"""The board in a real browser: drags that go, drags that are refused, and what the dialog asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect
from sqlalchemy import delete, select, update

from crm.clock import utc_now
from crm.models import (
    Deal,
    DealStatus,
    NextStep,
    StageRequirement,
    StageVisit,
)
from tests.e2e.conftest import OpenBrowser
from tests.e2e.driving import Server
from tests.factories import PipelineRows, add_company, add_deal, add_pipeline

STAGES = ("Contact made", "Need found", "Offer sent", "Invoice issued")


# The same story on both databases: the server is made for each.
pytestmark = pytest.mark.parametrize("server", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(scope="module")
def pipeline(server: Server) -> PipelineRows:
    with server.database.session_scope() as session:
        rows = add_pipeline(session, stages=STAGES)
        session.add(StageRequirement(stage_id=rows.stages[2], builtin="amount"))
        session.add(StageRequirement(stage_id=rows.stages[2], builtin="source"))
        return rows


@pytest.fixture
def deal_id(server: Server, pipeline: PipelineRows) -> Iterator[int]:
    with server.database.session_scope() as session:
        company = add_company(session, server.cast.anna)
        deal_id = add_deal(session, server.cast.anna, pipeline, company_id=company, amount_minor=None)
    yield deal_id
    with server.database.session_scope() as session:
        session.execute(update(Deal).values(status=DealStatus.LOST))
        session.execute(delete(StageVisit).where(StageVisit.left_at.is_(None)))


def frame(page: Page) -> FrameLocator:
    # Two for a moment while the board is mounted anew.
    return page.frame_locator('iframe[src*="streamlit_sortables"]').last


def column(page: Page, number: int) -> Locator:
    return frame(page).locator(".sortable-container").nth(number)


def card(page: Page, deal_id: int) -> Locator:
    return frame(page).locator(".sortable-item").filter(has_text=f"#{deal_id} ")


def open_board(page: Page, server: Server, deal_id: int) -> None:
    page.goto(f"{server.url}/board")
    expect(card(page, deal_id)).to_be_visible()


def drag(page: Page, deal_id: int, to_column: int) -> None:
    """Carry a card by mouse over a column and let it go."""
    column(page, to_column).scroll_into_view_if_needed()
    start = card(page, deal_id).bounding_box()
    end = column(page, to_column).locator(".sortable-container-body").bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 40, start["y"] + 12)
    page.mouse.down()
    page.mouse.move(start["x"] + 55, start["y"] + 20, steps=3)
    page.mouse.move(end["x"] + 60, end["y"] + 40, steps=12)
    page.mouse.move(end["x"] + 62, end["y"] + 42, steps=3)
    expect(column(page, to_column).locator(".sortable-item").filter(has_text=f"#{deal_id} ")).to_be_visible()
    page.mouse.up()


def stage_of(server: Server, deal_id: int) -> int:
    with server.database.read_scope() as session:
        return session.scalars(select(Deal.stage_id).where(Deal.id == deal_id)).one()


def test_drag_to_the_next_stage_moves_the_deal(
    server: Server, pipeline: PipelineRows, deal_id: int, browser_page: Page
) -> None:
    open_board(browser_page, server, deal_id)
    drag(browser_page, deal_id, 1)
    expect(browser_page.get_by_text(f"Deal #{deal_id}: “Need found”")).to_be_visible()
    expect(column(browser_page, 1).locator(".sortable-item")).to_have_count(1)
    assert stage_of(server, deal_id) == pipeline.stages[1]


def test_drag_over_a_stage_snaps_back_and_says_why(
    server: Server, pipeline: PipelineRows, deal_id: int, browser_page: Page
) -> None:
    open_board(browser_page, server, deal_id)
    drag(browser_page, deal_id, 3)
    expect(browser_page.get_by_text("No skipping: the next stage is “Need found”")).to_be_visible()
    expect(column(browser_page, 0).locator(".sortable-item")).to_have_count(1)
    assert stage_of(server, deal_id) == pipeline.stages[0]


def test_drag_that_lacks_something_asks_for_just_that_and_moves(
    server: Server, pipeline: PipelineRows, deal_id: int, browser_page: Page
) -> None:
    with server.database.session_scope() as session:
        session.execute(update(Deal).where(Deal.id == deal_id).values(stage_id=pipeline.stages[1], next_due_at=None))
        session.execute(update(StageVisit).where(StageVisit.deal_id == deal_id).values(stage_id=pipeline.stages[1]))
        session.execute(delete(NextStep).where(NextStep.deal_id == deal_id))
    open_board(browser_page, server, deal_id)
    drag(browser_page, deal_id, 2)
    dialog = browser_page.get_by_role("dialog")
    expect(dialog.get_by_text("Move to “Offer sent”")).to_be_visible()
    expect(column(browser_page, 1).locator(".sortable-item")).to_have_count(1)
    assert stage_of(server, deal_id) == pipeline.stages[1]
    assert dialog.get_by_label("Reason of loss").count() == 0
    dialog.get_by_label("Source").fill("Exhibition")
    dialog.get_by_label("Source").press("Tab")
    dialog.get_by_role("button", name="Save and move").click()
    # Refused, told beside the fields, and what was typed is still there.
    expect(dialog.get_by_text("“Offer sent” needs this field.")).to_be_visible()
    expect(dialog.get_by_text("Plan the next step")).to_be_visible()
    expect(dialog.get_by_label("Source")).to_have_value("Exhibition")
    dialog.get_by_label("Amount").fill("1 250 000,50 ₽")
    dialog.get_by_label("Amount").press("Tab")
    dialog.get_by_text("Tomorrow").click()
    tomorrow = utc_now().astimezone(ZoneInfo("Europe/Moscow")) + timedelta(days=1)
    expect(dialog.get_by_test_id("stDateInput")).to_contain_text(
        re.compile(rf"{tomorrow:%d}\D+{tomorrow:%m}\D+{tomorrow:%Y}")
    )
    dialog.get_by_role("button", name="Save and move").click()
    expect(browser_page.get_by_text(f"Deal #{deal_id}: “Offer sent”")).to_be_visible()
    expect(column(browser_page, 2).locator(".sortable-item")).to_have_count(1)
    with server.database.read_scope() as session:
        deal = session.get_one(Deal, deal_id)
        assert (deal.stage_id, deal.amount_minor, deal.source) == (pipeline.stages[2], 125_000_050, "Exhibition")
        assert deal.next_due_at is not None
        assert deal.next_due_at > utc_now()


def test_dismissed_dialog_moves_nothing(
    server: Server, pipeline: PipelineRows, deal_id: int, browser_page: Page
) -> None:
    open_board(browser_page, server, deal_id)
    drag(browser_page, deal_id, 5)
    dialog = browser_page.get_by_role("dialog")
    expect(dialog.get_by_text("Why was the deal lost?")).to_be_visible()
    browser_page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(column(browser_page, 0).locator(".sortable-item")).to_have_count(1)
    assert stage_of(server, deal_id) == pipeline.stages[0]


def test_drag_to_lost_demands_a_reason_with_its_note(
    server: Server, pipeline: PipelineRows, deal_id: int, browser_page: Page
) -> None:
    open_board(browser_page, server, deal_id)
    drag(browser_page, deal_id, 5)
    dialog = browser_page.get_by_role("dialog")
    dialog.get_by_role("button", name="Close as lost").click()
    expect(dialog.get_by_text("Say why the deal was lost.")).to_be_visible()
    dialog.get_by_text("Other", exact=True).click()
    dialog.get_by_role("button", name="Close as lost").click()
    expect(dialog.get_by_text("This reason needs a note.")).to_be_visible()
    dialog.get_by_role("textbox").fill("Closed the plant")
    dialog.get_by_role("button", name="Close as lost").click()
    expect(dialog).to_have_count(0)
    with server.database.read_scope() as session:
        deal = session.get_one(Deal, deal_id)
        assert (deal.status, deal.loss_reason_id) == (DealStatus.LOST, pipeline.reasons[1])
        assert deal.loss_note == "Closed the plant"


def test_click_opens_the_card(server: Server, deal_id: int, browser_page: Page) -> None:
    open_board(browser_page, server, deal_id)
    card(browser_page, deal_id).click()
    expect(browser_page).to_have_url(f"{server.url}/deal?deal={deal_id}")
    expect(browser_page.get_by_role("heading", name=f"#{deal_id} Metal sheet")).to_be_visible()


def test_two_people_on_one_card_lose_nothing(
    server: Server, pipeline: PipelineRows, deal_id: int, open_browser: OpenBrowser
) -> None:
    anna, boris = open_browser("anna"), open_browser("boris")
    open_board(anna, server, deal_id)
    open_board(boris, server, deal_id)
    drag(anna, deal_id, 1)
    expect(anna.get_by_text(f"Deal #{deal_id}: “Need found”")).to_be_visible()
    # Boris still sees the card on the first stage; his drop on the second one is told, and his board catches up.
    drag(boris, deal_id, 1)
    expect(boris.get_by_text("The deal is on this stage already.")).to_be_visible()
    expect(column(boris, 1).locator(".sortable-item")).to_have_count(1)
    assert stage_of(server, deal_id) == pipeline.stages[1]
    with server.database.read_scope() as session:
        visits = session.scalars(select(StageVisit).where(StageVisit.deal_id == deal_id)).all()
        assert len(visits) == 2


def test_two_quick_drops_both_count(server: Server, pipeline: PipelineRows, deal_id: int, browser_page: Page) -> None:
    with server.database.session_scope() as session:
        second = add_deal(session, server.cast.anna, pipeline)
    open_board(browser_page, server, deal_id)
    expect(card(browser_page, second)).to_be_visible()
    drag(browser_page, deal_id, 1)
    drag(browser_page, second, 1)
    expect(browser_page.get_by_text(f"Deal #{second}: “Need found”")).to_be_visible()
    expect(column(browser_page, 1).locator(".sortable-item")).to_have_count(2)
    assert [stage_of(server, one) for one in (deal_id, second)] == [pipeline.stages[1]] * 2


def test_move_to_works_without_a_mouse(
    server: Server, pipeline: PipelineRows, deal_id: int, browser_page: Page
) -> None:
    open_board(browser_page, server, deal_id)
    browser_page.get_by_role("button", name="Move to...").click()
    for label, choice in (("Deal", f"#{deal_id} Metal sheet"), ("Stage", "Need found")):
        box = browser_page.get_by_role("combobox", name=label, exact=False).last
        box.click()
        box.fill(choice)
        browser_page.keyboard.press("Enter")
    browser_page.get_by_role("button", name="Move", exact=True).click()
    expect(browser_page.get_by_text(f"Deal #{deal_id}: “Need found”")).to_be_visible()
    assert stage_of(server, deal_id) == pipeline.stages[1]


def test_phone_shows_a_list_and_moves_from_it(
    server: Server, pipeline: PipelineRows, deal_id: int, open_browser: OpenBrowser
) -> None:
    phone = open_browser("anna", viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    phone.goto(f"{server.url}/board")
    phone.get_by_role("button", name="Need found").click()
    expect(phone.get_by_text(f"Deal #{deal_id}: “Need found”")).to_be_visible()
    assert stage_of(server, deal_id) == pipeline.stages[1]
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


def test_filters_narrow_columns_and_counts(server: Server, pipeline: PipelineRows, browser_page: Page) -> None:
    with server.database.session_scope() as session:
        late = add_deal(session, server.cast.anna, pipeline, title="Late pipe", due_in=-timedelta(days=1))
        later = add_deal(session, server.cast.anna, pipeline, title="Later pipe", due_in=timedelta(days=5))
    open_board(browser_page, server, later)
    browser_page.get_by_role("button", name="Overdue").click()
    expect(card(browser_page, later)).to_have_count(0)
    expect(card(browser_page, late)).to_be_visible()
    with server.database.session_scope() as session:
        session.execute(update(Deal).values(status=DealStatus.LOST))
