"""Reading the journal: who changed what, when and through which channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select, true
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.auth.visibility import company_in_view, contact_in_view, owner_visible
from crm.models import Channel, Company, Contact, Deal, Event, User

_CLIENTS = ("company", "contact")


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """Which events are wanted; None asks for any. `record` is an entity and an id; a deal brings its whole timeline."""

    person_id: int | None = None
    kinds: frozenset[str] | None = None
    record: tuple[str, int] | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One event; `person` is None for the program itself."""

    id: int
    at: datetime
    person: str | None
    channel: Channel
    kind: str
    entity: str
    entity_id: int | None
    deal_id: int | None
    details: Mapping[str, Any]

    @property
    def changes(self) -> dict[str, tuple[Any, Any]]:
        """Return the old and the new value by field, empty where the event changed none."""
        found = self.details.get("changes") or {}
        return {str(field): (pair[0], pair[1]) for field, pair in found.items()}


@dataclass(frozen=True, slots=True)
class JournalPage:
    """A page of events, newest first; `next_before_id` asks for the page after it, None at the end."""

    rows: tuple[JournalRow, ...]
    next_before_id: int | None


def load_journal(
    session: Session, actor: Actor, wanted: JournalFilter, *, before_id: int | None = None, limit: int = 50
) -> JournalPage:
    """Return the newest wanted events before `before_id`.

    Who doesn't see everything gets the events of records they see now, and the other doings of their people.
    Errors: Forbidden.
    """
    require(actor, Action.SEE_AUDIT)
    query = (
        select(
            Event.id, Event.at, User.name, Event.channel, Event.kind, Event.entity, Event.entity_id, Event.deal_id,
            Event.details,
        )
        .outerjoin(User, User.id == Event.actor_id)
        .where(_visible(actor), *_conditions(wanted))
        .order_by(Event.id.desc())
        .limit(limit + 1)
    )  # fmt: skip
    if before_id is not None:
        query = query.where(Event.id < before_id)
    rows = tuple(JournalRow(*row) for row in session.execute(query))
    return JournalPage(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def _conditions(wanted: JournalFilter) -> list[ColumnElement[bool]]:
    conditions = []
    if wanted.person_id is not None:
        conditions.append(Event.actor_id == wanted.person_id)
    if wanted.kinds is not None:
        conditions.append(Event.kind.in_(wanted.kinds))
    if wanted.since is not None:
        conditions.append(Event.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(Event.at < wanted.until)
    if wanted.record is not None:
        entity, entity_id = wanted.record
        conditions.append(
            Event.deal_id == entity_id if entity == "deal" else _is_of(entity, Event.entity_id == entity_id)
        )
    return conditions


def _visible(actor: Actor) -> ColumnElement[bool]:
    people = actor.visible_owner_ids
    if people is None:
        return true()
    own = or_(Event.actor_id.in_(people), _is_of("user", Event.entity_id.in_(people)))
    return or_(
        exists().where(Deal.id == Event.deal_id, owner_visible(actor, Deal.owner_id)),
        _is_of("company", exists().where(Company.id == Event.entity_id, company_in_view(actor))),
        _is_of("contact", exists().where(Contact.id == Event.entity_id, contact_in_view(actor))),
        and_(Event.deal_id.is_(None), Event.entity.not_in(("deal", *_CLIENTS)), own),
    )


def _is_of(entity: str, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(Event.deal_id.is_(None), Event.entity == entity, condition)
