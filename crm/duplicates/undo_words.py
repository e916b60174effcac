"""What conflicts of an undo say, as people read it: names in place of ids."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.duplicates.merge_values import UndoConflict
from crm.models import Company, Contact, Deal, Stage, User

_NAMED: dict[str, tuple[Any, Any]] = {
    "company_id": (Company.id, Company.name),
    "parent_id": (Company.id, Company.name),
    "contact_id": (Contact.id, Contact.name),
    "deal_id": (Deal.id, Deal.title),
    "owner_id": (User.id, User.name),
    "stage_id": (Stage.id, Stage.name),
}
_FIELDS = {"company_id": "company", "parent_id": "parent", "owner_id": "owner", "amount_minor": "amount"}
_FIELDS |= {"stage_id": "stage", "contact_id": "contact", "deal_id": "deal"}


def readable(session: Session, conflicts: Iterable[UndoConflict]) -> list[UndoConflict]:
    """Return conflicts with names for ids, and fields as forms call them."""
    return [_readable(session, one) for one in conflicts]


def field_of(column: str) -> str:
    """Return what forms call a column."""
    return _FIELDS.get(column, column)


def _readable(session: Session, conflict: UndoConflict) -> UndoConflict:
    column = conflict.field
    if column is None:
        return conflict
    values = [conflict.before, conflict.after, conflict.now]
    if column in _NAMED:
        key, name = _NAMED[column]
        ids = {int(value) for value in values if value is not None}
        names: dict[int, str] = dict(session.execute(select(key, name).where(key.in_(ids))).all())
        values = [None if value is None else names.get(int(value), value) for value in values]
    before, after, now = values
    return dataclasses.replace(conflict, field=field_of(column), before=before, after=after, now=now)
