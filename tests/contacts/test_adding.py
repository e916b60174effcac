"""Adding what was typed to a client who is known: empty fields are filled, what stands there stays."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.contacts.adding import add_to_client
from crm.contacts.commands import create_company, create_contact
from crm.contacts.fields import CompanyFields, ContactFields
from crm.models import Company, Contact, PointKind
from tests.conftest import Cast

PHONE, EMAIL = PointKind.PHONE, PointKind.EMAIL


def test_empty_fields_are_filled_and_others_are_told(session: Session, cast: Cast) -> None:
    person = create_contact(session, cast.anna, name="Anna P", note="VIP", points=[(PHONE, "+7 916 240-17-35")])
    typed = ContactFields("Anna Petrova", position="Buyer", note="Call later")
    points = [(PHONE, "8 916 240-17-35"), (EMAIL, "anna@stal.ru")]
    added = add_to_client(session, cast.anna, client_id=person, typed=typed, points=points)
    assert (added.filled, added.left_out, added.points) == (("position",), ("name", "note"), ("anna@stal.ru",))
    row = session.get_one(Contact, person)
    assert (row.name, row.position, row.note) == ("Anna P", "Buyer", "VIP")


def test_company_without_news_stays_as_it_is(session: Session, cast: Cast) -> None:
    company = create_company(session, cast.anna, name="Stal", inn="7707083893")
    typed = CompanyFields("Stal", inn="7707083893")
    added = add_to_client(session, cast.anna, client_id=company, typed=typed, points=[])
    assert (added.filled, added.left_out, added.points) == ((), (), ())
    assert session.get_one(Company, company).version == 1
