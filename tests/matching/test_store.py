"""Evidence and keys as rows: kept at every save, forgotten with their record."""

from __future__ import annotations

import json

from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.contacts.commands import create_company, create_contact, edit_company, edit_contact, reassign_contact
from crm.contacts.fields import ContactFields
from crm.contacts.match_upkeep import PEOPLE_AT_ONCE
from crm.contacts.records import load_company_record, load_contact_record
from crm.contacts.search_index import forget_records, index_records
from crm.deals.removal import remove_deal
from crm.matching.keys import keys_of
from crm.matching.normalise import NORM_VERSION, evidence_from_json
from crm.matching.store import STALE, changed_records, evidence_of, text_of
from crm.models import Contact, EntityType, MatchEvidence, MatchKey, PointKind
from tests.conftest import Cast
from tests.factories import add_deal, add_pipeline

PHONE, EMAIL = PointKind.PHONE, PointKind.EMAIL
CONTACT = EntityType.CONTACT


def test_saving_keeps_evidence_and_its_keys(session: Session, cast: Cast) -> None:
    contact = create_contact(session, cast.anna, name="Иван Петров", points=[(PHONE, "8 916 204-18-53")])
    row = evidence_row(session, contact)
    evidence = evidence_of(row.evidence)
    assert (evidence.record_id, evidence.mobiles, evidence.surname) == (str(contact), ("+79162041853",), "petrov")
    assert (row.norm_version, row.matched_at) == (NORM_VERSION, None)
    assert keys(session, contact) == set(keys_of(evidence, CONTACT))
    assert changed_records(session) == {CONTACT: {contact}}


def test_change_replaces_keys_of_the_old_evidence(session: Session, cast: Cast) -> None:
    contact = create_contact(session, cast.anna, name="Иван Петров", points=[(PHONE, "8 916 204-18-53")])
    record = load_contact_record(session, cast.anna, contact)
    edit_contact(
        session, cast.anna, contact_id=contact, expected_version=1, fields=ContactFields("Иван Сидоров"),
        points=[(one.kind, one.value) for one in record.points],
    )  # fmt: skip
    assert keys(session, contact) == set(keys_of(evidence_of(evidence_row(session, contact).evidence), CONTACT))


def test_change_that_says_nothing_new_leaves_evidence_matched(session: Session, cast: Cast) -> None:
    contact = create_contact(session, cast.anna, name="Иван Петров")
    row = evidence_row(session, contact)
    row.matched_at = row.updated_at
    session.flush()
    reassign_contact(session, cast.boris, contact_id=contact, expected_version=1, owner_id=cast.anton.user_id or 0)
    index_records(session, "contact", [contact])
    assert evidence_row(session, contact).matched_at is not None


def test_renamed_company_renews_its_people(session: Session, cast: Cast) -> None:
    company = create_company(session, cast.anna, name="ООО Мир")
    contact = create_contact(session, cast.anna, name="Иван", company_id=company)
    rename(session, cast, company, "ООО Заря")
    assert evidence_of(evidence_row(session, contact).evidence).company_typed == "ООО Заря"
    assert keys(session, contact) == set(keys_of(evidence_of(evidence_row(session, contact).evidence), CONTACT))


def test_people_of_a_large_company_are_left_to_the_background(session: Session, cast: Cast) -> None:
    company = create_company(session, cast.anna, name="ООО Мир")
    people = [
        Contact(name=f"Иван {number}", company_id=company, owner_id=cast.anna.user_id, created_at=utc_now())
        for number in range(PEOPLE_AT_ONCE + 1)
    ]
    session.add_all(people)
    session.flush()
    ids = [one.id for one in people]
    index_records(session, "contact", ids)
    rename(session, cast, company, "ООО Заря")
    stale = select(func.count()).where(MatchEvidence.entity_type == CONTACT, MatchEvidence.norm_version == STALE)
    assert session.scalar(stale) == len(ids)


def test_forgotten_and_removed_records_leave_nothing(session: Session, cast: Cast) -> None:
    contact = create_contact(session, cast.anna, name="Иван Петров", points=[(EMAIL, "ip@x.ru")])
    forget_records(session, "contact", [contact])
    deal = add_deal(session, cast.anna, add_pipeline(session), title="Лист")
    remove_deal(session, cast.vera, deal_id=deal, expected_version=1, reason="Only a test of ours")
    assert session.scalar(select(func.count()).select_from(MatchEvidence)) == 0
    assert session.scalar(select(func.count()).select_from(MatchKey)) == 0


def test_five_hundred_records_take_few_statements(session: Session, cast: Cast) -> None:
    people = [
        Contact(name=f"Иван Петров{number}", owner_id=cast.anna.user_id, created_at=utc_now()) for number in range(500)
    ]
    session.add_all(people)
    session.flush()
    seen: list[str] = []
    bind = session.get_bind()
    event.listen(bind, "before_cursor_execute", lambda *given: seen.append(given[2]))
    index_records(session, "contact", [one.id for one in people])
    assert len(seen) <= 12


def test_stored_text_reads_as_the_evidence_it_was_made_of(session: Session, cast: Cast) -> None:
    contact = create_contact(
        session, cast.anna, name="Иван 8 916 204-18-53", points=[(PHONE, "8 999 999-99-99"), (EMAIL, "ip@x.ru")]
    )
    text = evidence_row(session, contact).evidence
    evidence = evidence_of(text)
    assert evidence.stopped
    assert evidence.misplaced
    assert text_of(evidence) == text
    plain = create_contact(session, cast.anna, name="Иван Петров", points=[(EMAIL, "ip@x.ru")])
    text = evidence_row(session, plain).evidence
    assert evidence_of(text) == evidence_from_json(json.loads(text))


def rename(session: Session, cast: Cast, company: int, name: str) -> None:
    record = load_company_record(session, cast.anna, company)
    fields = type(record.fields)(name=name)
    edit_company(session, cast.anna, company_id=company, expected_version=record.version, fields=fields)


def evidence_row(session: Session, contact: int) -> MatchEvidence:
    return session.get_one(MatchEvidence, (CONTACT, contact), populate_existing=True)


def keys(session: Session, contact: int) -> set[int]:
    return set(
        session.scalars(select(MatchKey.key).where(MatchKey.entity_type == CONTACT, MatchKey.entity_id == contact))
    )
