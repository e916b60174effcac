"""Creating, editing and handing over companies and contacts, by role."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crm.auth.actors import system_actor
from crm.contacts.commands import (
    create_company,
    create_contact,
    edit_company,
    edit_contact,
    reassign_company,
    reassign_contact,
    set_contact_company,
)
from crm.contacts.fields import POINTS_AT_MOST, CompanyFields, ContactFields
from crm.contacts.points import add_company_point, add_contact_point, remove_point
from crm.contacts.search import search
from crm.db import Database
from crm.errors import ChangedMeanwhile, Forbidden, InvalidInput, NotFound
from crm.models import Company, Contact, ContactPoint, DealContact, Event, PointKind, User
from tests.conftest import Cast, UnchangedFactory
from tests.factories import add_company, add_contact, add_deal, add_pipeline

PHONE, EMAIL = PointKind.PHONE, PointKind.EMAIL


def events(session: Session) -> list[tuple[str, str, int | None, dict[str, object]]]:
    rows = session.scalars(select(Event).order_by(Event.id))
    return [(row.kind, row.entity, row.entity_id, row.details) for row in rows]


def values(session: Session) -> list[tuple[PointKind, str, str, int]]:
    rows = session.scalars(select(ContactPoint).order_by(ContactPoint.position))
    return [(row.kind, row.value, row.normalised, row.position) for row in rows]


def codes(error: InvalidInput) -> set[tuple[str, str | None]]:
    return {(violation.code, violation.field) for violation in error.violations}


def test_create_company_stores_normalised_values_points_event_and_words(session: Session, cast: Cast) -> None:
    key = create_company(
        session, cast.anna, name="  ООО\u200b Ромашка ", inn="77 07 083893", website="Romashka.RU", address="",
        industry="Metal", note="one\r\ntwo", points=[(PHONE, "8 495 123-45-67 доб. 5"), (EMAIL, "Info@Romashka.ru")],
    )  # fmt: skip
    company = session.get_one(Company, key)
    assert (company.name, company.inn, company.website) == ("ООО Ромашка", "7707083893", "https://romashka.ru")
    assert (company.address, company.industry, company.note) == (None, "Metal", "one\ntwo")
    assert (company.owner_id, company.version) == (cast.anna.user_id, 1)
    assert values(session) == [
        (PHONE, "8 495 123-45-67 доб. 5", "+74951234567", 0),
        (EMAIL, "Info@Romashka.ru", "info@romashka.ru", 1),
    ]
    assert events(session) == [
        ("company.created", "company", key,
         {"name": "ООО Ромашка", "points": ["8 495 123-45-67 доб. 5", "Info@Romashka.ru"]})
    ]  # fmt: skip
    assert [hit.record_id for hit in search(session, cast.anna, "495 123 45 67")] == [key]


def test_create_contact_keeps_a_repeated_point_once(session: Session, cast: Cast) -> None:
    company = add_company(session, cast.anna)
    key = create_contact(
        session, cast.anna, name="Иван Петров", position="Buyer", company_id=company,
        points=[(PHONE, "8 916 123-45-67"), (PHONE, "+7 916 1234567"), (PointKind.TELEGRAM, "@Ivan_P")],
    )  # fmt: skip
    contact = session.get_one(Contact, key)
    assert (contact.name, contact.position, contact.company_id) == ("Иван Петров", "Buyer", company)
    assert [normalised for _kind, _value, normalised, _position in values(session)] == ["+79161234567", "ivan_p"]


def test_create_tells_everything_wrong_at_once(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    with unchanged(session), pytest.raises(InvalidInput) as refused:
        create_company(
            session, cast.anna, name=" ", inn="123", website="javascript:alert(1)", address="x" * 501, note="\x00",
            industry="\ud800", parent_id=99, owner_id=cast.anton.user_id, points=[(PHONE, "no"), (EMAIL, "no")],
        )  # fmt: skip
    assert codes(refused.value) == {
        ("value_required", "name"), ("inn_length", "inn"), ("website_invalid", "website"),
        ("text_too_long", "address"), ("text_unreadable", "note"), ("text_unreadable", "industry"),
        ("choice_unknown", "parent"), ("choice_unknown", "owner"), ("phone_invalid", "phone"),
        ("email_invalid", "email"),
    }  # fmt: skip


def test_create_refuses_too_many_points(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    points = [(EMAIL, f"{number}@b.ru") for number in range(POINTS_AT_MOST + 1)]
    with unchanged(session), pytest.raises(InvalidInput) as refused:
        create_contact(session, cast.anna, name="Ivan", points=points)
    assert codes(refused.value) == {("points_too_many", "phone")}


def test_longest_values_fit_their_columns(session: Session, cast: Cast) -> None:
    site = "https://a.ru/" + "x" * 287
    key = create_company(
        session, cast.anna, name="я" * 300, website=site, address="я" * 500, industry="я" * 200, note="я" * 20_000,
        points=[(PointKind.WEBSITE, site)],
    )  # fmt: skip
    session.expire_all()
    assert session.get_one(Company, key).website == site


def test_contact_of_an_unseen_company_is_refused(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    company = add_company(session, cast.anton)
    with unchanged(session), pytest.raises(InvalidInput) as refused:
        create_contact(session, cast.anna, name="Ivan", company_id=company)
    assert codes(refused.value) == {("choice_unknown", "company")}
    create_contact(session, cast.boris, name="Ivan", company_id=company)


def test_new_client_can_be_given_only_to_somebody_seen_and_active(
    session: Session, cast: Cast, unchanged: UnchangedFactory
) -> None:
    key = create_contact(session, cast.boris, name="Ivan", owner_id=cast.anna.user_id)
    assert session.get_one(Contact, key).owner_id == cast.anna.user_id
    session.execute(update(User).where(User.id == cast.anton.user_id).values(is_active=False))
    for actor, owner_id in ((cast.boris, cast.anton.user_id), (cast.dina, cast.anna.user_id), (cast.vera, 999)):
        with unchanged(session), pytest.raises(InvalidInput) as refused:
            create_contact(session, actor, name="Ivan", owner_id=owner_id)
        assert codes(refused.value) == {("choice_unknown", "owner")}
    with unchanged(session), pytest.raises(InvalidInput) as refused:
        create_contact(session, system_actor(), name="Ivan")
    assert codes(refused.value) == {("value_required", "owner")}


def test_edit_company_records_old_and_new_values_and_raises_the_version(session: Session, cast: Cast) -> None:
    key = create_company(session, cast.anna, name="Ромашка", inn="7707083893", points=[(PHONE, "89161234567")])
    fields = CompanyFields(name="Василёк", inn="7707083893", website="vasilek.ru")
    points = [(EMAIL, "a@b.ru"), (PHONE, "89161234567")]
    edit_company(session, cast.anna, company_id=key, expected_version=1, fields=fields, points=points)
    company = session.get_one(Company, key)
    assert (company.name, company.website, company.version) == ("Василёк", "https://vasilek.ru", 2)
    assert [(kind, position) for kind, _value, _normalised, position in values(session)] == [(EMAIL, 0), (PHONE, 1)]
    assert events(session)[-1] == (
        "company.edited", "company", key,
        {"changes": {"name": ["Ромашка", "Василёк"], "website": [None, "https://vasilek.ru"],
                     "points": [["89161234567"], ["a@b.ru", "89161234567"]]}},
    )  # fmt: skip
    assert search(session, cast.anna, "ромашка") == []
    assert [hit.title for hit in search(session, cast.anna, "василек")] == ["Василёк"]


def test_edit_without_points_leaves_them(session: Session, cast: Cast) -> None:
    key = create_contact(session, cast.anna, name="Ivan", points=[(PHONE, "89161234567")])
    edit_contact(session, cast.anna, contact_id=key, expected_version=1, fields=ContactFields("Ivan Petrov"))
    assert len(values(session)) == 1
    assert session.get_one(Contact, key).version == 2


def test_edit_that_changes_nothing_leaves_no_trace(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    key = create_contact(session, cast.anna, name="Ivan", position="Buyer", points=[(PHONE, "89161234567")])
    with unchanged(session):
        edit_contact(
            session, cast.anna, contact_id=key, expected_version=1, fields=ContactFields("Ivan", "Buyer"),
            points=[(PHONE, "89161234567")],
        )  # fmt: skip


def test_edit_of_an_older_version_is_refused(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    company = create_company(session, cast.anna, name="Ромашка")
    contact = create_contact(session, cast.anna, name="Ivan")
    edit_company(session, cast.boris, company_id=company, expected_version=1, fields=CompanyFields("Василёк"))
    edit_contact(session, cast.boris, contact_id=contact, expected_version=1, fields=ContactFields("Pyotr"))
    with unchanged(session), pytest.raises(ChangedMeanwhile):
        edit_company(session, cast.anna, company_id=company, expected_version=1, fields=CompanyFields("Лютик"))
    with unchanged(session), pytest.raises(ChangedMeanwhile):
        edit_contact(session, cast.anna, contact_id=contact, expected_version=1, fields=ContactFields("Oleg"))
    with unchanged(session), pytest.raises(ChangedMeanwhile):
        set_contact_company(session, cast.anna, contact_id=contact, expected_version=1, company_id=company)


def test_two_editors_at_once_lose_nothing(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        key = create_company(session, cast.anna, name="Ромашка")
    with database.session_scope() as session:
        edit_company(session, cast.anna, company_id=key, expected_version=1, fields=CompanyFields("Лютик"))
    with pytest.raises(ChangedMeanwhile), database.session_scope() as session:
        edit_company(session, cast.boris, company_id=key, expected_version=1, fields=CompanyFields("Василёк"))
    with database.read_scope() as session:
        assert session.get_one(Company, key).name == "Лютик"


def test_old_values_that_a_later_rule_refuses_do_not_freeze_the_record(session: Session, cast: Cast) -> None:
    key = add_company(session, cast.anna, inn="123")
    session.add(ContactPoint(company_id=key, kind=PHONE, value="office", normalised="office"))
    session.flush()
    edit_company(
        session, cast.anna, company_id=key, expected_version=1, fields=CompanyFields("Ромашка", inn="123"),
        points=[(PHONE, "office")],
    )  # fmt: skip
    assert session.get_one(Company, key).name == "Ромашка"


def test_parent_that_would_make_a_circle_is_refused(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    top = create_company(session, cast.anna, name="Top")
    middle = create_company(session, cast.anna, name="Middle", parent_id=top)
    bottom = create_company(session, cast.anna, name="Bottom", parent_id=middle)
    for parent_id in (top, middle, bottom):
        fields = CompanyFields("Top", parent_id=parent_id)
        with unchanged(session), pytest.raises(InvalidInput) as refused:
            edit_company(session, cast.anna, company_id=top, expected_version=1, fields=fields)
        assert codes(refused.value) == {("company_own_parent", "parent")}


def test_unseen_client_can_not_be_touched(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    company, contact = add_company(session, cast.anton), add_contact(session, cast.anton, phone="+79161234567")
    point = session.scalars(select(ContactPoint.id)).one()
    for actor in (cast.anna, cast.dina):
        for call in (
            lambda actor=actor: edit_company(
                session, actor, company_id=company, expected_version=1, fields=CompanyFields("X")
            ),
            lambda actor=actor: edit_contact(
                session, actor, contact_id=contact, expected_version=1, fields=ContactFields("X")
            ),
            lambda actor=actor: set_contact_company(
                session, actor, contact_id=contact, expected_version=1, company_id=None
            ),
            lambda actor=actor: add_company_point(session, actor, company_id=company, kind=EMAIL, value="a@b.ru"),
            lambda actor=actor: add_contact_point(session, actor, contact_id=contact, kind=EMAIL, value="a@b.ru"),
            lambda actor=actor: remove_point(session, actor, point_id=point),
            lambda actor=actor: edit_company(
                session, actor, company_id=999, expected_version=1, fields=CompanyFields("X")
            ),
        ):
            with unchanged(session), pytest.raises(NotFound):
                call()


def test_client_of_a_colleague_can_be_edited_through_an_own_deal(session: Session, cast: Cast) -> None:
    company, contact = add_company(session, cast.anton), add_contact(session, cast.anton)
    deal = add_deal(session, cast.anna, add_pipeline(session), company_id=company)
    session.add(DealContact(deal_id=deal, contact_id=contact))
    session.flush()
    edit_company(session, cast.anna, company_id=company, expected_version=1, fields=CompanyFields("X"))
    edit_contact(session, cast.anna, contact_id=contact, expected_version=1, fields=ContactFields("Y"))
    assert (session.get_one(Company, company).name, session.get_one(Contact, contact).name) == ("X", "Y")


def test_points_are_added_once_and_removed(session: Session, cast: Cast) -> None:
    key = create_contact(session, cast.anna, name="Ivan", points=[(PHONE, "8 916 123-45-67")])
    add_contact_point(session, cast.anna, contact_id=key, kind=EMAIL, value="A@b.ru")
    add_contact_point(session, cast.anna, contact_id=key, kind=PHONE, value="+79161234567")
    assert [value for _kind, value, _normalised, _position in values(session)] == ["8 916 123-45-67", "A@b.ru"]
    assert session.get_one(Contact, key).version == 2
    phone = session.scalars(select(ContactPoint.id).where(ContactPoint.kind == PHONE)).one()
    remove_point(session, cast.anna, point_id=phone)
    assert [value for _kind, value, _normalised, _position in values(session)] == ["A@b.ru"]
    assert events(session)[-1][3] == {"changes": {"points": [["8 916 123-45-67", "A@b.ru"], ["A@b.ru"]]}}
    assert search(session, cast.anna, "89161234567") == []
    with pytest.raises(NotFound):
        remove_point(session, cast.anna, point_id=phone)


def test_company_point_that_is_none_is_refused(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    key = create_company(session, cast.anna, name="Ромашка")
    add_company_point(session, cast.anna, company_id=key, kind=PHONE, value="8 495 123-45-67")
    with unchanged(session), pytest.raises(InvalidInput) as refused:
        add_company_point(session, cast.anna, company_id=key, kind=PHONE, value="")
    assert codes(refused.value) == {("value_required", "phone")}


def test_contact_changes_company(session: Session, cast: Cast) -> None:
    company = create_company(session, cast.anna, name="Ромашка")
    contact = create_contact(session, cast.anna, name="Ivan", position="Buyer")
    set_contact_company(session, cast.anna, contact_id=contact, expected_version=1, company_id=company)
    assert session.get_one(Contact, contact).company_id == company
    assert events(session)[-1][3] == {"changes": {"company_id": [None, company]}}
    set_contact_company(session, cast.anna, contact_id=contact, expected_version=2, company_id=None)
    assert session.get_one(Contact, contact).company_id is None


def test_only_heads_hand_clients_over(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    company, contact = add_company(session, cast.anna), add_contact(session, cast.anna)
    to_anton, to_dina = cast.anton.user_id or 0, cast.dina.user_id or 0
    with unchanged(session), pytest.raises(Forbidden):
        reassign_company(session, cast.anna, company_id=company, expected_version=1, owner_id=to_anton)
    with unchanged(session), pytest.raises(Forbidden):
        reassign_contact(session, cast.anna, contact_id=contact, expected_version=1, owner_id=to_anton)
    with unchanged(session), pytest.raises(NotFound):
        reassign_company(session, cast.dina, company_id=company, expected_version=1, owner_id=to_dina)
    with unchanged(session), pytest.raises(InvalidInput):
        reassign_company(session, cast.boris, company_id=company, expected_version=1, owner_id=to_dina)
    reassign_company(session, cast.boris, company_id=company, expected_version=1, owner_id=to_anton)
    reassign_contact(session, cast.vera, contact_id=contact, expected_version=1, owner_id=to_dina)
    assert session.get_one(Company, company).owner_id == to_anton
    assert events(session)[-1][:3] == ("contact.reassigned", "contact", contact)
    assert events(session)[-1][3] == {"changes": {"owner": [cast.anna.user_id, to_dina]}}
    assert [hit.record_id for hit in search(session, cast.anton, "mir")] == [company]
    assert search(session, cast.anna, "mir") == []
    assert [hit.record_id for hit in search(session, cast.dina, "petrov")] == [contact]


def test_of_many_editors_at_once_one_saves(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        key = create_company(session, cast.anna, name="Ромашка")

    def edit(number: int) -> bool:
        try:
            with database.session_scope() as session:
                fields = CompanyFields(f"Ромашка {number}")
                edit_company(session, cast.anna, company_id=key, expected_version=1, fields=fields)
        except ChangedMeanwhile:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        saved = list(pool.map(edit, range(8)))
    with database.read_scope() as session:
        company = session.get_one(Company, key)
        assert (saved.count(True), company.version, company.name) == (1, 2, f"Ромашка {saved.index(True)}")
        assert len([one for one in events(session) if one[0] == "company.edited"]) == 1
        assert [hit.title for hit in search(session, cast.anna, "ромашка")] == [company.name]
