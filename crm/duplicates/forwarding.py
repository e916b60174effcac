"""Former values that point to a record merged meanwhile: they follow it, and its merges are told so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.duplicates.references import REFERENCES
from crm.duplicates.row_values import MODELS
from crm.models import EntityType, Merge

_TARGETS = {(one.table, one.column): one.target for one in REFERENCES}


def lives_on(session: Session, table: str, row_id: int, column: str, value: Any) -> Any:
    """Return a former value of a row's column; one that points to a merged record points to where it lives on.

    The merges that it passed are told of this row, as if it had been there: their undo takes it along. The living
    record stays living until the transaction ends.
    """
    target = _TARGETS.get((table, column))
    if target is None or value is None or column == "merged_into_id":
        return value
    is_first = True
    while True:
        living = value
        for passed in _passed(session, target, value):
            entry = {"table": table, "column": column, "from": passed.merged_id, "to": passed.survivor_id}
            passed.moved = [*passed.moved, {**entry, "ids": [row_id]}]
            living = passed.survivor_id
        # Merged while it was waited for: on to the next. One whose merge is just being undone has no next.
        if _is_held(session, target, living) or (living == value and not is_first):
            return living
        value, is_first = living, False


def _passed(session: Session, entity_type: EntityType, record_id: int) -> Iterator[Merge]:
    while True:
        query = select(Merge).filter_by(entity_type=entity_type, merged_id=record_id, undone_at=None)
        merge = session.scalars(query).one_or_none()
        if merge is None:
            return
        yield merge
        record_id = merge.survivor_id


def _is_held(session: Session, entity_type: EntityType, record_id: int) -> bool:
    model: Any = MODELS[entity_type]
    query = select(model.merged_into_id).where(model.id == record_id).with_for_update(read=True, key_share=True)
    found = session.execute(query).one_or_none()
    return found is None or found.merged_into_id is None
