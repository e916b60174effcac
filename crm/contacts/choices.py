"""Short lists of clients to choose from while a deal is being edited."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.visibility import company_visible, contact_visible
from crm.contacts.search import find_entries, search
from crm.contacts.search_query import Query
from crm.models import Company, Contact

CHOICES_SHOWN = 50


def company_choices(session: Session, actor: Actor, *, keep: Iterable[int] = (), text: str = "") -> dict[int, str]:
    """Return names of companies by id: those kept, then those found by the text, or the newest without one."""
    kept = {company_id for company_id in keep if company_id}
    query = select(Company.id, Company.name).where(company_visible(actor))
    chosen = session.execute(query.where(Company.id.in_(kept))).all() if kept else []
    if text.strip():
        hits = search(session, actor, text, limit=CHOICES_SHOWN, kinds=("company",))
        return dict(chosen) | {hit.record_id: hit.title for hit in hits}
    newest = session.execute(
        query.where(Company.id.in_(_newest(session, actor, "company"))).order_by(Company.id.desc())
    )
    return dict(chosen) | dict(newest.all())


def contact_choices(
    session: Session, actor: Actor, *, keep: Iterable[int] = (), company_id: int | None = None, text: str = ""
) -> dict[int, str]:
    """Return names of contacts by id: those kept, the company's, then those found by the text or the newest."""
    kept = {contact_id for contact_id in keep if contact_id}
    query = select(Contact.id, Contact.name).where(contact_visible(actor))
    chosen = dict(session.execute(query.where(Contact.id.in_(kept))).all()) if kept else {}
    if company_id is not None:
        of_company = query.where(Contact.company_id == company_id).order_by(Contact.id).limit(CHOICES_SHOWN)
        chosen |= dict(session.execute(of_company).all())
    if text.strip():
        hits = search(session, actor, text, limit=CHOICES_SHOWN, kinds=("contact",))
        return chosen | {hit.record_id: hit.title for hit in hits}
    newest = query.where(Contact.id.in_(_newest(session, actor, "contact"))).order_by(Contact.id.desc())
    return chosen | dict(session.execute(newest).all())


def _newest(session: Session, actor: Actor, kind: str) -> list[int]:
    # By the search index: a walk over the table would look long for the few that a manager sees.
    return [entry.record_id for entry in find_entries(session, actor, Query(), (kind,), CHOICES_SHOWN)]
