"""The board's component in a real browser: what drags, odd names, keys and stray drops do to it."""

from __future__ import annotations

import random
import re
from collections import defaultdict

import pytest
from playwright.sync_api import ConsoleMessage, FrameLocator, Page, expect
from sqlalchemy import select

from crm.db import Database
from crm.models import Deal, DealStatus, Stage
from tests.e2e.conftest import OpenBrowser
from tests.e2e.driving import Server
from tests.factories import PipelineRows, add_company, add_deal, add_pipeline

NASTY_STAGE = 'Offer "}</style><b>x{'
STAGES = ("Contact made", "Need found", NASTY_STAGE, "Invoice issued", "Prepaid", "Made", "Shipped", "Signed")
# Titles of very different heights: what once made the component turn in circles and go blank.
TITLES = ("Wire", "Beam 20B1 for the new warehouse in Tver", "Metal sheet 2 mm, 10 t", "x" * 60)
FRAME = 'iframe[src*="streamlit_sortables"]'
LAYOUT = f"""() => [...document.querySelector('{FRAME}').contentDocument.querySelectorAll('.sortable-container')].map(
  column => [...column.querySelectorAll('li.sortable-item')].map(card => +card.textContent.match(/^#(\\d+) /)[1]))"""


@pytest.fixture(scope="module")
def pipeline(server: Server) -> PipelineRows:
    with server.database.session_scope() as session:
        rows = add_pipeline(session, stages=STAGES)
        company = add_company(session, server.cast.anna, name='Mir "}</style> [x](http://e.example)')
        for number in range(48):
            add_deal(
                session,
                server.cast.anna,
                rows,
                stage=number % 8,
                title=TITLES[number // 8 % 4],
                company_id=company,
                amount_minor=32_000_000,
            )
        return rows


@pytest.fixture
def board(server: Server, pipeline: PipelineRows, open_browser: OpenBrowser) -> Page:
    page = open_browser("anna")
    page.goto(f"{server.url}/board")
    expect(frame(page).locator(".sortable-container").last).to_have_attribute("data-kind", "lost")
    return page


def frame(page: Page) -> FrameLocator:
    return page.frame_locator(FRAME).last


def open_deals(database: Database, pipeline: PipelineRows) -> list[set[int]]:
    """Return the ids of open deals by open stage."""
    by_stage: defaultdict[int, set[int]] = defaultdict(set)
    with database.read_scope() as session:
        for deal_id, stage_id in session.execute(
            select(Deal.id, Deal.stage_id).where(Deal.pipeline_id == pipeline.id, Deal.status == DealStatus.OPEN)
        ):
            by_stage[stage_id].add(deal_id)
    return [by_stage[stage] for stage in pipeline.stages]


def carry(page: Page, dice: random.Random) -> None:
    """Lift a card somewhere and wander about with it, also off the board."""
    columns = frame(page).locator(".sortable-container")
    cards = columns.nth(dice.randrange(7)).locator("li.sortable-item")
    if not cards.count():
        return
    box, whole = cards.first.bounding_box(), page.locator(FRAME).bounding_box()
    assert box is not None
    assert whole is not None
    page.mouse.move(box["x"] + dice.uniform(0.05, 0.95) * box["width"], box["y"] + dice.uniform(5, 25))
    page.mouse.down()
    for _hop in range(dice.randrange(1, 4)):
        page.mouse.move(
            dice.uniform(whole["x"], whole["x"] + whole["width"]),
            dice.uniform(whole["y"] - 40, whole["y"] + whole["height"] + 40),
            steps=dice.randrange(4, 25),
        )
    page.mouse.up()


def close_dialogs(page: Page) -> None:
    if page.get_by_role("dialog").count():
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_wandering_drags_leave_the_board_as_the_database_has_it(
    board: Page, server: Server, pipeline: PipelineRows
) -> None:
    failures: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "React error" in message.text:
            failures.append(message.text)

    board.on("console", note)
    board.on("pageerror", lambda error: failures.append(str(error)))
    dice = random.Random(7)
    for _drag in range(15):
        carry(board, dice)
        board.wait_for_timeout(600)
        close_dialogs(board)
        expect(frame(board).locator("li.sortable-item").first).to_be_visible()

    def agree() -> bool:
        shown: list[list[int]] = board.evaluate(LAYOUT)
        return [set(column) for column in shown[: len(STAGES)]] == open_deals(server.database, pipeline)

    for _attempt in range(40):
        if agree():
            break
        board.wait_for_timeout(250)
    assert failures == []
    assert agree()


def test_card_let_go_beside_the_board_goes_back(board: Page, server: Server, pipeline: PipelineRows) -> None:
    before: list[list[int]] = board.evaluate(LAYOUT)
    source = next(number for number, column in enumerate(before) if column and number < 6)
    columns = frame(board).locator(".sortable-container")
    start = columns.nth(source).locator("li.sortable-item").first.bounding_box()
    over = columns.nth(source + 1).bounding_box()
    assert start is not None
    assert over is not None
    board.mouse.move(start["x"] + 40, start["y"] + 12)
    board.mouse.down()
    board.mouse.move(over["x"] + 60, over["y"] + 90, steps=15)
    moved = columns.nth(source + 1).locator(f'[data-title^="#{before[source][0]} "]')
    expect(moved).to_be_visible()
    board.mouse.move(over["x"] + 60, 4, steps=25)
    board.mouse.up()
    expect(moved).to_have_count(0)
    expect(columns.nth(source).locator(f'[data-title^="#{before[source][0]} "]')).to_be_visible()
    assert open_deals(server.database, pipeline)[source] == set(before[source])


def test_names_with_markup_and_css_are_shown_as_typed(board: Page) -> None:
    header = frame(board).locator(".sortable-container-header").nth(2)
    assert header.inner_text() == NASTY_STAGE
    assert frame(board).locator("b").count() == 0
    line = frame(board).locator("li.sortable-item").first.get_attribute("data-lines")
    assert line is not None
    assert line.startswith('Mir "}</style> [x](http://e.example)')
    height = header.evaluate("node => getComputedStyle(node).height")
    assert height == frame(board).locator(".sortable-container-header").first.evaluate(
        "node => getComputedStyle(node).height"
    )


@pytest.mark.parametrize("key", ["Enter", "o"])
def test_card_is_opened_from_the_keyboard(key: str, board: Page, server: Server) -> None:
    card = frame(board).locator("li.sortable-item").first
    number = card.inner_text().split()[0].removeprefix("#")
    card.focus()
    board.keyboard.press(key)
    expect(board).to_have_url(f"{server.url}/deal?deal={number}")


def test_click_opens_a_card(board: Page, server: Server) -> None:
    card = frame(board).locator("li.sortable-item").first
    number = card.inner_text().split()[0].removeprefix("#")
    card.click()
    expect(board).to_have_url(f"{server.url}/deal?deal={number}")


def test_changed_amount_reaches_a_card_without_mounting_the_board_anew(
    board: Page, server: Server, pipeline: PipelineRows
) -> None:
    board.evaluate(f"() => {{ document.querySelector('{FRAME}').contentWindow.stillHere = true }}")
    first = board.evaluate(LAYOUT)[0][0]
    with server.database.session_scope() as session:
        session.get_one(Deal, first).amount_minor = 77_700
    # Any rerun of the board's fragment will do.
    stray = frame(board).locator("li.sortable-item").nth(1)
    stray.focus()
    for key in ("Space", "ArrowDown", "Space"):
        board.keyboard.press(key)
        board.wait_for_timeout(300)
    expect(frame(board).locator(f'[data-title^="#{first} "]')).to_have_attribute("data-lines", re.compile("777"))
    assert board.evaluate(f"() => document.querySelector('{FRAME}').contentWindow.stillHere") is True


def test_slash_jumps_to_the_search_from_the_page_and_from_the_board(board: Page) -> None:
    search = board.get_by_label("Search", exact=True)
    expect(board.locator("[data-listening]")).to_have_count(1)
    frame(board).locator("li.sortable-item").first.focus()
    board.keyboard.press("/")
    expect(search).to_be_focused()
    board.keyboard.type("wire/1")
    expect(search).to_have_value("wire/1")


def test_stage_renamed_by_somebody_else_is_shown(board: Page, server: Server, pipeline: PipelineRows) -> None:
    with server.database.session_scope() as session:
        session.get_one(Stage, pipeline.stages[7]).name = "Signed and paid"
    board.reload()
    expect(frame(board).locator(".sortable-container-header").nth(7)).to_contain_text("Signed and paid")
