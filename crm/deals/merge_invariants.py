"""What must always hold of records that were merged: hidden, whole, and pointed to by nothing that lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Select, and_, exists, or_, select
from sqlalchemy.orm import aliased

from crm.models import (
    Activity,
    Company,
    Contact,
    Deal,
    DealContact,
    DealStatus,
    EntityType,
    ExternalId,
    Merge,
    NextStep,
    Objection,
    SearchEntry,
    StageVisit,
    VisitOutcome,
)


def _merged_status_without_a_survivor() -> Select[int]:
    return select(Deal.id).where((Deal.status == DealStatus.MERGED) != Deal.merged_into_id.is_not(None))


def _merged_without_a_merge_in_force(entity_type: EntityType, table: Any) -> Select[int]:
    in_force = exists().where(
        Merge.entity_type == entity_type, Merge.merged_id == table.id, Merge.undone_at.is_(None),
        Merge.survivor_id == table.merged_into_id,
    )  # fmt: skip
    forgotten = exists().where(Merge.entity_type == entity_type, Merge.merged_id == table.id, Merge.undone_at.is_(None))
    return select(table.id).where(
        or_(and_(table.merged_into_id.is_not(None), ~in_force), and_(table.merged_into_id.is_(None), forgotten))
    )


def _merged_round_in_a_ring(table: Any) -> Select[int]:
    up = select(table.id.label("start"), table.merged_into_id.label("at")).where(table.merged_into_id.is_not(None))
    chain = up.cte("merged_up", recursive=True)
    step = select(chain.c.start, table.merged_into_id).where(table.id == chain.c.at, table.merged_into_id.is_not(None))
    chain = chain.union(step)
    return select(chain.c.start).where(chain.c.at == chain.c.start)


def _merged_deal_with_a_step_or_a_note() -> Select[int]:
    left = [exists().where(table.deal_id == Deal.id) for table in (Activity, NextStep, Objection)]
    return select(Deal.id).where(Deal.merged_into_id.is_not(None), or_(*left))


def _merged_deal_that_stays_somewhere() -> Select[int]:
    staying = exists().where(StageVisit.deal_id == Deal.id, StageVisit.left_at.is_(None))
    return select(Deal.id).where(Deal.merged_into_id.is_not(None), staying)


def _duplicate_stay_of_a_living_deal() -> Select[int]:
    stay = exists().where(StageVisit.deal_id == Deal.id, StageVisit.outcome == VisitOutcome.DUPLICATE)
    return select(Deal.id).where(Deal.merged_into_id.is_(None), stay)


def _deal_of_a_merged_company() -> Select[int]:
    return select(Deal.id).join(Company, Company.id == Deal.company_id).where(Company.merged_into_id.is_not(None))


def _deal_of_a_merged_contact() -> Select[int]:
    parts = select(DealContact.deal_id).join(Contact, Contact.id == DealContact.contact_id)
    return parts.where(Contact.merged_into_id.is_not(None)).distinct()


def _note_of_a_merged_contact() -> Select[int]:
    notes = select(Activity.deal_id).join(Contact, Contact.id == Activity.contact_id)
    return notes.where(Contact.merged_into_id.is_not(None)).distinct()


def _contact_of_a_merged_company() -> Select[int]:
    return select(Contact.id).join(Company, Company.id == Contact.company_id).where(Company.merged_into_id.is_not(None))


def _daughter_of_a_merged_company() -> Select[int]:
    parent = aliased(Company)
    daughters = select(Company.id).join(parent, parent.id == Company.parent_id)
    return daughters.where(parent.merged_into_id.is_not(None), Company.merged_into_id.is_(None))


def _foreign_id_of_a_merged_record() -> Select[int]:
    hidden = [
        and_(ExternalId.entity == entity_type.value, exists().where(_is_merged(table, ExternalId.entity_id)))
        for entity_type, table in _TABLES.items()
    ]
    return select(ExternalId.entity_id).where(or_(*hidden))


def _merged_client_that_search_finds() -> Select[int]:
    hidden = [
        and_(SearchEntry.kind == entity_type.value, exists().where(_is_merged(table, SearchEntry.record_id)))
        for entity_type, table in _TABLES.items()
    ]
    return select(SearchEntry.record_id).where(or_(*hidden))


def _is_merged(table: Any, record_id: Any) -> Any:
    return and_(table.id == record_id, table.merged_into_id.is_not(None))


_TABLES: dict[EntityType, Any] = {EntityType.CONTACT: Contact, EntityType.COMPANY: Company, EntityType.DEAL: Deal}

MERGE_INVARIANTS: dict[str, Callable[[], Select[int]]] = {
    "merged status without a survivor": _merged_status_without_a_survivor,
    "merged contact without its merge": lambda: _merged_without_a_merge_in_force(EntityType.CONTACT, Contact),
    "merged company without its merge": lambda: _merged_without_a_merge_in_force(EntityType.COMPANY, Company),
    "merged deal without its merge": lambda: _merged_without_a_merge_in_force(EntityType.DEAL, Deal),
    "contact merged round in a ring": lambda: _merged_round_in_a_ring(Contact),
    "company merged round in a ring": lambda: _merged_round_in_a_ring(Company),
    "deal merged round in a ring": lambda: _merged_round_in_a_ring(Deal),
    "merged deal with a step or a note": _merged_deal_with_a_step_or_a_note,
    "merged deal that stays somewhere": _merged_deal_that_stays_somewhere,
    "duplicate stay of a living deal": _duplicate_stay_of_a_living_deal,
    "deal of a merged company": _deal_of_a_merged_company,
    "deal of a merged contact": _deal_of_a_merged_contact,
    "note of a merged contact": _note_of_a_merged_contact,
    "contact of a merged company": _contact_of_a_merged_company,
    "daughter of a merged company": _daughter_of_a_merged_company,
    "foreign id of a merged record": _foreign_id_of_a_merged_record,
    "merged record that search finds": _merged_client_that_search_finds,
}
