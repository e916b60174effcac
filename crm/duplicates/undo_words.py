"""What conflicts of an undo say, as people read it: names in place of ids, but numbers of what they may not see."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.visibility import company_in_view, contact_in_view, owner_visible
from crm.duplicates.merge_values import UndoConflict
from crm.models import Company, Contact, Deal, Stage, User

_NAMED: dict[str, tuple[Any, Any, Callable[[Actor], ColumnElement[bool]]]] = {
    "company_id": (Company.id, Company.name, company_in_view),
    "parent_id": (Company.id, Company.name, company_in_view),
    "contact_id": (Contact.id, Contact.name, contact_in_view),
    "deal_id": (Deal.id, Deal.title, lambda reader: owner_visible(reader, Deal.owner_id)),
    "owner_id": (User.id, User.name, lambda _reader: true()),
    "stage_id": (Stage.id, Stage.name, lambda _reader: true()),
}
_FIELDS = {"company_id": "company", "parent_id": "parent", "owner_id": "owner", "amount_minor": "amount"}
_FIELDS |= {"stage_id": "stage", "contact_id": "contact", "deal_id": "deal"}


def readable(session: Session, reader: Actor, conflicts: Iterable[UndoConflict]) -> list[UndoConflict]:
    """Return conflicts with names for ids, and fields as forms call them; what is out of sight keeps its number."""
    return [_readable(session, reader, one) for one in conflicts]


def field_of(column: str) -> str:
    """Return what forms call a column."""
    return _FIELDS.get(column, column)


def _readable(session: Session, reader: Actor, conflict: UndoConflict) -> UndoConflict:
    column = conflict.field
    if column is None:
        return conflict
    values = [conflict.before, conflict.after, conflict.now]
    if column in _NAMED:
        key, name, in_sight = _NAMED[column]
        ids = {int(value) for value in values if value is not None}
        names: dict[int, str] = dict(session.execute(select(key, name).where(key.in_(ids), in_sight(reader))).all())
        values = [None if value is None else names.get(int(value), f"#{value}") for value in values]
    before, after, now = values
    return dataclasses.replace(conflict, field=field_of(column), before=before, after=after, now=now)
