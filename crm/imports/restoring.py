"""Giving changed records back what they were before an import, unless somebody has changed them since."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Date, delete, inspect, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.contacts.search_index import index_records
from crm.db.types import Code, UtcDateTime
from crm.deals.next_steps import refresh_next_due
from crm.deals.paths import retrace_deals
from crm.duplicates.forwarding import lives_on
from crm.duplicates.parents import goes_round
from crm.events import record
from crm.models import (
    Company,
    Contact,
    ContactPoint,
    Deal,
    DealContact,
    ExternalId,
    FieldDefinition,
    NextStep,
    StageVisit,
    User,
)
from crm.models.codes import VisitOutcome

Before = Mapping[str, Any]


def restore_deal(session: Session, actor: Actor, deal_id: int, before: Before) -> bool:
    """Restore a deal's columns, visits, steps and contacts; False where its version has moved on."""
    deal = session.get(Deal, deal_id, populate_existing=True)
    if deal is None or deal.version != before["version"]:
        return False
    added = before["added"]
    session.execute(delete(StageVisit).where(StageVisit.id.in_(added["visits"])))
    session.execute(delete(NextStep).where(NextStep.id.in_(added["steps"])))
    session.execute(delete(DealContact).where(DealContact.id.in_(added["parts"])))
    session.execute(
        update(StageVisit)
        .where(StageVisit.id.in_(before["open_visits"]))
        .values(left_at=None, outcome=VisitOutcome.OPEN, next_stage_id=None)
    )
    for step_id, owner_id, version in before["open_steps"]:
        _reopen_step(session, step_id, owner_id, version)
    _restore_columns(session, deal, before)
    deal.version -= 1
    if "status" in before["columns"] or added["steps"]:
        refresh_next_due(session, deal)
    retrace_deals(session, [deal_id])
    index_records(session, "deal", [deal_id])
    record(session, actor, "deal.restored", "deal", deal_id)
    return True


def restore_company(session: Session, actor: Actor, company_id: int, before: Before) -> bool:
    """Restore a company's columns and points; False where its version has moved on."""
    return _restore_client(session, actor, Company, "company", company_id, before)


def restore_contact(session: Session, actor: Actor, contact_id: int, before: Before) -> bool:
    """Restore a person's columns and points; False where the version has moved on."""
    return _restore_client(session, actor, Contact, "contact", contact_id, before)


def restore_user(session: Session, actor: Actor, user_id: int, before: Before) -> bool:
    """Take a person out of the team the import put them into; False where the account has changed since."""
    user = session.get(User, user_id, populate_existing=True)
    if user is None or user.version != before["version"]:
        return False
    _restore_columns(session, user, before)
    user.version -= 1
    record(session, actor, "user.restored", "user", user_id)
    return True


def restore_field(session: Session, actor: Actor, field_id: int, before: Before) -> bool:
    """Give a choice field its former values; False where somebody has changed them since."""
    field = session.get(FieldDefinition, field_id, populate_existing=True)
    if field is None or field.options != before["after"]["options"]:
        return False
    field.options = before["columns"]["options"]
    record(session, actor, "field.restored", "field", field_id, name=field.name)
    return True


RESTORERS: Mapping[str, Callable[[Session, Actor, int, Before], bool]] = {
    "deal": restore_deal,
    "contact": restore_contact,
    "company": restore_company,
    "field": restore_field,
    "user": restore_user,
}


def _restore_client(
    session: Session, actor: Actor, model: type[Any], entity: str, client_id: int, before: Before
) -> bool:
    row = session.get(model, client_id, populate_existing=True)
    if row is None or row.version != before["version"]:
        return False
    session.execute(delete(ContactPoint).where(ContactPoint.id.in_(before.get("points", []))))
    session.execute(delete(ExternalId).where(ExternalId.id.in_(before.get("external_ids", []))))
    _restore_columns(session, row, before)
    row.version -= 1
    session.flush()
    index_records(session, entity, [client_id])
    record(session, actor, f"{entity}.restored", entity, client_id)
    return True


def _reopen_step(session: Session, step_id: int, owner_id: int, version: int) -> None:
    step = session.get(NextStep, step_id, populate_existing=True)
    if step is None:
        return
    if step.done_at is not None and step.version == version + 1:  # cancelled by the import and left so
        step.done_at = step.done_by = step.result = step.result_text = None
        step.version = version
    step.owner_id = owner_id
    session.flush()


def _restore_columns(session: Session, row: Any, before: Before) -> None:
    columns = inspect(type(row)).columns
    for name, value in before["columns"].items():
        living = lives_on(session, type(row).__tablename__, row.id, name, _typed(columns[name].type, value))
        if isinstance(row, Company) and name == "parent_id" and goes_round(session, living, {row.id}):
            living = None  # the former parent has become one with the company, or with a daughter of it
        setattr(row, name, living)


def _typed(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, UtcDateTime):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(kind, Code):
        return kind.enum(value)
    return date.fromisoformat(value) if isinstance(kind, Date) else value
