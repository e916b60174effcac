"""The hint that a client is known already: visible ones by name, others only by their owner."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.contacts.commands import create_company, create_contact
from crm.duplicates.hints import HINTS_SHOWN, hint
from crm.duplicates.pair_values import Hint
from crm.matching.values import RawRecord
from crm.models import EntityType, PointKind
from tests.conftest import Cast

PHONE, EMAIL = PointKind.PHONE, PointKind.EMAIL
CONTACT, COMPANY = EntityType.CONTACT, EntityType.COMPANY


def test_known_phone_email_and_inn_are_told(session: Session, cast: Cast) -> None:
    person = create_contact(session, cast.anna, name="Иван", points=[(PHONE, "8 916 204-18-53"), (EMAIL, "ag@b.ru")])
    company = create_company(session, cast.anna, name="Ромашка", inn="7707083893", points=[(PHONE, "8 495 204-18-53")])
    as_person, as_company = (CONTACT, person, "Иван", "Anna"), (COMPANY, company, "Ромашка", "Anna")
    assert told(session, cast.anna, phones=("+7 916 2041853",)) == [(*as_person, "+79162041853")]
    assert told(session, cast.anna, emails=("AG@B.ru",)) == [(*as_person, "ag@b.ru")]
    assert told(session, cast.anna, COMPANY, inn="77 07 083893") == [(*as_company, "7707083893")]
    assert told(session, cast.anna, phones=("84952041853", "9162041853")) == [
        (*as_person, "+79162041853"),
        (*as_company, "+74952041853"),
    ]


def test_client_of_a_colleague_is_told_without_its_name(session: Session, cast: Cast) -> None:
    create_contact(session, cast.anton, name="Secret", points=[(PHONE, "89162041853"), (EMAIL, "secret@b.ru")])
    (found,) = hint(session, cast.anna, CONTACT, RawRecord(record_id="", phones=("89162041853",)))
    assert (found.record_id, found.name, found.lines) == (None, None, ())
    assert (found.owner_name, found.matched) == ("Anton", "+79162041853")
    assert [one[2] for one in told(session, cast.boris, phones=("89162041853",))] == ["Secret"]


def test_names_cannot_be_guessed_from_what_is_told_of_a_colleagues_client(session: Session, cast: Cast) -> None:
    for name, phone in (("Колчин Сергей", "89163849275"), ("Юдин Пётр", "89163849275"), ("Ким Яна", "89031112233")):
        create_contact(session, cast.dina, name=name, points=[(PHONE, phone)])
    for number in range(40):
        create_contact(session, cast.dina, name=f"Петров{number} Иван", points=[(PHONE, f"8926{number * 104_729:07}")])
    create_contact(session, cast.anton, name="Юдин Пётр", points=[(EMAIL, "yudin@b.ru")])
    phones, emails = ("+79163849275", "89031112233"), ("yudin@b.ru",)
    answers = {
        hint(session, cast.anna, CONTACT, RawRecord(record_id="", name=name, phones=phones, emails=emails))
        for name in ("", "Колчин Сергей", "Юдин Пётр", "Ким Яна", "Петров Олег")
    }
    (answer,) = answers
    assert [(one.owner_name, one.matched) for one in answer] == [
        ("Dina", "+79163849275"),
        ("Dina", "+79031112233"),
        ("Anton", "yudin@b.ru"),
    ]
    assert {(one.probability, one.lines) for one in answer} == {(None, ())}


def test_visible_namesake_is_found_among_many_hidden_ones(session: Session, cast: Cast) -> None:
    for number in range(26):
        create_contact(session, cast.dina, name="Щербаков Аристарх Ильич", points=[(EMAIL, f"a{number}@b.ru")])
    own = create_contact(session, cast.anna, name="Щербаков Аристарх")
    for number in range(200):
        create_contact(session, cast.dina, name=f"Somebody{number} Else{number}")
    assert [one[1] for one in told(session, cast.anna, name="Щербаков Аристарх Ильич")] == [own]


def test_company_of_a_colleague_is_told_by_its_inn(session: Session, cast: Cast) -> None:
    create_company(session, cast.anton, name="Secret", inn="7707083893")
    assert told(session, cast.dina, COMPANY, inn="7707083893") == [(COMPANY, None, None, "Anton", "7707083893")]


def test_name_alone_brings_visible_records_only(session: Session, cast: Cast) -> None:
    own = create_contact(session, cast.anna, name="Щербаков Аристарх")
    create_contact(session, cast.dina, name="Щербаков Аристарх")
    for number in range(40):
        create_contact(session, cast.dina, name=f"Somebody Else{number}")
    assert [one[1] for one in told(session, cast.anna, name="Aristarkh Shcherbakov")] == [own]


def test_visible_clients_come_first_and_few(session: Session, cast: Cast) -> None:
    for _number in range(HINTS_SHOWN):
        create_contact(session, cast.anton, name="Hidden", points=[(EMAIL, "info@b.ru")])
    own = create_contact(session, cast.anna, name="Own", points=[(EMAIL, "info@b.ru")])
    assert [one[1] for one in told(session, cast.anna, emails=("info@b.ru",))] == [own, None]
    assert len(told(session, cast.vera, emails=("info@b.ru",))) == HINTS_SHOWN


def test_unreadable_and_blank_values_match_nobody(session: Session, cast: Cast) -> None:
    create_company(session, cast.anna, name="No numbers")
    assert told(session, cast.anna, phones=("", "call me", "\x00"), emails=("", "@"), inn="123") == []
    assert told(session, cast.anna) == []


def test_our_own_mailbox_tells_nothing(session: Session, cast: Cast) -> None:
    create_contact(session, cast.anna, name="Ivan", points=[(EMAIL, "anton@example.com")])
    assert told(session, cast.anna, emails=("anton@example.com",)) == []


def told(
    session: Session, actor: Actor, entity_type: EntityType = CONTACT, **typed: str | tuple[str, ...]
) -> list[tuple[EntityType, int | None, str | None, str, str | None]]:
    """Return who is hinted at, by kind, id, name, owner and the value both have."""
    raw = RawRecord(record_id="", **typed)  # type: ignore[arg-type]
    return [_brief(one) for one in hint(session, actor, entity_type, raw)]


def _brief(one: Hint) -> tuple[EntityType, int | None, str | None, str, str | None]:
    return one.entity_type, one.record_id, one.name, one.owner_name, one.matched
