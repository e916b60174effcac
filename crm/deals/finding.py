"""Finding deals by a text: the condition that lists and the board share."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select, union
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.contacts.search import matching_records
from crm.models import Deal, DealContact


def text_condition(session: Session, actor: Actor, text: str) -> ColumnElement[bool]:
    """Return the condition for deals found by their own words or by those of their company or contacts."""
    # Unless told so, SQLite would ask the search index once for each kind.
    hits = matching_records(session, actor, text).cte("hits").prefix_with("MATERIALIZED")
    deals, companies, contacts = (
        select(hits.c.record_id).where(hits.c.kind == kind) for kind in ("deal", "company", "contact")
    )
    of_companies = select(Deal.id).where(Deal.company_id.in_(companies))
    of_people = select(DealContact.deal_id).where(DealContact.contact_id.in_(contacts))
    return Deal.id.in_(union(deals, of_companies, of_people))
