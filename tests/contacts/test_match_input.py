"""Rows as the records matching compares, and what is our own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.contacts.commands import create_company, create_contact
from crm.contacts.match_input import own_identifiers, raw_records
from crm.contacts.own_identifiers import load_own_identifiers, save_own_identifiers
from crm.errors import InvalidInput
from crm.matching.values import RawRecord
from crm.models import BackgroundJob, Contact, Deal, DealContact, EntityType, JobKind, PointKind
from tests.conftest import Cast, UnchangedFactory
from tests.factories import add_deal, add_pipeline

PHONE, EMAIL, WEBSITE = PointKind.PHONE, PointKind.EMAIL, PointKind.WEBSITE


def test_contact_is_read_with_its_company(session: Session, cast: Cast) -> None:
    company = create_company(session, cast.anna, name="ООО Мир", inn="7707083893", address="Казань, Баумана 5")
    contact = create_contact(
        session, cast.anna, name="Иван Петров", position="директор", company_id=company, note="звонить утром",
        points=[(PHONE, "8 916 204-18-53"), (EMAIL, "I@mir.ru")],
    )  # fmt: skip
    assert raw_records(session, EntityType.CONTACT, [contact]) == {
        contact: RawRecord(
            record_id=str(contact), name="Иван Петров", position="директор", comment="звонить утром",
            phones=("+79162041853",), emails=("i@mir.ru",), company="ООО Мир", inn="7707083893",
            address="Казань, Баумана 5",
        )
    }  # fmt: skip


def test_company_brings_the_domain_of_its_site(session: Session, cast: Cast) -> None:
    company = create_company(
        session, cast.anna, name="ООО Мир", website="https://www.mir-stal.ru/about", points=[(PHONE, "8 495 204-18-53")]
    )
    raw = raw_records(session, EntityType.COMPANY, [company])[company]
    assert (raw.company, raw.name, raw.phones, raw.emails) == ("ООО Мир", "", ("+74952041853",), ("info@mir-stal.ru",))


def test_deal_is_read_with_its_clients(session: Session, cast: Cast) -> None:
    company = create_company(session, cast.anna, name="ООО Мир")
    contact = create_contact(session, cast.anna, name="Иван")
    deal = add_deal(session, cast.anna, add_pipeline(session), title="Лист", company_id=company, source="site")
    session.add(DealContact(deal_id=deal, contact_id=contact, position=0))
    session.flush()
    raw = raw_records(session, EntityType.DEAL, [deal])[deal]
    created_at = session.get_one(Deal, deal).created_at
    assert raw == RawRecord(
        record_id=str(deal), deal_title="Лист", source="site", created_at=created_at,
        client_keys=(f"contact:{contact}", f"company:{company}"),
    )  # fmt: skip


def test_merged_records_are_left_out(session: Session, cast: Cast) -> None:
    kept, merged = (create_contact(session, cast.anna, name=name) for name in ("Иван", "Ваня"))
    session.get_one(Contact, merged).merged_into_id = kept
    session.flush()
    assert set(raw_records(session, EntityType.CONTACT, [kept, merged])) == {kept}


def test_own_identifiers_are_those_of_users_and_those_said(session: Session, cast: Cast) -> None:
    save_own_identifiers(
        session, cast.vera, typed=["8 (495) 780-00-00", "+7 495 781*", "", "Sales@Ours.ru", "ours-metal.ru"]
    )
    stored = ("+74957800000", "+7495781*", "sales@ours.ru", "ours-metal.ru")
    assert load_own_identifiers(session, cast.anna) == stored
    own = own_identifiers(session)
    assert own.phones == {"+74957800000"}
    assert own.phone_prefixes == ("+7495781",)
    assert {"sales@ours.ru", "anna@example.com"} <= own.mailboxes
    assert {"ours.ru", "ours-metal.ru", "example.com"} <= own.domains
    assert session.scalars(select(BackgroundJob.kind)).all() == [JobKind.SCAN_BASE.value]


def test_domain_of_public_mail_is_nobodys_own(session: Session, cast: Cast) -> None:
    save_own_identifiers(session, cast.vera, typed=["seller@mail.ru"])
    own = own_identifiers(session)
    assert "seller@mail.ru" in own.mailboxes
    assert "mail.ru" not in own.domains


def test_unreadable_lines_are_refused_together(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    with unchanged(session), pytest.raises(InvalidInput) as refusal:
        save_own_identifiers(session, cast.vera, typed=["call us", "a@", "+7 495 780-00-00"])
    assert [one.code for one in refusal.value.violations] == ["own_identifier_unreadable", "email_invalid"]


def test_own_mailbox_in_a_record_is_put_aside(session: Session, cast: Cast) -> None:
    contact = create_contact(session, cast.anna, name="Иван", points=[(EMAIL, "anton@example.com")])
    raw = raw_records(session, EntityType.CONTACT, [contact])[contact]
    assert replace(raw, emails=()) == RawRecord(record_id=str(contact), name="Иван")
    assert raw.emails == ("anton@example.com",)
