"""Short lists of clients to choose from while a deal is being edited."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.visibility import company_visible, contact_visible
from crm.contacts.search import search
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
    newest = session.execute(query.order_by(Company.id.desc()).limit(CHOICES_SHOWN)).all()
    return dict(chosen) | dict(newest)


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
    newest = query.order_by(Contact.id.desc()).limit(CHOICES_SHOWN)
    return chosen | dict(session.execute(newest).all())
