"""Writing given values onto a deal and telling what changed; the ground of create, edit and move."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import Enum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.contacts.search_index import index_records
from crm.deals.fields import filled_keys, replace_contacts, stored_custom, value_violations
from crm.deals.values import DealChanges
from crm.errors import Violation, refuse_if_any
from crm.models import Deal, DealContact, DealStatus
from crm.pipelines.values import PipelineInfo
from crm.typed_text import clean_line

_PLAIN_TEXTS = frozenset({"title", "source", "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"})


def apply_changes(
    session: Session, actor: Actor, deal: Deal, pipeline: PipelineInfo, changes: DealChanges
) -> dict[str, Any]:
    """Write the given values and return {field: [old, new]} of those that differ, as JSON values.

    Errors: InvalidInput with every wrong value.
    """
    given = changes.given()
    refuse_if_any(value_violations(session, actor, given, pipeline.fields, deal.custom))
    changed: dict[str, Any] = {}
    if "custom" in given:
        changed |= _apply_custom(deal, given.pop("custom"))
    if "contacts" in given:
        changed |= _apply_contacts(session, deal, given.pop("contacts"))
    for name, value in given.items():
        stored = (clean_line(value) or None) if name in _PLAIN_TEXTS and value is not None else value
        before = getattr(deal, name)
        if stored != before:
            setattr(deal, name, stored)
            changed[name] = [_json(before), _json(stored)]
    session.flush()
    if {"title", "company_id", "contacts"} & changed.keys():
        index_records(session, "deal", [deal.id])
    return changed


def present_keys(session: Session, deal: Deal) -> frozenset[str]:
    """Return the keys of the deal's filled fields."""
    count = session.scalar(select(func.count()).where(DealContact.deal_id == deal.id)) or 0
    return filled_keys(deal, count)


def emptied_required(
    deal: Deal, pipeline: PipelineInfo, before: frozenset[str], after: frozenset[str]
) -> list[Violation]:
    """Return a violation for each field that must stay filled and would be emptied: of the stage, the amount of a win.

    Fields that were empty before stay allowed: a rule made later must not freeze old deals.
    """
    if deal.status is DealStatus.WON and "amount" in before - after:
        return [Violation("amount_not_positive", "amount")]
    stage = pipeline.stage(deal.stage_id)
    if stage is None or deal.status is not DealStatus.OPEN:
        return []
    lost = [key for key in stage.required if key in before and key not in after]
    return [Violation("field_needed_here", key, {"stage": stage.name}) for key in lost]


def _apply_custom(deal: Deal, given: Mapping[int, Any]) -> dict[str, Any]:
    before, after = dict(deal.custom), stored_custom(deal.custom, given)
    deal.custom = after
    names = sorted(set(before) | set(after))
    return {
        f"field:{name}": [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)
    }


def _apply_contacts(session: Session, deal: Deal, parts: Any) -> dict[str, Any]:
    before = _contact_roles(session, deal.id)
    replace_contacts(session, deal.id, parts)
    after = _contact_roles(session, deal.id)
    changed: dict[str, Any] = {}
    if list(before) != list(after):
        changed["contacts"] = [list(before), list(after)]
    if [(one, before[one]) for one in before if one in after] != [(one, after[one]) for one in before if one in after]:
        changed["contact_roles"] = [list(before.values()), list(after.values())]
    return changed


def _contact_roles(session: Session, deal_id: int) -> dict[int, str | None]:
    query = select(DealContact.contact_id, DealContact.role).where(DealContact.deal_id == deal_id)
    return dict(session.execute(query.order_by(DealContact.position)).all())


def _json(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, date) else value
