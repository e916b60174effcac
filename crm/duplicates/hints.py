"""Telling while one types who is like the typed client already."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.duplicates.pair_values import Hint
from crm.matching.values import RawRecord
from crm.models import EntityType

HINTS_SHOWN = 5


def hint(session: Session, actor: Actor, entity_type: EntityType, raw: RawRecord) -> tuple[Hint, ...]:
    """Return at most five people and companies like the typed one, visible ones first, the likeliest first.

    A typed phone, mailbox or taxpayer number that a record has is told always; names alone only of visible records.
    """
    raise NotImplementedError
