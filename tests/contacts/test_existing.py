"""The hint that a client is known already: visible ones by name, others only by their owner."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.contacts.commands import create_company, create_contact
from crm.contacts.existing import MATCHES_SHOWN, ExistingClient, find_existing
from crm.models import PointKind
from tests.conftest import Cast

PHONE, EMAIL = PointKind.PHONE, PointKind.EMAIL


def test_known_phone_email_and_inn_are_told(session: Session, cast: Cast) -> None:
    person = create_contact(session, cast.anna, name="Иван", points=[(PHONE, "8 916 123-45-67"), (EMAIL, "a@b.ru")])
    company = create_company(session, cast.anna, name="Ромашка", inn="7707083893", points=[(PHONE, "8 495 123-45-67")])
    as_person = ExistingClient("contact", person, "Иван", "Anna", "+79161234567")
    by_email = ExistingClient("contact", person, "Иван", "Anna", "a@b.ru")
    as_company = ExistingClient("company", company, "Ромашка", "Anna", "+74951234567")
    by_inn = ExistingClient("company", company, "Ромашка", "Anna", "7707083893")
    assert find_existing(session, cast.anna, phones=["+7 916 1234567"]) == (as_person,)
    assert find_existing(session, cast.anna, emails=["A@B.ru"]) == (by_email,)
    assert find_existing(session, cast.anna, inn="77 07 083893") == (by_inn,)
    assert find_existing(session, cast.anna, phones=["84951234567", "9161234567"]) == (as_person, as_company)


def test_client_of_a_colleague_is_told_without_its_name(session: Session, cast: Cast) -> None:
    create_contact(session, cast.anton, name="Secret", points=[(PHONE, "89161234567")])
    create_company(session, cast.anton, name="Secret", inn="7707083893")
    hidden = ExistingClient("contact", None, None, "Anton", "+79161234567")
    assert find_existing(session, cast.anna, phones=["89161234567"]) == (hidden,)
    assert find_existing(session, cast.dina, inn="7707083893") == (
        ExistingClient("company", None, None, "Anton", "7707083893"),
    )
    assert [client.name for client in find_existing(session, cast.boris, phones=["89161234567"])] == ["Secret"]


def test_visible_clients_come_first_and_few(session: Session, cast: Cast) -> None:
    for _number in range(MATCHES_SHOWN):
        create_contact(session, cast.anton, name="Hidden", points=[(EMAIL, "info@b.ru")])
    own = create_contact(session, cast.anna, name="Own", points=[(EMAIL, "info@b.ru")])
    found = find_existing(session, cast.anna, emails=["info@b.ru"])
    assert [client.record_id for client in found] == [own, None]
    everyone = find_existing(session, cast.vera, emails=["info@b.ru"])
    assert len(everyone) == MATCHES_SHOWN


def test_unreadable_and_blank_values_match_nobody(session: Session, cast: Cast) -> None:
    create_company(session, cast.anna, name="No numbers")
    assert find_existing(session, cast.anna, phones=["", "call me", "\x00"], emails=["", "@"], inn="123") == ()
    assert find_existing(session, cast.anna) == ()


def test_equal_value_of_another_kind_is_no_match(session: Session, cast: Cast) -> None:
    create_contact(session, cast.anna, name="Ivan", points=[(PointKind.TELEGRAM, "@ivan_p")])
    assert find_existing(session, cast.anna, emails=["ivan_p"]) == ()
