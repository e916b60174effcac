"""The list of clients: who is in it, by what it is found, and its pages."""

from __future__ import annotations

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.contacts import search
from crm.contacts.commands import create_company, create_contact
from crm.contacts.lists import ClientRow, load_clients
from crm.contacts.search_index import index_records
from crm.models import DealContact, PointKind
from tests.conftest import Cast
from tests.factories import add_closed_deal, add_company, add_contact, add_deal, add_pipeline


def listed(session: Session, actor: Actor, **options: object) -> list[tuple[str, int]]:
    return [(row.kind, row.id) for row in load_clients(session, actor, **options).rows]  # type: ignore[arg-type]


def test_list_shows_companies_and_people_with_points_and_deals(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    company = create_company(session, cast.anna, name="Ромашка", inn="7707083893")
    person = create_contact(
        session, cast.anna, name="Иван", company_id=company,
        points=[(PointKind.PHONE, "8 916 123-45-67"), (PointKind.EMAIL, "a@b.ru")],
    )  # fmt: skip
    for deal in (
        add_deal(session, cast.anna, pipeline, company_id=company),
        add_closed_deal(session, cast.anna, pipeline, company_id=company),
    ):
        session.add(DealContact(deal_id=deal, contact_id=person))
        index_records(session, "deal", [deal])
    page = load_clients(session, cast.anna)
    created = page.rows[0].created_at
    phone, email = page.rows[0].phone, page.rows[0].email
    assert (phone.value, phone.normalised) == ("8 916 123-45-67", "+79161234567")  # type: ignore[union-attr]
    assert email.normalised == "a@b.ru"  # type: ignore[union-attr]
    assert page.next_page is None
    assert page.rows == (
        ClientRow("contact", person, "Иван", "Ромашка", phone, email, "Anna", created, 1, 2),
        ClientRow("company", company, "Ромашка", "7707083893", None, None, "Anna", page.rows[1].created_at, 1, 2),
    )


def test_list_of_nothing_is_empty(session: Session, cast: Cast) -> None:
    for actor in (cast.anna, cast.boris, cast.vera):
        page = load_clients(session, actor)
        assert (page.rows, page.next_page) == ((), None)


def test_each_role_sees_its_own(session: Session, cast: Cast) -> None:
    company, contact = add_company(session, cast.anton), add_contact(session, cast.anton)
    both = [("contact", contact), ("company", company)]
    assert [listed(session, actor) for actor in (cast.anton, cast.boris, cast.vera)] == [both, both, both]
    assert [listed(session, actor) for actor in (cast.anna, cast.dina)] == [[], []]


def test_colleagues_client_is_listed_through_an_own_deal_and_counts_only_seen_deals(
    session: Session, cast: Cast
) -> None:
    pipeline = add_pipeline(session)
    company = add_company(session, cast.anton)
    add_deal(session, cast.anton, pipeline, company_id=company)
    add_deal(session, cast.anna, pipeline, company_id=company)
    (row,) = load_clients(session, cast.anna).rows
    assert (row.id, row.all_deals, row.owner_name) == (company, 1, "Anton")
    assert load_clients(session, cast.boris).rows[0].all_deals == 2


def test_owner_filter_keeps_what_that_person_owns_or_works_on(session: Session, cast: Cast) -> None:
    company = add_company(session, cast.anton)
    contact = add_contact(session, cast.anna)
    worked = add_company(session, cast.anton)
    add_deal(session, cast.anna, add_pipeline(session), company_id=worked)
    assert listed(session, cast.boris, owner_id=cast.anna.user_id) == [("company", worked), ("contact", contact)]
    assert listed(session, cast.vera, owner_id=cast.anton.user_id) == [("company", worked), ("company", company)]
    assert listed(session, cast.anna, owner_id=cast.anton.user_id) == []
    assert listed(session, cast.dina, owner_id=cast.anna.user_id) == []
    assert load_clients(session, cast.boris, owner_id=cast.anton.user_id).rows[0].all_deals == 1


def test_list_is_narrowed_by_kind_and_text(session: Session, cast: Cast) -> None:
    company = add_company(session, cast.anna, "Ромашка")
    contact = add_contact(session, cast.anna, "Ромашкин", phone="+79161234567")
    add_deal(session, cast.anna, add_pipeline(session), title="Ромашка")
    assert listed(session, cast.anna, text="ромашк") == [("contact", contact), ("company", company)]
    assert listed(session, cast.anna, text="ромашк", kinds=("company",)) == [("company", company)]
    assert listed(session, cast.anna, text="8 (916) 123-45-67") == [("contact", contact)]
    assert listed(session, cast.anna, kinds=("contact",)) == [("contact", contact)]
    assert listed(session, cast.anna, text="василёк") == []
    assert listed(session, cast.anna, text="%") == []


@pytest.mark.parametrize("text", ["", "mir"])
def test_pages_show_each_client_once(session: Session, cast: Cast, text: str) -> None:
    ids = [add_company(session, cast.anna) for _number in range(7)]
    pages, page = [], None
    while True:
        found = load_clients(session, cast.anna, text=text, page=page, limit=3)
        pages.append([row.id for row in found.rows])
        page = found.next_page
        if page is None:
            break
    assert pages == [ids[:3:-1], ids[3:0:-1], ids[:1]]


def test_full_last_page_promises_no_next_one(session: Session, cast: Cast) -> None:
    for _number in range(3):
        add_company(session, cast.anna)
    assert load_clients(session, cast.anna, limit=3).next_page is None


def test_page_takes_as_many_queries_for_many_clients_as_for_few(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "DEPTHS", ())  # how often PostgreSQL looks depends on what it finds
    seen: list[str] = []

    def note(*args: object) -> None:
        seen.append(str(args[2]))

    def statements() -> int:
        seen.clear()
        load_clients(session, cast.vera)
        return len(seen)

    event.listen(session.get_bind(), "before_cursor_execute", note)
    add_company(session, cast.anna)
    add_contact(session, cast.anna)
    few = statements()
    for _number in range(20):
        add_company(session, cast.anna)
        add_contact(session, cast.anna)
    assert statements() == few > 0
