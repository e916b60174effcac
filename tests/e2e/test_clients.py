"""Clients in a real browser: adding with the hint of who is known, the card's links, the search as one types."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from crm.contacts.commands import create_company, create_contact
from crm.models import Company, Contact, ContactPoint, PointKind
from tests.e2e.driving import Server, open_settled, settled


@pytest.fixture(scope="module")
def company(server: Server) -> int:
    """Add a company and a person of Anna's, and a person that only Anton sees."""
    anna, anton = server.cast.anna, server.cast.anton
    with server.database.session_scope() as session:
        company = create_company(session, anna, name="ООО «Ромашка»", inn="7707083893")
        phone = [(PointKind.PHONE, "+7 916 240-17-35")]
        create_contact(session, anna, name="Иван Петров", company_id=company, points=phone)
        create_contact(session, anton, name="Secret", points=[(PointKind.PHONE, "8 903 240-17-35")])
    return company


def test_new_person_is_added_in_spite_of_the_hint(server: Server, company: int, browser_page: Page) -> None:
    open_settled(browser_page, f"{server.url}/clients")
    browser_page.get_by_role("button", name="Client", exact=True).click()
    dialog = browser_page.get_by_role("dialog")
    points = dialog.get_by_label("Phones, e-mails, messengers")
    points.fill("8 916 240 17 35\n89032401735\nnonsense")
    dialog.get_by_label("Job title").focus()
    expect(dialog.get_by_role("link", name="Иван Петров · Anna")).to_be_visible()
    expect(dialog.get_by_text("is known to a colleague: Anton")).to_be_visible()
    expect(dialog.get_by_text("Secret")).to_have_count(0)
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_text("Fill this in.")).to_be_visible()
    expect(dialog.get_by_text("“nonsense” is not a whole phone number.")).to_be_visible()
    expect(points).to_have_value("8 916 240 17 35\n89032401735\nnonsense")
    points.fill("8 916 240 17 35\n@orlov")
    dialog.get_by_label("Full name", exact=True).fill("Пётр Орлов")
    dialog.get_by_label("Full name", exact=True).press("Tab")
    expect(dialog.get_by_text("is known to a colleague")).to_have_count(0)
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(browser_page.get_by_role("heading", name="Пётр Орлов")).to_be_visible()
    with server.database.read_scope() as session:
        person = session.scalars(select(Contact).where(Contact.name == "Пётр Орлов")).one()
        points_of = select(ContactPoint.normalised).where(ContactPoint.contact_id == person.id)
        assert session.scalars(points_of.order_by(ContactPoint.position)).all() == ["+79162401735", "orlov"]


def test_new_company_is_added_after_a_refusal(server: Server, company: int, browser_page: Page) -> None:
    open_settled(browser_page, f"{server.url}/clients")
    browser_page.get_by_role("button", name="Client", exact=True).click()
    dialog = browser_page.get_by_role("dialog")
    dialog.get_by_text("Company", exact=True).first.click()
    expect(dialog.get_by_label("Job title")).to_have_count(0)  # the company's own fields are there
    dialog.get_by_label("Name", exact=True).fill("Василёк")
    dialog.get_by_label("INN").fill("7707083893")
    dialog.get_by_label("INN").press("Tab")
    expect(dialog.get_by_role("link", name="ООО «Ромашка» · Anna")).to_be_visible()
    dialog.get_by_label("INN").fill("123")
    dialog.get_by_label("INN").press("Tab")
    expect(dialog.get_by_role("link", name="ООО «Ромашка» · Anna")).to_have_count(0)
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_text("An INN has 10 digits for a company")).to_be_visible()
    expect(dialog.get_by_label("Name", exact=True)).to_have_value("Василёк")
    dialog.get_by_label("INN").fill("7736050003")
    dialog.get_by_label("INN").press("Tab")
    expect(dialog.get_by_text("An INN has 10 digits for a company")).to_be_visible()
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(browser_page.get_by_role("heading", name="Василёк")).to_be_visible()
    with server.database.read_scope() as session:
        assert session.scalars(select(Company.inn).where(Company.name == "Василёк")).all() == ["7736050003"]


def test_person_is_added_to_the_company_of_the_card(server: Server, company: int, browser_page: Page) -> None:
    open_settled(browser_page, f"{server.url}/clients?company={company}")
    browser_page.get_by_role("button", name="Add a person").click()
    dialog = browser_page.get_by_role("dialog")
    dialog.get_by_label("Full name", exact=True).fill("Анна Орлова")
    dialog.get_by_label("Full name", exact=True).press("Tab")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(browser_page.get_by_role("heading", name="Анна Орлова")).to_be_visible()
    with server.database.read_scope() as session:
        assert session.scalar(select(Contact.company_id).where(Contact.name == "Анна Орлова")) == company


def test_list_follows_the_typing_and_leads_to_the_card(server: Server, company: int, browser_page: Page) -> None:
    open_settled(browser_page, f"{server.url}/clients")
    main = browser_page.get_by_test_id("stMain")
    main.get_by_placeholder("Name, phone, e-mail or INN").press_sequentially("8 (916) 240-17-35", delay=20)
    expect(main.get_by_role("link", name="ООО «Ромашка» · 7707083893")).to_have_count(0)
    main.get_by_role("link", name="Иван Петров").first.click()
    expect(browser_page.get_by_role("heading", name="Иван Петров")).to_be_visible()
    expect(browser_page.get_by_role("link", name="+7 916 240-17-35")).to_have_attribute("href", "tel:+79162401735")
    browser_page.reload()
    expect(browser_page.get_by_role("link", name="All clients")).to_be_visible()
    expect(browser_page.get_by_role("heading", name="Иван Петров")).to_be_visible()
    main.get_by_role("link", name="ООО «Ромашка»").click()
    expect(browser_page.get_by_role("heading", name="ООО «Ромашка»")).to_be_visible()


def test_card_fits_a_phone(server: Server, company: int, open_browser: object) -> None:
    page = open_browser("anna", viewport={"width": 390, "height": 844})  # type: ignore[operator]
    for address in ("clients", f"clients?company={company}"):
        open_settled(page, f"{server.url}/{address}")
        expect(page.get_by_test_id("stMain").get_by_role("link").first).to_be_visible()
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


def test_what_was_typed_is_added_to_the_client_who_is_known(server: Server, company: int, browser_page: Page) -> None:
    open_settled(browser_page, f"{server.url}/clients")
    browser_page.get_by_role("button", name="Client", exact=True).click()
    dialog = browser_page.get_by_role("dialog")
    dialog.get_by_label("Full name", exact=True).press_sequentially("Петров Иван", delay=20)
    dialog.get_by_label("Phones, e-mails, messengers").fill("8 916 240 17 35\nivan@romashka.ru")
    dialog.get_by_label("Job title").focus()
    expect(dialog.get_by_text("+7 916 240-17-35 is known already:").first).to_be_visible()
    settled(browser_page)
    known = dialog.locator("[class*=st-key-client_known]").filter(has_text="Иван Петров")
    add = known.get_by_role("button", name="Add to it")
    expect(add).to_have_count(1)  # the hint of the name alone stands beside that of the phone until it is drawn anew
    settled(browser_page)
    add.click()
    card = browser_page.get_by_test_id("stMainBlockContainer")  # the notice of what was added names the address, too
    expect(card.get_by_role("heading", name="Иван Петров")).to_be_visible()
    expect(card.get_by_role("link", name="ivan@romashka.ru")).to_be_visible()
    with server.database.read_scope() as session:
        person = session.scalars(select(Contact.id).where(Contact.name == "Иван Петров")).one()
        points = select(ContactPoint.normalised).where(ContactPoint.contact_id == person)
        assert set(session.scalars(points)) == {"+79162401735", "ivan@romashka.ru"}
