"""Cards of companies and contacts show what the reader may see, and only count the rest."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import pytest
from sqlalchemy.orm import Session

from crm.contacts.commands import create_company, create_contact
from crm.contacts.fields import CompanyFields, ContactFields
from crm.contacts.reads import DealTotal, load_company, load_contact
from crm.errors import NotFound
from crm.models import Base, DealContact, DealStatus, PointKind, VisitOutcome
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_company, add_contact, add_deal, add_pipeline

PHONE, EMAIL = PointKind.PHONE, PointKind.EMAIL


@pytest.fixture
def pipeline(session: Session) -> PipelineRows:
    return add_pipeline(session)


def take_part(session: Session, deal_id: int, contact_id: int) -> int:
    session.add(DealContact(deal_id=deal_id, contact_id=contact_id))
    session.flush()
    return deal_id


def test_company_card_has_fields_points_people_and_parent(session: Session, cast: Cast) -> None:
    parent = create_company(session, cast.anna, name="Holding")
    key = create_company(
        session, cast.anna, name="Ромашка", inn="7707083893", parent_id=parent, points=[(PHONE, "8 495 123-45-67")]
    )
    person = create_contact(
        session, cast.anna, name="Иван", position="Buyer", company_id=key,
        points=[(EMAIL, "a@b.ru"), (PHONE, "89161234567"), (PHONE, "89161234568")],
    )  # fmt: skip
    card = load_company(session, cast.anna, key)
    assert card.fields == CompanyFields("Ромашка", inn="7707083893", parent_id=parent)
    assert (card.parent_name, card.owner_name, card.version) == ("Holding", "Anna", 1)
    assert [(point.kind, point.value, point.normalised) for point in card.points] == [
        (PHONE, "8 495 123-45-67", "+74951234567")
    ]
    assert [(one.id, one.name, one.position) for one in card.contacts] == [(person, "Иван", "Buyer")]
    phone, email = card.contacts[0].phone, card.contacts[0].email
    assert phone is not None
    assert email is not None
    assert (phone.normalised, email.normalised) == ("+79161234567", "a@b.ru")
    assert (card.hidden_contacts, card.deals.shown, card.deals.totals, card.deals.hidden) == (0, (), (), 0)


def test_contact_card_has_fields_points_and_company(session: Session, cast: Cast) -> None:
    company = create_company(session, cast.anna, name="Ромашка")
    key = create_contact(session, cast.anna, name="Иван", company_id=company, points=[(PHONE, "89161234567")])
    card = load_contact(session, cast.anna, key)
    assert card.fields == ContactFields("Иван", company_id=company)
    assert (card.company_name, card.company_is_visible, card.owner_name) == ("Ромашка", True, "Anna")
    assert [point.normalised for point in card.points] == ["+79161234567"]


def test_card_lists_newest_deals_with_totals_by_status_and_currency(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    key, person = add_company(session, cast.anna), add_contact(session, cast.anna)
    deals = [
        add_deal(session, cast.anna, pipeline, company_id=key, amount_minor=100),
        add_deal(session, cast.anna, pipeline, company_id=key, amount_minor=None),
        add_deal(session, cast.anna, pipeline, company_id=key, amount_minor=5, currency="USD"),
        add_closed_deal(session, cast.anna, pipeline, company_id=key, amount_minor=700),
        add_closed_deal(session, cast.anna, pipeline, VisitOutcome.LOST, company_id=key, amount_minor=9),
    ]
    for deal in deals:
        take_part(session, deal, person)
    add_deal(session, cast.anna, pipeline, amount_minor=1_000)
    for found in (load_company(session, cast.anna, key).deals, load_contact(session, cast.anna, person).deals):
        assert [deal.id for deal in found.shown] == deals[::-1]
        assert found.totals == (
            DealTotal(DealStatus.OPEN, "RUB", 2, 100),
            DealTotal(DealStatus.OPEN, "USD", 1, 5),
            DealTotal(DealStatus.WON, "RUB", 1, 700),
            DealTotal(DealStatus.LOST, "RUB", 1, 9),
        )
        assert (found.visible, found.hidden) == (5, 0)
    newest = load_company(session, cast.anna, key).deals.shown[-1]
    assert (newest.pipeline_name, newest.stage_name, newest.owner_name) == ("First sales", "Contact made", "Anna")


def test_deals_and_people_of_a_colleague_are_only_counted(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    key, person = add_company(session, cast.anton), add_contact(session, cast.anton)
    add_contact(session, cast.anton, company_id=key)
    own = add_contact(session, cast.anna, company_id=key)
    seen = take_part(session, add_deal(session, cast.anna, pipeline, company_id=key, amount_minor=1), person)
    take_part(session, add_deal(session, cast.anton, pipeline, company_id=key, amount_minor=20), person)
    card = load_company(session, cast.anna, key)
    assert ([deal.id for deal in card.deals.shown], card.deals.hidden) == ([seen], 1)
    assert card.deals.totals == (DealTotal(DealStatus.OPEN, "RUB", 1, 1),)
    assert ([one.id for one in card.contacts], card.hidden_contacts) == ([own], 1)
    contact = load_contact(session, cast.anna, person)
    assert ([deal.id for deal in contact.deals.shown], contact.deals.hidden) == ([seen], 1)
    for actor in (cast.boris, cast.vera):
        assert (load_company(session, actor, key).deals.hidden, load_company(session, actor, key).hidden_contacts) == (
            0,
            0,
        )
        assert load_contact(session, actor, person).deals.visible == 2


def test_hidden_parent_and_hidden_company_stay_hidden(session: Session, cast: Cast) -> None:
    parent = add_company(session, cast.anton, "Holding")
    company = add_company(session, cast.anna, "Ромашка", parent_id=parent)
    contact = add_contact(session, cast.anna, company_id=parent)
    assert load_company(session, cast.anna, company).parent_name is None
    card = load_contact(session, cast.anna, contact)
    assert (card.company_name, card.company_is_visible) == ("Holding", False)


def test_unseen_card_is_as_a_missing_one(session: Session, cast: Cast) -> None:
    company, contact = add_company(session, cast.anton), add_contact(session, cast.anton)
    for actor in (cast.anna, cast.dina):
        for key in (company, 999):
            with pytest.raises(NotFound):
                load_company(session, actor, key)
        for key in (contact, 999):
            with pytest.raises(NotFound):
                load_contact(session, actor, key)
    for actor in (cast.anton, cast.boris, cast.vera):
        assert load_company(session, actor, company).id == company
        assert load_contact(session, actor, contact).id == contact


def test_cards_hold_no_rows_of_tables(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    key = add_company(session, cast.anna)
    contact = add_contact(session, cast.anna, company_id=key, phone="+79161234567")
    take_part(session, add_deal(session, cast.anna, pipeline, company_id=key), contact)
    stack: list[object] = [load_company(session, cast.anna, key), load_contact(session, cast.anna, contact)]
    while stack:
        value = stack.pop()
        assert not isinstance(value, Base)
        if isinstance(value, tuple):
            stack.extend(value)
        elif is_dataclass(value):
            stack.extend(getattr(value, field.name) for field in fields(value))
