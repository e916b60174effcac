"""People in a real browser: an invitation from the users page to the first page; the set-up of a fresh installation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from crm.db import Database
from crm.db.migrate import migrate
from crm.models import Pipeline, Role, User, Workspace
from tests.e2e.driving import Server, free_port, open_settled, running, server_environment, settled

OpenBrowser = Callable[..., Page]


def test_invited_person_chooses_a_password_and_works(server: Server, open_browser: OpenBrowser) -> None:
    admin = open_browser("vera")
    open_settled(admin, f"{server.url}/users")
    admin.get_by_role("button", name="New user").click()
    dialog = admin.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Gleb [Orlov]")
    dialog.get_by_label("E-mail").fill("gleb@example.com")
    dialog.get_by_role("button", name="Add and make a link").click()
    address = admin.get_by_test_id("stCode").locator("code").inner_text().strip()
    expect(admin.get_by_test_id("stMain")).to_contain_text("Send this link to Gleb [Orlov]")

    person = open_browser(None)
    person.goto(address)
    expect(person.get_by_role("heading")).to_have_text("Welcome, Gleb [Orlov]")
    person.locator("input[name=password]").fill("three wet boats")
    person.locator("input[name=password_again]").fill("three wet boats")
    person.get_by_role("button", name="Save and sign in").click()
    person.wait_for_url(f"{server.url}/")
    expect(person.get_by_test_id("stSidebar")).to_contain_text("Gleb [Orlov]")
    expect(person.get_by_test_id("stSidebar").get_by_role("link", name="Users")).to_have_count(0)

    again = open_browser(None)
    again.goto(address)
    expect(again.get_by_role("heading")).to_have_text("This link no longer works")


def test_switching_a_person_off_closes_the_open_tab(server: Server, open_browser: OpenBrowser) -> None:
    person = open_browser("anton")
    open_settled(person, server.url)
    admin = open_browser("vera")
    open_settled(admin, f"{server.url}/users")
    chooser = admin.get_by_label("Change a user")
    chooser.click()
    chooser.fill("Anton")
    chooser.press("Enter")
    admin.get_by_role("button", name="Switch off").click()
    expect(admin.get_by_role("button", name="Switch on")).to_be_visible()
    person.wait_for_timeout(1100)
    person.get_by_test_id("stSidebar").get_by_role("link", name="Board").click()
    person.wait_for_url("**/account/sign-in**")
    with server.database.read_scope() as session:
        assert not session.get_one(User, server.cast.anton.user_id).is_active


def test_password_can_be_shown_before_it_is_sent(server: Server, open_browser: OpenBrowser) -> None:
    page = open_browser(None)
    page.goto(f"{server.url}/account/sign-in")
    field = page.locator("input[name=password]")
    field.fill("three wet boats")
    page.get_by_role("button", name="Show").click()
    expect(field).to_have_attribute("type", "text")
    page.get_by_role("button", name="Hide").click()
    expect(field).to_have_attribute("type", "password")


@pytest.mark.parametrize("width", [390, 1366])
def test_account_pages_fit_the_screen(server: Server, open_browser: OpenBrowser, width: int) -> None:
    page = open_browser(None, viewport={"width": width, "height": 800})
    for path in ("/account/sign-in", "/account/invite/none"):
        for language in ("ru", "en"):
            page.goto(f"{server.url}{path}?lang={language}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate("document.documentElement.lang") == language


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[tuple[str, Database]]:
    """Run the application over an empty base; give the set-up link and the database."""
    database = Database(f"sqlite:///{tmp_path / 'fresh.sqlite3'}")
    migrate(database)
    environment = server_environment(str(database.url), tmp_path, free_port())
    log = tmp_path / "server.log"
    with running(environment, log):
        yield next(line.strip() for line in log.read_text().splitlines() if "/account/setup/" in line), database
    database.close()


def test_set_up_in_the_browser_ends_on_the_first_page(fresh: tuple[str, Database], browser: Browser) -> None:
    link, database = fresh
    context = browser.new_context(locale="ru-RU", timezone_id="Asia/Omsk", viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(link)
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    expect(page.locator("[name=company_timezone]")).to_have_value("Asia/Omsk")  # the browser's own
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("[name=name]").fill("Вера")
    page.locator("[name=email]").fill("vera@example.com")
    page.locator("[name=password]").fill("password1234")
    page.locator("[name=company_name]").fill("ООО «Мир»")
    page.locator("[name=template][value=trade]").check()
    page.locator("[name=start][value=empty]").check()
    page.locator("form button[type=submit]").click()
    expect(page.locator("#password-wrong")).to_be_visible()
    expect(page.locator("[name=company_name]")).to_have_value("ООО «Мир»")
    expect(page.locator("[name=template][value=trade]")).to_be_checked()
    page.locator("[name=password]").fill("три мокрых лодки")
    page.locator("form button[type=submit]").click()
    page.wait_for_url(lambda url: "/account/" not in url)
    settled(page)
    expect(page.get_by_test_id("stMain")).to_contain_text("Вера")
    with database.read_scope() as session:
        assert session.scalars(select(User.role)).all() == [Role.ADMIN]
        assert session.scalars(select(Workspace.timezone)).all() == ["Asia/Omsk"]
        assert len(session.scalars(select(Pipeline.id)).all()) == 6
    context.close()
