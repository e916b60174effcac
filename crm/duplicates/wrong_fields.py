"""Phones, mailboxes and taxpayer numbers that stand in a field for names, and putting them where they belong."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.models import EntityType

PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class WrongField:
    """A value in the wrong field: `kind` (phone, email, inn) found in `field` (name, position, title)."""

    id: int
    entity_type: EntityType
    entity_id: int
    name: str  # the record's, with the value still in it
    owner_name: str
    field: str
    kind: str
    value: str  # normalised
    cleaned: str  # what the field holds once the value is moved


@dataclass(frozen=True, slots=True)
class WrongFieldPage:
    """Findings, the newest first; `next_page` goes into the next call, None on the last."""

    rows: tuple[WrongField, ...]
    next_page: int | None


def list_wrong_fields(
    session: Session,
    actor: Actor,
    *,
    entity_type: EntityType | None = None,
    after: int | None = None,
    limit: int = PAGE_ROWS,
) -> WrongFieldPage:
    """Return visible findings, the newest first."""
    raise NotImplementedError


def wrong_field_count(session: Session, actor: Actor) -> int:
    """Count visible findings, up to a limit."""
    raise NotImplementedError


def move_to_field(session: Session, actor: Actor, *, finding_id: int) -> None:
    """Put a value where it belongs (a phone of a deal's title to its main contact) and clean the field it stood in.

    Errors: Forbidden; NotFound; InvalidInput for a deal without a contact.
    """
    require(actor, Action.WORK_CLIENTS)
    raise NotImplementedError
