"""Values in wrong fields: found at every save, listed as far as one sees, moved where they belong."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from crm.contacts.commands import create_company, create_contact, edit_contact
from crm.contacts.fields import ContactFields
from crm.contacts.records import load_company_record, load_contact_record
from crm.deals.invariants import broken_invariants
from crm.duplicates.field_cleaning import take_out
from crm.duplicates.wrong_fields import list_wrong_fields, move_to_field
from crm.errors import InvalidInput, NotFound
from crm.models import Deal, DealContact, EntityType, Event, PointKind
from tests.conftest import Cast, UnchangedFactory
from tests.factories import add_contact, add_deal, add_pipeline

PHONE = "+79162041853"


@pytest.mark.parametrize(
    ("text", "kind", "value", "typed", "left"),
    [
        ("Горелов 8-916-204-18-53", "phone", PHONE, "8-916-204-18-53", "Горелов"),
        ("Иван (тел. +7 916 204 18 53)", "phone", PHONE, "+7 916 204 18 53", "Иван"),
        ("Пётр моб. 89162041853 доб. 12 снабжение", "phone", PHONE, "89162041853 доб. 12", "Пётр снабжение"),
        ("ivan@mail.ru Иван Петров", "email", "ivan@mail.ru", "ivan@mail.ru", "Иван Петров"),
        ("Анна - e-mail: anna@x.ru - бухгалтер", "email", "anna@x.ru", "anna@x.ru", "Анна бухгалтер"),
        ("ООО Мир, ИНН 7707083893", "inn", "7707083893", "ИНН 7707083893", "ООО Мир"),
        ("8 916 204-18-53", "phone", PHONE, "8 916 204-18-53", ""),
    ],
)
def test_take_out_leaves_a_clean_text(text: str, kind: str, value: str, typed: str, left: str) -> None:
    assert take_out(text, kind, value) == (typed, left)


def test_take_out_finds_nothing_where_value_does_not_stand() -> None:
    assert take_out("Горелов", "phone", PHONE) is None


def test_phone_in_name_moves_to_points(session: Session, cast: Cast) -> None:
    contact = create_contact(session, cast.anna, name="Горелов 8-916-204-18-53", points=[(PointKind.EMAIL, "g@x.ru")])
    (found,) = list_wrong_fields(session, cast.anna).rows
    assert (found.entity_type, found.entity_id, found.field, found.kind) == (
        EntityType.CONTACT,
        contact,
        "name",
        "phone",
    )
    assert (found.value, found.cleaned, found.owner_name) == (PHONE, "Горелов", "Anna")

    move_to_field(session, cast.anna, finding_id=found.id)
    record = load_contact_record(session, cast.anna, contact)
    assert record.fields.name == "Горелов"
    assert [(one.kind, one.value, one.normalised) for one in record.points] == [
        (PointKind.EMAIL, "g@x.ru", "g@x.ru"),
        (PointKind.PHONE, "8-916-204-18-53", PHONE),
    ]
    assert list_wrong_fields(session, cast.anna).rows == ()
    changes = session.query(Event).filter(Event.kind == "contact.edited").one().details["changes"]
    assert changes["name"] == ["Горелов 8-916-204-18-53", "Горелов"]


def test_finding_goes_when_the_field_is_cleaned_by_hand(session: Session, cast: Cast) -> None:
    contact = create_contact(session, cast.anna, name="Горелов 8-916-204-18-53")
    assert len(list_wrong_fields(session, cast.anna).rows) == 1
    version = load_contact_record(session, cast.anna, contact).version
    edit_contact(
        session, cast.anna, contact_id=contact, expected_version=version, fields=ContactFields("Горелов"), points=None
    )
    assert list_wrong_fields(session, cast.anna).rows == ()


def test_mailbox_in_job_title_leaves_it_empty(session: Session, cast: Cast) -> None:
    contact = create_contact(session, cast.anna, name="Горелов", position="g.metall@mail.ru")
    (found,) = list_wrong_fields(session, cast.anna).rows
    move_to_field(session, cast.anna, finding_id=found.id)
    record = load_contact_record(session, cast.anna, contact)
    assert record.fields.position is None
    assert [one.normalised for one in record.points] == ["g.metall@mail.ru"]


def test_inn_in_company_name_becomes_its_inn(session: Session, cast: Cast) -> None:
    company = create_company(session, cast.anna, name="ООО Мир, ИНН 7707083893")
    (found,) = list_wrong_fields(session, cast.anna, entity_type=EntityType.COMPANY).rows
    move_to_field(session, cast.anna, finding_id=found.id)
    fields = load_company_record(session, cast.anna, company).fields
    assert (fields.name, fields.inn) == ("ООО Мир", "7707083893")


def test_another_inn_is_not_overwritten(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    create_company(session, cast.anna, name="ООО Мир, ИНН 7707083893", inn="7736050003")
    (found,) = list_wrong_fields(session, cast.anna).rows
    with unchanged(session), pytest.raises(InvalidInput) as refusal:
        move_to_field(session, cast.anna, finding_id=found.id)
    assert [one.code for one in refusal.value.violations] == ["wrong_field_taken"]


def test_phone_in_deal_title_goes_to_main_contact(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    contact = add_contact(session, cast.anna, "Горелов")
    deal = add_deal(session, cast.anna, pipeline, title="Лист 3 мм 8-916-204-18-53")
    (found,) = list_wrong_fields(session, cast.anna).rows
    with pytest.raises(InvalidInput) as refusal:
        move_to_field(session, cast.anna, finding_id=found.id)
    assert [one.code for one in refusal.value.violations] == ["wrong_field_no_contact"]

    session.add(DealContact(deal_id=deal, contact_id=contact, position=0))
    session.flush()
    move_to_field(session, cast.anna, finding_id=found.id)
    assert session.get_one(Deal, deal).title == "Лист 3 мм"
    assert [one.normalised for one in load_contact_record(session, cast.anna, contact).points] == [PHONE]
    assert broken_invariants(session, cast.vera) == []


def test_name_that_is_only_a_phone_is_refused(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    create_contact(session, cast.anna, name="8-916-204-18-53")
    (found,) = list_wrong_fields(session, cast.anna).rows
    assert found.cleaned == ""
    with unchanged(session), pytest.raises(InvalidInput) as refusal:
        move_to_field(session, cast.anna, finding_id=found.id)
    assert [one.code for one in refusal.value.violations] == ["wrong_field_alone"]


def test_findings_of_others_are_not_seen(session: Session, cast: Cast) -> None:
    create_contact(session, cast.dina, name="Горелов 8-916-204-18-53")
    assert list_wrong_fields(session, cast.anna).rows == ()
    (found,) = list_wrong_fields(session, cast.vera).rows
    with pytest.raises(NotFound):
        move_to_field(session, cast.anna, finding_id=found.id)


def test_pages_go_on_where_the_last_ended(session: Session, cast: Cast) -> None:
    for number in range(3):
        create_contact(session, cast.anna, name=f"Горелов 8-916-204-18-5{number}")
    first = list_wrong_fields(session, cast.anna, limit=2)
    rest = list_wrong_fields(session, cast.anna, after=first.next_page, limit=2)
    assert [len(first.rows), len(rest.rows), rest.next_page] == [2, 1, None]
    assert first.rows[-1].id > rest.rows[0].id
