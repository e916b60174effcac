"""Locking records and all that their merge touches, always in one order: pipelines, deals, contacts, companies.

By id inside each, as the house takes them: so neither two merges nor a merge and a manager wait for each other in a
ring. The records themselves are locked against new references to them; who merges several locks all of them first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, or_, select, union
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.merged import not_found
from crm.auth.visibility import company_visible, contact_visible, deal_visible
from crm.duplicates.pair_states import IN_TURN
from crm.duplicates.row_values import MODELS, Record
from crm.errors import ChangedMeanwhile
from crm.models import Company, Contact, Deal, DealContact, EntityType, MatchPair, Pipeline

_ORDER = (EntityType.DEAL, EntityType.CONTACT, EntityType.COMPANY)
VISIBLE = {EntityType.COMPANY: company_visible, EntityType.CONTACT: contact_visible, EntityType.DEAL: deal_visible}


def take_pair(
    session: Session,
    actor: Actor,
    entity_type: EntityType,
    first: tuple[int, int | None],
    second: tuple[int, int | None],
    *,
    is_held: bool = False,
) -> tuple[Record, Record]:
    """Return two visible records, locked; each is asked for by id and expected version.

    `is_held` says that the caller has locked a whole group with these among it.
    Errors: NotFound; ChangedMeanwhile.
    """
    ids = (first[0], second[0])
    if not is_held:
        hold(session, {entity_type: ids})
    rows = lock_records(session, entity_type, ids)
    model = MODELS[entity_type]
    seen = set(session.scalars(select(model.id).where(model.id.in_(ids), VISIBLE[entity_type](actor))))
    for record_id, version in (first, second):
        if record_id not in seen:
            raise not_found(session, actor, entity_type, record_id)
        if version is not None and rows[record_id].version != version:
            raise ChangedMeanwhile(entity=entity_type, id=record_id, version=rows[record_id].version)
    return rows[first[0]], rows[second[0]]


def hold(session: Session, ids: Mapping[EntityType, Collection[int]]) -> None:
    """Lock records, of several types perhaps, and what stands before them in the order.

    That is the pipelines of deals, the deals of contacts, both deals and contacts of companies. Where deals or contacts
    are asked for by themselves, those around are locked as hard as they: one statement a table keeps the order.
    """
    deals, contacts, companies = (sorted(ids.get(one, ())) for one in _ORDER)
    near_deals: list[Select[int]] = []
    if deals:
        pipelines = select(Deal.pipeline_id).where(Deal.id.in_(deals))
        held = select(Pipeline.id).where(Pipeline.id.in_(pipelines)).order_by(Pipeline.id)
        session.execute(held.with_for_update(read=True, key_share=True)).all()
        near_deals.append(select(Deal.id).where(Deal.id.in_(deals)))
    if contacts:
        near_deals.append(select(DealContact.deal_id).where(DealContact.contact_id.in_(contacts)))
    if companies:
        near_deals.append(select(Deal.id).where(Deal.company_id.in_(companies)))
    _lock(session, Deal, near_deals, is_soft=not deals)
    near_contacts = [select(Contact.id).where(Contact.id.in_(contacts))] if contacts else []
    if companies:
        near_contacts.append(select(Contact.id).where(Contact.company_id.in_(companies)))
    _lock(session, Contact, near_contacts, is_soft=not contacts)
    if companies:
        lock_records(session, EntityType.COMPANY, companies)


def hold_pairs(session: Session, entity_type: EntityType, ids: Collection[int]) -> None:
    """Lock all pairs of records in one order: nobody decides about them, and no scan crosses a merge of several."""
    near = or_(MatchPair.left_id.in_(ids), MatchPair.right_id.in_(ids))
    query = select(MatchPair.id).where(MatchPair.entity_type == entity_type, near).order_by(*IN_TURN)
    session.execute(query.with_for_update()).all()


def lock_records(session: Session, entity_type: EntityType, ids: Collection[int]) -> dict[int, Record]:
    """Lock records of a type by id, hidden ones too, and of companies their daughters; return them as they are now."""
    model: Any = MODELS[entity_type]
    which = model.id.in_(ids)
    if model is Company:
        which = or_(which, Company.parent_id.in_(ids))
    query = select(model).where(which).order_by(model.id).with_for_update()
    rows = session.scalars(query.execution_options(populate_existing=True)).all()
    return {row.id: row for row in rows if row.id in ids}


def _lock(session: Session, model: Any, near: Sequence[Select[int]], *, is_soft: bool) -> None:
    if not near:
        return
    ids = near[0] if len(near) == 1 else union(*near)
    query = select(model.id).where(model.id.in_(ids)).order_by(model.id)
    # Softly is not against new rows that refer to them: a note may be written meanwhile.
    session.execute(query.with_for_update(key_share=is_soft)).all()
