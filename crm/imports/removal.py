"""Removing what an import created, in bulk; what others still use stays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Table, delete, or_, select, update
from sqlalchemy.orm import Session

from crm.contacts.search_index import forget_records, index_records
from crm.duplicates.forgetting import forget_decisions
from crm.imports.clients_known import in_turn
from crm.models import (
    Base,
    Company,
    Contact,
    Deal,
    DealContact,
    EntityType,
    Event,
    ExternalId,
    FieldDefinition,
    LossReason,
    Pipeline,
    PipelineLink,
    Stage,
    Target,
    Team,
    TrustDay,
    User,
)
from crm.models.codes import Channel

_MODELS: Mapping[str, Any] = {
    "target": Target,
    "deal": Deal,
    "contact": Contact,
    "company": Company,
    "link": PipelineLink,
    "loss_reason": LossReason,
    "pipeline": Pipeline,
    "field": FieldDefinition,
    "user": User,
    "team": Team,
}
# Deals stand on clients and links, links on pipelines, clients on people: nothing goes before what stands on it.
ORDER = tuple(_MODELS)
_WOKEN = or_(User.version != 1, User.is_active, User.password_hash.is_not(None), User.oidc_subject.is_not(None))
_CHANGED: Mapping[str, Any] = {
    "deal": Deal.version != 1,
    "contact": Contact.version != 1,
    "company": Company.version != 1,
    "link": PipelineLink.version != 1,
    "pipeline": Pipeline.version != 1,
    "user": _WOKEN,
}


def changed_since(session: Session, entity: str, ids: Sequence[int]) -> set[int]:
    """Return which of the records an import created somebody has changed by another way than an import."""
    changed: set[int] = set()
    for some in in_turn(ids):
        if entity == "deal":
            by_people = select(Event.deal_id).where(Event.deal_id.in_(some))
        else:
            by_people = select(Event.entity_id).where(Event.entity == entity, Event.entity_id.in_(some))
        changed |= {one for one in session.scalars(by_people.where(Event.channel != Channel.IMPORT)) if one}
        if entity in _CHANGED:
            model = _MODELS[entity]
            changed |= set(session.scalars(select(model.id).where(model.id.in_(some), _CHANGED[entity])))
    return changed


def remove_records(session: Session, entity: str, ids: Sequence[int]) -> set[int]:
    """Remove records with all that belongs to them, but for those that others use; return which went."""
    if entity == "pipeline":
        return _remove_pipelines(session, ids)
    model = _MODELS[entity]
    gone = set(ids) - used(session, entity, ids)
    if entity == "field":
        gone = {one for one in gone if session.scalar(select(Deal.id).where(_has_value(one)).limit(1)) is None}
    clients = _clients_of(session, sorted(gone)) if entity == "deal" else {}
    for column in _references(model.__table__):
        if column.table is model.__table__:
            _empty(session, model, column, sorted(gone))
    if entity == "user":
        _forget_days(session, TrustDay.owner_id, sorted(gone))
    for some in in_turn(sorted(gone)):
        foreign = delete(ExternalId).where(ExternalId.entity == entity, ExternalId.entity_id.in_(some))
        session.execute(foreign)
        session.execute(delete(model).where(model.id.in_(some)).execution_options(synchronize_session=False))
    if entity in {"deal", "contact", "company"}:
        forget_records(session, entity, gone)
        for some in in_turn(sorted(gone)):
            forget_decisions(session, EntityType(entity), some)
    for kind, client_ids in clients.items():
        index_records(session, kind, client_ids)  # they lose the marks of these deals' owners
    return gone


def used(session: Session, entity: str, ids: Collection[int]) -> set[int]:
    """Return the ids that rows outside the given ones refer to; rows that go with their record don't count."""
    found: set[int] = set()
    left = set(ids)
    columns = _references(_MODELS[entity].__table__)
    while left:
        more = {one for column in columns for one in _referred(session, column, left, own=_MODELS[entity].__table__)}
        if not more:
            break
        found |= more
        left -= more  # what stays may use others of the same kind
    return found


def _remove_pipelines(session: Session, ids: Sequence[int]) -> set[int]:
    gone: set[int] = set()
    for pipeline_id in ids:
        stages = list(session.scalars(select(Stage.id).where(Stage.pipeline_id == pipeline_id)))
        of_pipeline = [column for column in _references(_table(Pipeline)) if column.table is not _table(Stage)]
        keys = [(column, [pipeline_id]) for column in of_pipeline]
        keys += [(column, stages) for column in _references(_table(Stage))]
        if not any(_referred(session, column, some, own=_table(Stage)) for column, some in keys):
            _forget_days(session, TrustDay.pipeline_id, [pipeline_id])
            session.execute(delete(Stage).where(Stage.pipeline_id == pipeline_id))
            session.execute(delete(Pipeline).where(Pipeline.id == pipeline_id))
            gone.add(pipeline_id)
    return gone


def _references(table: Table) -> list[Column[Any]]:
    """Return the columns that refer to a table, but for those that go or are emptied with its rows."""
    return [
        key.parent
        for other in Base.metadata.sorted_tables
        if other is not _table(TrustDay)  # what each night's count says of a record is no use of it
        for key in other.foreign_keys
        if key.column.table is table and key.ondelete is None
    ]


def _referred(session: Session, column: Column[Any], ids: Collection[int], *, own: Table) -> set[int]:
    found: set[int] = set()
    for some in in_turn(sorted(ids)):
        if column.table is own:
            rows = session.execute(select(own.c.id, column).where(column.in_(some)))
            found |= {target for row_id, target in rows if row_id not in ids}
        else:
            found |= set(session.scalars(select(column).where(column.in_(some)).distinct()))
    return found


def _empty(session: Session, model: Any, column: Column[Any], ids: Sequence[int]) -> None:
    for some in in_turn(ids):
        session.execute(
            update(model)
            .where(model.id.in_(some), column.is_not(None))
            .values({column.name: None})
            .execution_options(synchronize_session=False)
        )


def _forget_days(session: Session, column: Any, ids: Sequence[int]) -> None:
    for some in in_turn(ids):
        session.execute(delete(TrustDay).where(column.in_(some)))


def _clients_of(session: Session, deal_ids: Sequence[int]) -> dict[str, list[int]]:
    companies: set[int] = set()
    contacts: set[int] = set()
    for some in in_turn(deal_ids):
        with_company = select(Deal.company_id).where(Deal.id.in_(some), Deal.company_id.is_not(None))
        companies |= {one for one in session.scalars(with_company.distinct()) if one}
        parts = select(DealContact.contact_id).where(DealContact.deal_id.in_(some)).distinct()
        contacts |= set(session.scalars(parts))
    return {"company": sorted(companies), "contact": sorted(contacts)}


def _has_value(field_id: int) -> Any:
    return Deal.custom[str(field_id)].as_string().is_not(None)


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table
