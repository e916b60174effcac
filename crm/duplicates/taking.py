"""Locking two records and all that a merge touches, always in one order: pipelines, deals, contacts, companies.

By id inside each, as the house takes them: so neither two merges nor a merge and a manager wait for each other in a
ring. The two records themselves are locked against new references to them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.merged import not_found
from crm.auth.visibility import company_visible, contact_visible, deal_visible
from crm.duplicates.row_values import MODELS, Record
from crm.errors import ChangedMeanwhile
from crm.models import Company, Contact, Deal, DealContact, EntityType, Pipeline

VISIBLE = {EntityType.COMPANY: company_visible, EntityType.CONTACT: contact_visible, EntityType.DEAL: deal_visible}


def take_pair(
    session: Session,
    actor: Actor,
    entity_type: EntityType,
    first: tuple[int, int | None],
    second: tuple[int, int | None],
) -> tuple[Record, Record]:
    """Return two visible records, locked; each is asked for by id and expected version.

    Errors: NotFound; ChangedMeanwhile.
    """
    ids = (first[0], second[0])
    lock_around(session, entity_type, ids)
    rows = lock_records(session, entity_type, ids)
    model = MODELS[entity_type]
    seen = set(session.scalars(select(model.id).where(model.id.in_(ids), VISIBLE[entity_type](actor))))
    for record_id, version in (first, second):
        if record_id not in seen:
            raise not_found(session, actor, entity_type, record_id)
        if version is not None and rows[record_id].version != version:
            raise ChangedMeanwhile(entity=entity_type, id=record_id, version=rows[record_id].version)
    return rows[first[0]], rows[second[0]]


def lock_around(session: Session, entity_type: EntityType, ids: tuple[int, ...]) -> None:
    """Lock what stands before the records in the order: pipelines of deals, deals of contacts, both of companies."""
    if entity_type is EntityType.DEAL:
        pipelines = select(Deal.pipeline_id).where(Deal.id.in_(ids))
        held = select(Pipeline.id).where(Pipeline.id.in_(pipelines)).order_by(Pipeline.id)
        session.execute(held.with_for_update(read=True, key_share=True)).all()
    elif entity_type is EntityType.CONTACT:
        of_contacts = select(DealContact.deal_id).where(DealContact.contact_id.in_(ids))
        _lock(session, select(Deal.id).where(Deal.id.in_(of_contacts)).order_by(Deal.id))
    else:
        _lock(session, select(Deal.id).where(Deal.company_id.in_(ids)).order_by(Deal.id))
        _lock(session, select(Contact.id).where(Contact.company_id.in_(ids)).order_by(Contact.id))


def lock_records(session: Session, entity_type: EntityType, ids: tuple[int, ...]) -> dict[int, Record]:
    """Lock records of a type by id, hidden ones too, and of companies their daughters; return them as they are now."""
    model: Any = MODELS[entity_type]
    which = model.id.in_(ids)
    if model is Company:
        which = or_(which, Company.parent_id.in_(ids))
    query = select(model).where(which).order_by(model.id).with_for_update()
    rows = session.scalars(query.execution_options(populate_existing=True)).all()
    return {row.id: row for row in rows if row.id in ids}


def _lock(session: Session, query: Any) -> None:
    # Not against new rows that refer to them: a note may be written meanwhile.
    session.execute(query.with_for_update(key_share=True)).all()
