"""One client in two deals: a phone only, an e-mail only, the phone typed into the name; merged, read, undone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from crm.auth.api_keys import create_api_key
from crm.clock import utc_now
from crm.models import Contact, Deal, EntityType, MatchPair
from tests import factories
from tests.e2e.conftest import OpenBrowser
from tests.e2e.driving import Server, open_settled, settled

NUMBER, MAILBOX = "+7 916 240-17-35", "pavlova@stal.ru"


@dataclass(frozen=True, slots=True)
class Story:
    """Two leads of one client that came in through the API, each with its deal."""

    first: int
    second: int
    first_deal: int
    second_deal: int


@pytest.fixture(scope="module")
def story(server: Server) -> Story:
    """Let the site's forms bring the client twice: once with a phone only, once with an e-mail only."""
    cast = server.cast
    with server.database.session_scope() as session:
        pipeline = factories.add_pipeline(session)
        key = create_api_key(
            session, cast.anna, name="Site", scopes=("read", "write"), expires_at=None, now=utc_now()
        ).token
    api = httpx2.Client(base_url=f"{server.url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=30)

    def lead(name: str, kind: str, value: str, title: str, said: str) -> tuple[int, int]:
        contact = _made(api, "/contacts", {"name": name, "points": [{"kind": kind, "value": value}]})
        due_at = (utc_now() + timedelta(days=1)).isoformat().replace("+00:00", "Z")
        deal = _made(
            api,
            "/deals",
            {
                "pipeline_id": pipeline.id,
                "title": title,
                "amount_minor": 32_000_000,
                "contacts": [{"contact_id": contact}],
                "next_step": {"kind": "call", "due_at": due_at, "text": "Call"},
            },
        )
        _made(api, f"/deals/{deal}/activities", {"kind": "note", "text": said})
        return contact, deal

    first, first_deal = lead("Александра Павлова", "phone", NUMBER, "Лист 2 мм, 10 т", "Договорились: отгрузка в среду")
    second, second_deal = lead("Саша", "email", MAILBOX, "Лист 2мм 10т", "Договорились: скидка 3 %")
    api.close()
    return Story(first, second, first_deal, second_deal)


def test_story_of_one_client_in_two_deals(server: Server, story: Story, open_browser: OpenBrowser) -> None:
    _type_phone_into_the_name(open_browser("anna"), server, story)
    page = open_browser("boris")
    open_settled(page, f"{server.url}/duplicates")
    top = _rows(page).first
    expect(top).to_contain_text("Александра Павлова")
    expect(top).to_contain_text("phone in the name")
    expect(page.get_by_text(f"The phone {NUMBER} was found in the name")).to_be_visible()
    expect(page.get_by_text("Merging moves")).to_contain_text("1 deal")
    _survive(page, "Александра Павлова")
    _press(page, "1")
    expect(page.get_by_text("Merged into Александра Павлова")).to_be_visible()
    assert _merged_into(server, Contact, story.second) == story.first

    _merge_deals(page, server, story)
    open_settled(page, f"{server.url}/deal?deal={story.second_deal}")  # the old link leads to the deal that stays
    expect(page.get_by_role("heading", name=f"#{story.first_deal} Лист 2 мм, 10 т")).to_be_visible()
    expect(page.get_by_text("Договорились: отгрузка в среду")).to_be_visible()
    expect(page.get_by_text("Договорились: скидка 3 %")).to_be_visible()
    open_settled(page, f"{server.url}/clients?contact={story.second}")
    expect(page.get_by_role("heading", name="Александра Павлова")).to_be_visible()
    expect(page.get_by_text(MAILBOX)).to_be_visible()

    open_settled(page, f"{server.url}/duplicates")
    for _merge in range(2):
        _undo_newest(page)
    assert _merged_into(server, Contact, story.second) is None
    assert _merged_into(server, Deal, story.second_deal) is None
    open_settled(page, f"{server.url}/deal?deal={story.second_deal}")
    expect(page.get_by_text("Договорились: скидка 3 %")).to_be_visible()
    expect(page.get_by_text("Договорились: отгрузка в среду")).to_have_count(0)


def test_decisions_by_keys_work_beside_choices_and_stay_out_of_text_fields(
    server: Server, story: Story, open_browser: OpenBrowser
) -> None:
    page = open_browser("vera")
    open_settled(page, f"{server.url}/duplicates")
    expect(_rows(page).first).to_be_visible()
    waiting = _rows(page).count()
    search = page.get_by_test_id("stSidebar").get_by_role("searchbox")
    search.press_sequentially("123")
    search.press("Escape")
    search.fill("")
    expect(page.get_by_text("Merged into")).to_have_count(0)
    page.locator("[class*=st-key-duplicates_stays] [data-testid=stRadioOption]").first.click()  # the mark stands there
    _press(page, "2")
    expect(page.get_by_text("Not a duplicate, for everyone")).to_be_visible()
    expect(_rows(page)).to_have_count(waiting - 1)
    page.get_by_role("button", name="Undo").click()
    expect(_rows(page)).to_have_count(waiting)


@pytest.mark.parametrize("width", [390, 1366])
def test_page_fits(server: Server, story: Story, open_browser: OpenBrowser, width: int) -> None:
    page = open_browser("vera", viewport={"width": width, "height": 844})
    open_settled(page, f"{server.url}/duplicates")
    expect(_rows(page).first).to_be_visible()
    if width < 640:  # a phone shows the list, then the pair in its place
        expect(page.get_by_role("button", name="Later")).to_have_count(0)
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width
        settled(page)
        _rows(page).first.click()
        expect(page.get_by_role("button", name="All pairs")).to_be_visible()
    expect(page.get_by_role("button", name="Later")).to_be_visible()
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width


def test_way_back_leads_to_the_list_and_a_link_to_its_pair(
    server: Server, story: Story, open_browser: OpenBrowser
) -> None:
    page = open_browser("vera", viewport={"width": 390, "height": 844})
    open_settled(page, f"{server.url}/duplicates")
    expect(_rows(page).first).to_be_visible()
    settled(page)
    _rows(page).first.click()
    expect(page.get_by_role("button", name="Later")).to_be_visible()
    page.wait_for_url("**/duplicates?pair=*")
    link = page.url
    settled(page)
    page.go_back()
    expect(_rows(page).first).to_be_visible()
    expect(page.get_by_role("button", name="Later")).to_have_count(0)
    open_settled(page, link)
    expect(page.get_by_role("button", name="Later")).to_be_visible()
    expect(_rows(page)).to_have_count(0)


def _made(api: httpx2.Client, path: str, body: dict[str, Any]) -> int:
    answer = api.post(path, json=body)
    assert answer.status_code == 201, answer.text
    made: int = answer.json()["id"]
    return made


def _type_phone_into_the_name(page: Page, server: Server, story: Story) -> None:
    """Do what managers do: the second lead called, and its number went into the name."""
    open_settled(page, f"{server.url}/clients?contact={story.second}")
    page.get_by_role("button", name="Edit").click()
    name = page.get_by_label("Full name", exact=True)
    name.fill(f"Саша Павлова {NUMBER}")
    name.press("Tab")
    expect(page.get_by_text(f"{NUMBER} is known already:")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name=f"Саша Павлова {NUMBER}")).to_be_visible()
    expect(page.get_by_role("link", name="Possibly the same as Александра Павлова")).to_be_visible()


def _merge_deals(page: Page, server: Server, story: Story) -> None:
    """Merge the two deals of the client, once the base knows that they are of one."""
    with server.database.read_scope() as session:
        query = select(MatchPair.id).filter_by(entity_type=EntityType.DEAL, left_id=story.first_deal)
        pair = session.scalars(query.filter_by(right_id=story.second_deal)).one()
    open_settled(page, f"{server.url}/duplicates?pair={pair}")
    expect(page.get_by_text("The deals are of one client")).to_be_visible()
    _survive(page, "Лист 2 мм, 10 т")
    _press(page, "1")
    expect(page.get_by_text("Merged into Лист 2 мм, 10 т")).to_be_visible()
    assert _merged_into(server, Deal, story.second_deal) == story.first_deal


def _survive(page: Page, name: str) -> None:
    stays = page.locator("[class*=st-key-duplicates_stays]")
    stays.locator("[data-testid=stRadioOption]").filter(has_text=name).first.click()
    settled(page)


def _press(page: Page, key: str) -> None:
    expect(page.locator("[data-listening=true]").last).to_be_attached()
    settled(page)
    page.keyboard.press(key)


def _undo_newest(page: Page) -> None:
    page.get_by_role("tab", name="Merges").click()
    page.locator("[class*=st-key-merge_undo_] button").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("comes back out of")).to_be_visible()
    dialog.get_by_role("button", name="Undo the merge", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("The merge is undone").first).to_be_visible()
    settled(page)


def _rows(page: Page) -> Locator:
    return page.locator(".st-key-duplicates_list [data-testid=stRadioOption]")


def _merged_into(server: Server, table: type[Contact] | type[Deal], record_id: int) -> int | None:
    with server.database.read_scope() as session:
        return session.get_one(table, record_id).merged_into_id
