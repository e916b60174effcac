"""Removing records takes along whatever names them by type and id: SQLite gives their ids out again."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.contacts.search_index import index_records
from crm.duplicates.intake import match_saved
from crm.duplicates.merging import merge_records
from crm.duplicates.pair_decisions import dismiss_pair
from crm.duplicates.references import REFERENCES, Reference
from crm.imports.removal import remove_records
from crm.models import Base, EntityType, ExternalId, MatchPair, Merge, PairSource, PairState, WrongField
from tests.conftest import Cast
from tests.factories import add_company, add_contact, add_deal, add_pipeline

KINDS = tuple(EntityType)
HISTORY = {"events.entity_id", "import_rows.entity_id"}  # what happened outlives the rows
BY_TYPE_AND_ID = [one for one in REFERENCES if one.type_column and one.name not in HISTORY]


def named(session: Session, reference: Reference, kind: EntityType, record_id: int) -> int:
    """Count the rows of a table that name a record."""
    table = Base.metadata.tables[reference.table]
    one = (table.c[reference.type_column] == kind.value, table.c[reference.column] == record_id)
    return session.scalar(select(func.count()).select_from(table).where(*one)) or 0


def add_twins(session: Session, cast: Cast, kind: EntityType, count: int) -> list[int]:
    """Add records with evidence, keys and search entries."""
    if kind is EntityType.CONTACT:
        ids = [add_contact(session, cast.anna, "Olga Serova", email="o@mir.ru") for _ in range(count)]
    elif kind is EntityType.COMPANY:
        ids = [add_company(session, cast.anna, "Mir LLC", inn="7707083893") for _ in range(count)]
    else:
        company, pipeline = add_company(session, cast.anna, "Mir LLC"), add_pipeline(session)
        ids = [add_deal(session, cast.anna, pipeline, company_id=company) for _ in range(count)]
    index_records(session, kind.value, ids)
    return ids


def add_pair(session: Session, kind: EntityType, one: int, other: int) -> int:
    values: dict[str, Any] = {
        "weight": 9.0, "probability": 0.9, "lines": [], "guards": [], "is_automatic": False, "rank": 1.0,
        "state": PairState.OPEN, "source": PairSource.BATCH, "found_at": utc_now(),
    }  # fmt: skip
    pair = MatchPair(entity_type=kind, left_id=min(one, other), right_id=max(one, other), **values)
    session.add(pair)
    session.flush()
    return pair.id


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_names_a_record_that_was_removed(session: Session, cast: Cast, kind: EntityType) -> None:
    survivor, other, gone, last = add_twins(session, cast, kind, 4)
    add_pair(session, kind, other, gone)
    joining = add_pair(session, kind, gone, last)
    far = {"entity_type": kind, "choices": {}, "before": {}, "moved": [], "at": utc_now()}
    kept = Merge(survivor_id=survivor, merged_id=other, pair_id=joining, **far)  # one of a group
    session.add_all([kept, Merge(survivor_id=survivor, merged_id=gone, pair_id=joining, **far)])
    session.add(Merge(survivor_id=gone, merged_id=last, undone_at=utc_now(), **far))
    session.add(ExternalId(system="old", entity=kind.value, external_id="7", entity_id=gone))
    wrong = {"field": "name", "kind": "phone", "value": "+79161234567", "found_at": utc_now()}
    session.add(WrongField(entity_type=kind, entity_id=gone, **wrong))
    session.flush()
    assert [one.name for one in BY_TYPE_AND_ID if not named(session, one, kind, gone)] == []
    assert remove_records(session, kind.value, [gone]) == {gone}
    assert [one.name for one in BY_TYPE_AND_ID if named(session, one, kind, gone)] == []
    session.expire_all()
    assert session.scalars(select(Merge)).all() == [kept]
    assert kept.pair_id is None


def test_new_record_does_not_inherit_what_was_said_of_a_removed_one(session: Session, cast: Cast) -> None:
    stays, gone = add_twins(session, cast, EntityType.CONTACT, 2)
    dismiss_pair(session, cast.vera, pair_id=add_pair(session, EntityType.CONTACT, stays, gone))
    remove_records(session, "contact", [gone])
    (new,) = add_twins(session, cast, EntityType.CONTACT, 1)  # SQLite gives it the same id
    match_saved(session, EntityType.CONTACT, [new])
    of_new = select(MatchPair.state).where(or_(MatchPair.left_id == new, MatchPair.right_id == new))
    assert session.scalars(of_new).all() == [PairState.OPEN]


def test_new_record_may_be_merged_where_a_removed_one_was(session: Session, cast: Cast) -> None:
    stays, gone = add_twins(session, cast, EntityType.CONTACT, 2)
    merge_records(session, cast.vera, entity_type=EntityType.CONTACT, survivor_id=stays, merged_id=gone)
    assert remove_records(session, "contact", [gone]) == {gone}
    (new,) = add_twins(session, cast, EntityType.CONTACT, 1)
    assert merge_records(session, cast.vera, entity_type=EntityType.CONTACT, survivor_id=stays, merged_id=new)
