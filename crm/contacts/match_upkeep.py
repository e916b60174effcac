"""Keeping what matching knows of saved records; `index_records`, the door of every save, comes through here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.contacts.match_input import own_identifiers, raw_records
from crm.matching.store import ROWS_AT_ONCE, Refreshed, forget_evidence, mark_stale, refresh_evidence
from crm.matching.values import RawRecord
from crm.models import Contact, EntityType

# A company's people are read anew with it up to so many; more of them are left to the background.
PEOPLE_AT_ONCE = 200


def keep_matching(session: Session, entity_type: EntityType, ids: Sequence[int]) -> None:
    """Make the evidence of at most 500 saved records anew, and that of a changed company's people."""
    refreshed = _refresh(session, entity_type, ids)
    known_before = refreshed.changed - refreshed.added
    if entity_type is EntityType.COMPANY and known_before:
        _keep_people(session, known_before)


def forget_matching(session: Session, entity_type: EntityType, ids: Iterable[int]) -> None:
    """Drop what is known of at most 500 records."""
    forget_evidence(session, entity_type, ids)


def remake_evidence(session: Session, entity_type: EntityType, ids: Sequence[int]) -> None:
    """Make the evidence of at most 500 records anew, theirs alone."""
    _refresh(session, entity_type, ids)


def _refresh(session: Session, entity_type: EntityType, ids: Sequence[int]) -> Refreshed:
    def read(reading: Session, asked: Sequence[int]) -> dict[int, RawRecord]:
        return raw_records(reading, entity_type, asked)

    return refresh_evidence(session, entity_type, ids, read, own_identifiers)


def _keep_people(session: Session, company_ids: Iterable[int]) -> None:
    query = select(Contact.id).where(Contact.company_id.in_(sorted(company_ids))).order_by(Contact.id)
    people = session.scalars(query).all()
    if len(people) <= PEOPLE_AT_ONCE:
        _refresh(session, EntityType.CONTACT, people)
        return
    for start in range(0, len(people), ROWS_AT_ONCE):
        mark_stale(session, EntityType.CONTACT, people[start : start + ROWS_AT_ONCE])
