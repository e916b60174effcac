"""The history of merges: what was put into what, by whom, and what was taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.merged import living_id
from crm.auth.permissions import Action, require
from crm.auth.visibility import company_in_view, contact_in_view, owner_visible
from crm.duplicates.merge_values import MergeInfo
from crm.duplicates.merging import record_name
from crm.duplicates.pairs import record_number
from crm.duplicates.row_values import MODELS
from crm.errors import NotFound
from crm.models import Company, Contact, Deal, EntityType, Merge, User


def list_merges(
    session: Session,
    actor: Actor,
    *,
    entity_type: EntityType | None = None,
    batch_id: int | None = None,
    text: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> tuple[MergeInfo, ...]:
    """Return merges into records that the actor sees, the newest first; `before` is the id of the last one seen.

    `text` is a part of the name, or the number, of one of the two.

    Errors: Forbidden.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    query = select(Merge).order_by(Merge.id.desc()).limit(limit)
    if actor.visible_owner_ids is not None:
        query = query.where(_in_view(actor))
    if entity_type is not None:
        query = query.where(Merge.entity_type == entity_type)
    if batch_id is not None:
        query = query.where(Merge.batch_id == batch_id)
    if text is not None and text.strip():
        query = query.where(_mentions(text.strip()))
    if before is not None:
        query = query.where(Merge.id < before)
    return tuple(infos(session, session.scalars(query).all()))


def take_merge(session: Session, actor: Actor, merge_id: int) -> Merge:
    """Return a merge that the actor may look at.

    Errors: NotFound.
    """
    found = session.execute(select(Merge.entity_type, Merge.survivor_id).where(Merge.id == merge_id)).one_or_none()
    if found is None or not in_view(session, actor, *found):
        raise NotFound(entity="merge", id=merge_id)
    return session.get_one(Merge, merge_id, populate_existing=True)


def in_view(session: Session, actor: Actor, entity_type: EntityType, survivor_id: int) -> bool:
    """Tell whether the record that a merge led to, wherever it lives now, is within the actor's sight."""
    if actor.visible_owner_ids is None:
        return True
    living = living_id(session, entity_type, survivor_id)
    model = MODELS[entity_type]
    return bool(session.scalar(select(exists().where(model.id == living, _sight(actor, entity_type)))))


def infos(session: Session, merges: Sequence[Merge]) -> list[MergeInfo]:
    """Return merges as lists show them."""
    people = {one for merge in merges for one in (merge.actor_id, merge.undone_by) if one is not None}
    names: dict[int, str] = {}
    if people:
        names = dict(session.execute(select(User.id, User.name).where(User.id.in_(people))).all())
    titles = {(entity_type, one.id): record_name(one) for entity_type, one in _records(session, merges)}

    def name(merge: Merge, record_id: int) -> str:
        return titles.get((merge.entity_type, record_id), f"#{record_id}")

    return [
        MergeInfo(
            id=one.id,
            entity_type=one.entity_type,
            survivor_id=one.survivor_id,
            survivor_name=name(one, one.survivor_id),
            merged_id=one.merged_id,
            merged_name=name(one, one.merged_id),
            at=one.at,
            actor_name=names.get(one.actor_id or 0),
            batch_id=one.batch_id,
            pair_id=one.pair_id,
            undone_at=one.undone_at,
            undone_by=names.get(one.undone_by or 0),
        )
        for one in merges
    ]


def _records(session: Session, merges: Sequence[Merge]) -> list[tuple[EntityType, Any]]:
    found: list[tuple[EntityType, Any]] = []
    for entity_type, model in MODELS.items():
        ids = {i for one in merges if one.entity_type is entity_type for i in (one.survivor_id, one.merged_id)}
        if ids:
            table: Any = model
            found += [(entity_type, row) for row in session.scalars(select(table).where(table.id.in_(ids)))]
    return found


def _sight(actor: Actor, entity_type: EntityType) -> ColumnElement[bool]:
    if entity_type is EntityType.COMPANY:
        return company_in_view(actor)
    return contact_in_view(actor) if entity_type is EntityType.CONTACT else owner_visible(actor, Deal.owner_id)


def _mentions(text: str) -> ColumnElement[bool]:
    """Return the condition that a merge is of a record so named or numbered."""
    # Dropped records are out of the search index; SQLite folds the case of Latin letters only.
    spellings = sorted({text, text.lower(), text.upper(), text.title(), text.capitalize()})
    found: list[ColumnElement[bool]] = []
    for entity_type, model in MODELS.items():
        table: Any = model
        name = table.title if model is Deal else table.name
        named = exists().where(
            table.id.in_((Merge.merged_id, Merge.survivor_id)),
            or_(*(name.contains(one, autoescape=True) for one in spellings)),
        )
        found.append(and_(Merge.entity_type == entity_type, named.correlate(Merge)))
    number = record_number(text)
    if number is not None:
        found.append(or_(Merge.merged_id == number, Merge.survivor_id == number))
    return or_(*found)


def _in_view(actor: Actor) -> ColumnElement[bool]:
    of_types = [
        and_(
            Merge.entity_type == entity_type,
            exists().where(model.id == Merge.survivor_id, _sight(actor, entity_type)).correlate(Merge),
        )
        for entity_type, model in (
            (EntityType.COMPANY, Company),
            (EntityType.CONTACT, Contact),
            (EntityType.DEAL, Deal),
        )
    ]
    return or_(*of_types)
