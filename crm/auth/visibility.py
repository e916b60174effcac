"""Conditions that keep every read inside what the actor may see."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute

from crm.actor import Actor
from crm.models import Company, Contact, Deal, DealContact, DealStatus, LinkRun, Pipeline


def owner_visible(actor: Actor, owner_column: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Return the condition that a record's owner is visible to the actor."""
    if actor.visible_owner_ids is None:
        return true()
    return owner_column.in_(sorted(actor.visible_owner_ids))


def deal_visible(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for deals the actor may see: removed ones nobody does.

    Where a query asks for a status anyway, `owner_visible` alone lets it stay inside the index of open deals.
    """
    return and_(owner_visible(actor, Deal.owner_id), deal_in_use())


def deal_in_use() -> ColumnElement[bool]:
    """Return the condition for deals that were neither removed nor merged into another."""
    return Deal.status < DealStatus.REMOVED


def firing_visible(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for firings of links: those of visible deals."""
    if actor.visible_owner_ids is not None:
        return exists().where(Deal.id == LinkRun.deal_id, deal_visible(actor))
    # Who sees all needs no look at each deal: those out of use are few, and an index has them by pipeline.
    hidden = Deal.status.in_((DealStatus.REMOVED, DealStatus.MERGED))
    out = select(Deal.id).where(Deal.pipeline_id.in_(select(Pipeline.id)), hidden)
    return LinkRun.deal_id.not_in(out)


def company_visible(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for companies: own ones, and those of a visible deal; merged ones nobody sees."""
    living = Company.merged_into_id.is_(None)
    return living if actor.visible_owner_ids is None else and_(living, company_in_view(actor))


def contact_visible(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for contacts: own ones, and those taking part in a visible deal; merged ones nobody sees."""
    living = Contact.merged_into_id.is_(None)
    return living if actor.visible_owner_ids is None else and_(living, contact_in_view(actor))


def company_in_view(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for companies within the actor's sight, merged ones too: for history alone."""
    if actor.visible_owner_ids is None:
        return true()
    of_deal = exists().where(Deal.company_id == Company.id, deal_visible(actor))
    return or_(owner_visible(actor, Company.owner_id), of_deal)


def contact_in_view(actor: Actor) -> ColumnElement[bool]:
    """Return the condition for contacts within the actor's sight, merged ones too: for history alone."""
    if actor.visible_owner_ids is None:
        return true()
    of_deal = exists().where(DealContact.contact_id == Contact.id, Deal.id == DealContact.deal_id, deal_visible(actor))
    return or_(owner_visible(actor, Contact.owner_id), of_deal)
