"""The check of the whole base finds each kind of damage to merged records, and nothing among healthy ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import delete, insert, update
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.deals.invariants import broken_invariants
from crm.deals.merge_invariants import MERGE_INVARIANTS
from crm.duplicates.merging import merge_records
from crm.models import (
    Activity,
    ActivityKind,
    Company,
    Contact,
    Deal,
    DealContact,
    DealStatus,
    EntityType,
    ExternalId,
    Merge,
    SearchEntry,
    StageVisit,
    VisitOutcome,
)
from tests.conftest import Cast
from tests.factories import add_company, add_contact, add_deal, add_pipeline


@dataclass(frozen=True, slots=True)
class Merged:
    """A pair of each type, the second put into the first, and a deal by itself."""

    contacts: tuple[int, int]
    companies: tuple[int, int]
    deals: tuple[int, int]
    other: int


Damage = Callable[[Session, Merged], object]


def set_deal(session: Session, deal_id: int, **values: object) -> None:
    session.execute(update(Deal).where(Deal.id == deal_id).values(**values))


def forget_merge(entity_type: EntityType) -> Damage:
    return lambda session, _m: session.execute(delete(Merge).where(Merge.entity_type == entity_type))


def ring(table: type[Contact] | type[Company] | type[Deal], kind: str) -> Damage:
    def damage(session: Session, merged: Merged) -> None:
        first, second = getattr(merged, kind)
        session.execute(update(table).where(table.id == first).values(merged_into_id=second))

    return damage


def note(session: Session, deal_id: int, contact_id: int | None = None) -> None:
    values = {
        "deal_id": deal_id,
        "contact_id": contact_id,
        "kind": ActivityKind.NOTE,
        "text": "Called",
        "at": utc_now(),
    }
    session.execute(insert(Activity).values(values))


def visit(session: Session, deal_id: int, **values: object) -> None:
    session.execute(update(StageVisit).where(StageVisit.deal_id == deal_id).values(**values))


def foreign_id(session: Session, merged: Merged) -> None:
    values = {"system": "old", "entity": "company", "external_id": "7", "entity_id": merged.companies[1]}
    session.execute(insert(ExternalId).values(values))


def find_merged(session: Session, merged: Merged) -> None:
    session.execute(insert(SearchEntry).values(kind="contact", record_id=merged.contacts[1], words="ivan"))


DAMAGES: dict[str, Damage] = {
    "merged status without a survivor": lambda s, m: set_deal(s, m.other, status=DealStatus.MERGED),
    "merged contact without its merge": forget_merge(EntityType.CONTACT),
    "merged company without its merge": forget_merge(EntityType.COMPANY),
    "merged deal without its merge": forget_merge(EntityType.DEAL),
    "contact merged round in a ring": ring(Contact, "contacts"),
    "company merged round in a ring": ring(Company, "companies"),
    "deal merged round in a ring": ring(Deal, "deals"),
    "merged deal with a step or a note": lambda s, m: note(s, m.deals[1]),
    "merged deal that stays somewhere": lambda s, m: visit(s, m.deals[1], left_at=None),
    "duplicate stay of a living deal": lambda s, m: visit(
        s, m.other, outcome=VisitOutcome.DUPLICATE, left_at=StageVisit.entered_at
    ),
    "deal of a merged company": lambda s, m: set_deal(s, m.other, company_id=m.companies[1]),
    "deal of a merged contact": lambda s, m: s.execute(
        insert(DealContact).values(deal_id=m.other, contact_id=m.contacts[1], position=0)
    ),
    "note of a merged contact": lambda s, m: note(s, m.other, m.contacts[1]),
    "contact of a merged company": lambda s, m: s.execute(
        update(Contact).where(Contact.id == m.contacts[0]).values(company_id=m.companies[1])
    ),
    "daughter of a merged company": lambda s, m: s.execute(
        update(Company).where(Company.id == m.companies[0]).values(parent_id=m.companies[1])
    ),
    "foreign id of a merged record": foreign_id,
    "merged record that search finds": find_merged,
}


@pytest.fixture
def merged(session: Session, cast: Cast) -> Merged:
    """Merge a pair of each type."""
    pipeline = add_pipeline(session)
    contacts = add_contact(session, cast.anna, "Ivan"), add_contact(session, cast.anna, "Ivan")
    companies = add_company(session, cast.anna), add_company(session, cast.anna)
    deals = add_deal(session, cast.anna, pipeline), add_deal(session, cast.anna, pipeline)
    found = Merged(contacts, companies, deals, add_deal(session, cast.anna, pipeline))
    pairs = {EntityType.CONTACT: contacts, EntityType.COMPANY: companies, EntityType.DEAL: deals}
    for entity_type, (survivor, hidden) in pairs.items():
        merge_records(session, cast.vera, entity_type=entity_type, survivor_id=survivor, merged_id=hidden)
    return found


def names(session: Session, cast: Cast) -> list[str]:
    return [one.name for one in broken_invariants(session, cast.vera)]


def test_healthy_merges_break_nothing(session: Session, cast: Cast, merged: Merged) -> None:
    assert merged.deals
    assert names(session, cast) == []


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found(session: Session, cast: Cast, merged: Merged, name: str) -> None:
    DAMAGES[name](session, merged)
    session.flush()
    assert name in names(session, cast)


def test_every_rule_has_its_damage() -> None:
    assert DAMAGES.keys() == MERGE_INVARIANTS.keys()
