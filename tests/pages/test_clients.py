"""Clients: the list, cards by link, editing that loses nothing; adding is tested in a browser."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from streamlit.testing.v1 import AppTest

from crm.actor import Actor
from crm.contacts.commands import create_company, create_contact, edit_company
from crm.contacts.fields import CompanyFields
from crm.contacts.search_index import index_records
from crm.db import Database
from crm.models import Company, Contact, ContactPoint, DealContact, PointKind
from crm.ui.markdown import md
from tests.conftest import Cast
from tests.factories import add_deal, add_pipeline
from tests.pages.conftest import OpenShell

PHONE, EMAIL = PointKind.PHONE, PointKind.EMAIL
NASTY = "![i](http://x.example/x.png) <b>$x$</b> :smile:"


def open_clients(shell: OpenShell, actor: Actor, **query: int | str) -> AppTest:
    at = shell(actor)
    for key, value in query.items():
        at.query_params[key] = str(value)
    at = at.run().switch_page("clients.py").run()
    assert not at.exception
    return at


def page_links(at: AppTest) -> list[str]:
    return [link.proto.label for link in at.main.get("page_link")]


def texts(at: AppTest) -> str:
    return "\n".join(element.value for element in (*at.main.markdown, *at.main.caption, *at.main.get("text")))


def button(at: AppTest, label: str) -> AppTest:
    (found,) = [one for one in at.button if one.label == label]
    return found.click().run()


def add_clients(session: Session, cast: Cast) -> tuple[int, int]:
    company = create_company(
        session, cast.anna, name="ООО «Ромашка»", inn="7707083893", points=[(PHONE, "8 495 123-45-67")]
    )
    contact = create_contact(
        session, cast.anna, name="Иван Петров", position="Buyer", company_id=company,
        points=[(PHONE, "+7 916 123-45-67"), (EMAIL, "ivan@mail.ru")],
    )  # fmt: skip
    deal = add_deal(session, cast.anna, add_pipeline(session), company_id=company)
    session.add(DealContact(deal_id=deal, contact_id=contact))
    index_records(session, "deal", [deal])
    return company, contact


@pytest.fixture
def clients(database: Database, cast: Cast) -> tuple[int, int]:
    with database.session_scope() as session:
        return add_clients(session, cast)


def test_empty_list_says_what_will_be_here(shell: OpenShell, cast: Cast) -> None:
    at = open_clients(shell, cast.anna)
    assert [info.value[:9] for info in at.info] == ["Here will"]
    assert [one.label for one in at.button if one.label == "Client"] == ["Client"]


def test_list_shows_clients_with_phone_and_deals(shell: OpenShell, cast: Cast, clients: tuple[int, int]) -> None:
    at = open_clients(shell, cast.anna)
    assert page_links(at) == ["**Иван Петров** :gray[· ООО «Ромашка»]", "**ООО «Ромашка»** :gray[· 7707083893]"]
    assert ":small[[\\+7 916 123-45-67](tel:+79161234567)]" in texts(at)
    assert "**1 open** / 1 deal" in texts(at)


@pytest.mark.parametrize(
    ("typed", "found"),
    [("8 (916) 123-45-67", "Иван"), ("IVAN@mail.ru", "Иван"), ("петр", "Иван"), ("7707083893", "Ромашка"),
     ("495 123 45 67", "Ромашка")],
)  # fmt: skip
def test_search_finds_by_phone_email_name_and_inn(
    typed: str, found: str, shell: OpenShell, cast: Cast, clients: tuple[int, int]
) -> None:
    at = open_clients(shell, cast.anna)
    at.text_input(key="clients_text").set_value(typed).run()
    assert [found in link for link in page_links(at)] == [True]


def test_search_without_hits_explains_itself(shell: OpenShell, cast: Cast, clients: tuple[int, int]) -> None:
    at = open_clients(shell, cast.anna)
    at.text_input(key="clients_text").set_value("%").run()
    assert page_links(at) == []
    assert "Write at least two letters." in texts(at)
    at.text_input(key="clients_text").set_value("никого").run()
    assert [info.value[:19] for info in at.info] == ["No client of yours "]


def test_kinds_are_shown_apart(shell: OpenShell, cast: Cast, clients: tuple[int, int]) -> None:
    at = open_clients(shell, cast.anna)
    at.segmented_control(key="clients_kind").set_value("company").run()
    assert page_links(at) == ["**ООО «Ромашка»** :gray[· 7707083893]"]


def test_each_role_lists_its_own(shell: OpenShell, cast: Cast, clients: tuple[int, int]) -> None:
    assert len(page_links(open_clients(shell, cast.boris))) == 2
    assert len(page_links(open_clients(shell, cast.vera))) == 2
    assert page_links(open_clients(shell, cast.anton)) == []
    assert page_links(open_clients(shell, cast.dina)) == []


def test_head_narrows_the_list_to_one_owner(shell: OpenShell, cast: Cast, clients: tuple[int, int]) -> None:
    at = open_clients(shell, cast.boris)
    at.selectbox(key="clients_owner").set_value(cast.anton.user_id).run()
    assert page_links(at) == []
    at.selectbox(key="clients_owner").set_value(cast.anna.user_id).run()
    assert len(page_links(at)) == 2
    assert [one.key for one in open_clients(shell, cast.anna).selectbox if one.key == "clients_owner"] == []


def test_pages_go_older_and_newer(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        for number in range(30):
            create_contact(session, cast.anna, name=f"Person {number:02}")
    at = open_clients(shell, cast.anna)
    assert (len(page_links(at)), page_links(at)[0]) == (25, "**Person 29**")
    button(at, "Older")
    assert page_links(at) == [f"**Person {number:02}**" for number in (4, 3, 2, 1, 0)]
    button(at, "Newer")
    assert page_links(at)[0] == "**Person 29**"


def test_company_card_shows_points_people_and_deals(shell: OpenShell, cast: Cast, clients: tuple[int, int]) -> None:
    at = open_clients(shell, cast.anna, company=clients[0])
    assert "### :material/apartment: ООО «Ромашка»" in texts(at)
    assert "[8 495 123-45-67](tel:+74951234567)" in texts(at)
    assert "INN 7707083893" in texts(at)
    assert page_links(at) == [
        "All clients", "**\\#1 Metal sheet** · ₽320,000", "**Иван Петров** :gray[· Buyer]",
    ]  # fmt: skip
    assert ":blue-badge[:material/radio_button_checked: open 1 · ₽320,000]".casefold() in texts(at).casefold()


def test_contact_card_shows_its_company_and_deals(shell: OpenShell, cast: Cast, clients: tuple[int, int]) -> None:
    at = open_clients(shell, cast.anna, contact=clients[1])
    assert page_links(at) == ["All clients", "**\\#1 Metal sheet** · ₽320,000", "ООО «Ромашка»"]
    assert "(mailto:ivan@mail.ru)" in texts(at)


def test_unseen_missing_and_unreadable_clients_look_alike(
    shell: OpenShell, cast: Cast, clients: tuple[int, int]
) -> None:
    told = set()
    for query in ({"company": clients[0]}, {"contact": clients[1]}, {"company": 999}, {"contact": "x"},
                  {"company": "9" * 40}, {"company": "-1"}):  # fmt: skip
        at = open_clients(shell, cast.anton, **query)
        assert page_links(at) == ["All clients"]
        told |= {info.value for info in at.info}
    assert told == {"There is no such record, or it is not yours to see."}


def test_hidden_deals_are_only_counted(
    shell: OpenShell, cast: Cast, database: Database, clients: tuple[int, int]
) -> None:
    with database.session_scope() as session:
        deal = add_deal(session, cast.anton, add_pipeline(session, "Second"), title="Secret", company_id=clients[0])
    at = open_clients(shell, cast.anna, company=clients[0])
    assert "And 1 deal of colleagues." in texts(at)
    assert "Secret" not in texts(at) + " ".join(page_links(at))
    assert f"**\\#{deal} Secret** · ₽320,000" in page_links(open_clients(shell, cast.anton, company=clients[0]))


def test_edit_saves_and_closes(shell: OpenShell, cast: Cast, database: Database, clients: tuple[int, int]) -> None:
    at = button(open_clients(shell, cast.anna, company=clients[0]), "Edit")
    at.text_input(key=f"client_base_company{clients[0]}v1_name").set_value("Василёк")
    at.text_area(key=f"client_base_company{clients[0]}v1_points").set_value("8 495 123-45-67\ninfo@vasilek.ru\n\n")
    button(at, "Save")
    assert "### :material/apartment: Василёк" in texts(at)
    with database.read_scope() as session:
        company = session.get_one(Company, clients[0])
        assert (company.name, company.inn, company.version) == ("Василёк", "7707083893", 2)
        query = select(ContactPoint.kind, ContactPoint.normalised).where(ContactPoint.company_id == clients[0])
        assert session.execute(query.order_by(ContactPoint.position)).all() == [
            (PHONE, "+74951234567"), (EMAIL, "info@vasilek.ru"),
        ]  # fmt: skip


def test_refused_save_keeps_what_was_typed_and_tells_beside_the_field(
    shell: OpenShell, cast: Cast, database: Database, clients: tuple[int, int]
) -> None:
    prefix = f"client_base_company{clients[0]}v1"
    at = button(open_clients(shell, cast.anna, company=clients[0]), "Edit")
    at.text_input(key=f"{prefix}_name").set_value(" ")
    at.text_input(key=f"{prefix}_inn").set_value("7707083894")
    at.text_area(key=f"{prefix}_points").set_value("call me")
    button(at, "Save")
    assert [error.value for error in at.error] == ["Some values need your attention."]
    for sentence in ("Fill this in", "check digits", "“call me” is not a whole phone number"):
        assert sentence in texts(at)
    assert at.text_input(key=f"{prefix}_inn").value == "7707083894"
    assert at.text_area(key=f"{prefix}_points").value == "call me"
    with database.read_scope() as session:
        assert session.get_one(Company, clients[0]).version == 1
    button(at, "Cancel")
    assert "### :material/apartment: ООО «Ромашка»" in texts(at)
    assert at.error == []


@pytest.mark.parametrize(("choice", "name"), [("mine", "Mine"), ("theirs", "Theirs")])
def test_save_by_somebody_else_is_told_with_both_values(
    choice: str, name: str, shell: OpenShell, cast: Cast, database: Database, clients: tuple[int, int]
) -> None:
    prefix = f"client_base_company{clients[0]}v1"
    at = button(open_clients(shell, cast.anna, company=clients[0]), "Edit")
    at.text_input(key=f"{prefix}_name").set_value("Mine")
    at.text_input(key=f"{prefix}_address").set_value("Moscow")
    with database.session_scope() as session:
        fields = CompanyFields("Theirs", inn="7707083893", industry="Metal")
        edit_company(session, cast.boris, company_id=clients[0], expected_version=1, fields=fields)
    button(at, "Save")
    assert [warning.value[:8] for warning in at.warning] == ["Somebody"]
    radio = at.radio(key=f"{prefix}_choice2_name")
    assert radio.options == ["Yours: Mine", "Saved now: Theirs"]
    assert "Industry, saved meanwhile: Metal" in texts(at)
    radio.set_value(choice).run()
    button(at, "Save my choice")
    with database.read_scope() as session:
        company = session.get_one(Company, clients[0])
        assert (company.name, company.industry, company.address) == (name, "Metal", "Moscow")
        assert company.version == 3


def test_taking_what_is_saved_changes_nothing(
    shell: OpenShell, cast: Cast, database: Database, clients: tuple[int, int]
) -> None:
    at = button(open_clients(shell, cast.anna, company=clients[0]), "Edit")
    at.text_input(key=f"client_base_company{clients[0]}v1_name").set_value("Mine")
    with database.session_scope() as session:
        edit_company(session, cast.boris, company_id=clients[0], expected_version=1, fields=CompanyFields("Theirs"))
    button(at, "Save")
    button(at, "Take what is saved")
    assert "### :material/apartment: Theirs" in texts(at)
    with database.read_scope() as session:
        assert session.get_one(Company, clients[0]).version == 2


def test_contact_moves_to_another_company(
    shell: OpenShell, cast: Cast, database: Database, clients: tuple[int, int]
) -> None:
    with database.session_scope() as session:
        other = create_company(session, cast.anna, name="Василёк")
    at = button(open_clients(shell, cast.anna, contact=clients[1]), "Edit")
    at.selectbox(key=f"client_base_contact{clients[1]}v1_company").set_value(other)
    button(at, "Save")
    with database.read_scope() as session:
        assert session.get_one(Contact, clients[1]).company_id == other


def test_head_hands_a_client_over_and_a_manager_can_not(
    shell: OpenShell, cast: Cast, database: Database, clients: tuple[int, int]
) -> None:
    at = open_clients(shell, cast.boris, company=clients[0])
    at.selectbox(key=f"client_owner_{clients[0]}").set_value(cast.anton.user_id).run()
    at.button(key="client_reassign").click().run()
    with database.read_scope() as session:
        assert session.get_one(Company, clients[0]).owner_id == cast.anton.user_id
    assert [
        one.key for one in open_clients(shell, cast.anna, contact=clients[1]).button if one.key == "client_reassign"
    ] == []


def test_markup_in_names_and_notes_is_shown_as_typed(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        key = create_company(session, cast.anna, name=NASTY, note=NASTY, address=NASTY, industry=NASTY)
    for at in (open_clients(shell, cast.anna), open_clients(shell, cast.anna, company=key)):
        shown = "\n".join([*page_links(at), *(element.value for element in (*at.main.markdown, *at.main.caption))])
        assert md(NASTY) in shown
        assert "![i](" not in shown
        assert "<b>" not in shown
    assert [element.value for element in at.main.get("text")] == [NASTY]
