"""Where a record that was merged into another one lives on."""

from __future__ import annotations

from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.visibility import company_visible, contact_visible, deal_visible
from crm.errors import NotFound
from crm.models import Company, Contact, Deal, EntityType, User

_TABLES: dict[str, Any] = {EntityType.CONTACT: Contact, EntityType.COMPANY: Company, EntityType.DEAL: Deal}
_VISIBLE: dict[str, Any] = {
    EntityType.CONTACT: contact_visible,
    EntityType.COMPANY: company_visible,
    EntityType.DEAL: deal_visible,
}


def living_id(session: Session, entity_type: str, record_id: int) -> int:
    """Return the id of the record that a merged one lives on in, at the end of any chain; its own where it lives."""
    table = _TABLES[entity_type]
    chain = select(table.id, table.merged_into_id).where(table.id == record_id).cte("merged_chain", recursive=True)
    chain = chain.union(select(table.id, table.merged_into_id).where(table.id == chain.c.merged_into_id))
    return session.scalar(select(chain.c.id).where(chain.c.merged_into_id.is_(None))) or record_id


def survivor_of(session: Session, actor: Actor, entity_type: str, record_id: int) -> int | None:
    """Return the visible record that a merged one lives on in; None for one that isn't merged, or is out of view."""
    found = living_id(session, entity_type, record_id)
    if found == record_id:
        return None
    visible = exists().where(_TABLES[entity_type].id == found, _VISIBLE[entity_type](actor))
    return found if session.scalar(select(visible)) else None


def not_found(session: Session, actor: Actor, entity_type: str, record_id: int) -> NotFound:
    """Return the error for a record that isn't there; `merged_into` says where a merged one lives on.

    Whoever saw the merged record hears so of a survivor out of view as well: its number and whose it is, no more.
    """
    survivor_id = survivor_of(session, actor, entity_type, record_id)
    if survivor_id is not None:
        return NotFound(entity=entity_type, id=record_id, merged_into=survivor_id)
    table, living = _TABLES[entity_type], living_id(session, entity_type, record_id)
    former: int | None = session.scalar(select(table.owner_id).where(table.id == record_id, table.id != living))
    if former is not None and actor.sees_owner(former):
        owner = session.scalar(select(User.name).join(table, table.owner_id == User.id).where(table.id == living))
        return NotFound("merged_out_of_view", entity=entity_type, id=record_id, living_id=living, owner=owner)
    return NotFound(entity=entity_type, id=record_id)
