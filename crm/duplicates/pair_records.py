"""The records of pairs: which the actor sees, how they are named, what their open deals are worth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, exists, func, or_, select, union, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.actor import Actor
from crm.auth.visibility import company_visible, contact_visible, deal_in_use, deal_visible, owner_visible
from crm.duplicates.pair_values import RecordBrief
from crm.models import (
    Company,
    Contact,
    ContactPoint,
    Deal,
    DealContact,
    DealStatus,
    EntityType,
    MatchPair,
    PairState,
    Pipeline,
    PointKind,
    Stage,
    User,
    Workspace,
)

TABLES: Mapping[EntityType, type[Contact] | type[Company] | type[Deal]] = {
    EntityType.CONTACT: Contact,
    EntityType.COMPANY: Company,
    EntityType.DEAL: Deal,
}
_FEW = 2_000  # records of a kind
_Ids = InstrumentedAttribute[int]


@dataclass(frozen=True, slots=True)
class RecordHead:
    """A record's name and owner."""

    id: int
    name: str
    detail: str | None
    owner_id: int
    owner_name: str


def in_use(entity_type: EntityType) -> ColumnElement[bool]:
    """Return the condition for records of a kind that were neither merged nor removed."""
    unmerged = TABLES[entity_type].merged_into_id.is_(None)
    return and_(unmerged, deal_in_use()) if entity_type is EntityType.DEAL else unmerged


def both_in_use(entity_type: EntityType) -> ColumnElement[bool]:
    """Return the condition for pairs of a kind both of whose records are in use."""
    table = TABLES[entity_type]
    sides = (MatchPair.left_id, MatchPair.right_id)
    return and_(
        MatchPair.entity_type == entity_type,
        *(exists().where(table.id == side, in_use(entity_type)) for side in sides),
    )


def record_visible(actor: Actor, entity_type: EntityType) -> ColumnElement[bool]:
    """Return the condition for records of a kind that are in use and that the actor sees."""
    if entity_type is EntityType.CONTACT:
        return and_(Contact.merged_into_id.is_(None), contact_visible(actor))
    if entity_type is EntityType.COMPANY:
        return and_(Company.merged_into_id.is_(None), company_visible(actor))
    return and_(Deal.merged_into_id.is_(None), deal_visible(actor))


def pair_visible(actor: Actor, entity_types: Iterable[EntityType] = EntityType) -> ColumnElement[bool]:
    """Return the condition for pairs of the kinds, both of whose records the actor sees."""
    return or_(
        *(
            and_(
                MatchPair.entity_type == entity_type,
                _seen(actor, entity_type, MatchPair.left_id),
                _seen(actor, entity_type, MatchPair.right_id),
            )
            for entity_type in entity_types
        )
    )


def pairs_in_view(
    session: Session, actor: Actor, entity_types: Iterable[EntityType] = EntityType
) -> ColumnElement[bool]:
    """Return the condition of `pair_visible`, for a whole list of pairs: where the actor sees few records, by these."""
    kinds = tuple(entity_types)
    if actor.visible_owner_ids is None or not _sees_few(session, actor):
        return pair_visible(actor, kinds)
    near = [
        select(MatchPair.id).where(MatchPair.entity_type == kind, MatchPair.left_id.in_(_own(actor, kind)))
        for kind in kinds
    ]
    return and_(MatchPair.id.in_(union_all(*near)), pair_visible(actor, kinds))


def said_different(session: Session, entity_type: EntityType, ids: Iterable[int]) -> frozenset[tuple[int, int]]:
    """Return which two of some records people said are no duplicates, each by its lower id first."""
    asked = sorted(set(ids))
    among = MatchPair.left_id.in_(asked), MatchPair.right_id.in_(asked)
    query = select(MatchPair.left_id, MatchPair.right_id).where(MatchPair.entity_type == entity_type, *among)
    rows = session.execute(query.where(MatchPair.state == PairState.NOT_DUPLICATE))
    return frozenset((left, right) for left, right in rows)


def owned_by(entity_type: EntityType, owner_id: int) -> ColumnElement[bool]:
    """Return the condition for pairs of a kind one of whose records is this owner's."""
    table = TABLES[entity_type]
    return and_(
        MatchPair.entity_type == entity_type,
        or_(
            *(
                exists().where(table.id == side, table.owner_id == owner_id)
                for side in (MatchPair.left_id, MatchPair.right_id)
            )
        ),
    )


def load_heads(session: Session, entity_type: EntityType, ids: Iterable[int]) -> dict[int, RecordHead]:
    """Return names and owners of records by id; who asks has checked what the actor sees."""
    rows = session.execute(_heads(entity_type).where(TABLES[entity_type].id.in_(sorted(set(ids)))))
    return {key: RecordHead(key, name, detail, owner_id, owner) for key, name, detail, owner_id, owner in rows}


def load_briefs(session: Session, entity_type: EntityType, ids: Iterable[int]) -> dict[int, RecordBrief]:
    """Return records as rows show them; who asks has checked what the actor sees."""
    heads = load_heads(session, entity_type, ids)
    points = _points(session, entity_type, heads)
    return {
        key: RecordBrief(
            id=key,
            name=head.name,
            detail=head.detail,
            owner_id=head.owner_id,
            owner_name=head.owner_name,
            phones=tuple(points[key, PointKind.PHONE]),
            emails=tuple(points[key, PointKind.EMAIL]),
        )
        for key, head in heads.items()
    }


def stakes_of(
    session: Session, entity_type: EntityType, ids: Iterable[int], *, reader: Actor | None = None
) -> dict[int, int]:
    """Return what the open deals of records are worth, in minor units of the workspace's currency.

    With a reader only those that they see count.
    """
    asked = sorted(set(ids))
    value = func.coalesce(func.sum(Deal.amount_minor), 0)
    query: Select[Any, Any]
    if entity_type is EntityType.CONTACT:
        query = (
            select(DealContact.contact_id, value)
            .join(Deal, Deal.id == DealContact.deal_id)
            .where(DealContact.contact_id.in_(asked))
            .group_by(DealContact.contact_id)
        )
    elif entity_type is EntityType.COMPANY:
        query = select(Deal.company_id, value).where(Deal.company_id.in_(asked)).group_by(Deal.company_id)
    else:
        query = select(Deal.id, value).where(Deal.id.in_(asked)).group_by(Deal.id)
    query = query.where(Deal.status == DealStatus.OPEN, Deal.currency == currency_of(session))
    query = query if reader is None else query.where(deal_visible(reader))
    return {key: int(minor or 0) for key, minor in session.execute(query) if key is not None}


def currency_of(session: Session) -> str:
    """Return the workspace's currency."""
    return session.scalar(select(Workspace.currency)) or "RUB"


def _sees_few(session: Session, actor: Actor) -> bool:
    some = (select(table.id).where(owner_visible(actor, table.owner_id)) for table in TABLES.values())
    counts = (select(func.count()).select_from(one.limit(_FEW + 1).subquery()).scalar_subquery() for one in some)
    return all(count <= _FEW for count in session.execute(select(*counts)).one())


def _own(actor: Actor, entity_type: EntityType) -> Select[int] | CompoundSelect[int]:
    """Return the ids of records that the actor owns, or that take part in a deal of theirs."""
    table = TABLES[entity_type]
    owned = select(table.id).where(owner_visible(actor, table.owner_id))
    if entity_type is EntityType.DEAL:
        return owned
    if entity_type is EntityType.COMPANY:
        of_deals = select(Deal.company_id).where(deal_visible(actor), Deal.company_id.is_not(None))
    else:
        of_deals = select(DealContact.contact_id).join(Deal, Deal.id == DealContact.deal_id).where(deal_visible(actor))
    return union(owned, of_deals)


def _seen(actor: Actor, entity_type: EntityType, side: _Ids) -> ColumnElement[bool]:
    return exists().where(TABLES[entity_type].id == side, record_visible(actor, entity_type))


def _heads(entity_type: EntityType) -> Select[int, str, str | None, int, str]:
    if entity_type is EntityType.CONTACT:
        return (
            select(Contact.id, Contact.name, Company.name, Contact.owner_id, User.name)
            .join(User, User.id == Contact.owner_id)
            .outerjoin(Company, Company.id == Contact.company_id)
        )
    if entity_type is EntityType.COMPANY:
        return select(Company.id, Company.name, Company.inn, Company.owner_id, User.name).join(
            User, User.id == Company.owner_id
        )
    place = Pipeline.name + " · " + Stage.name
    return (
        select(Deal.id, Deal.title, place, Deal.owner_id, User.name)
        .join(Pipeline, Pipeline.id == Deal.pipeline_id)
        .join(Stage, Stage.id == Deal.stage_id)
        .join(User, User.id == Deal.owner_id)
    )


def _points(
    session: Session, entity_type: EntityType, ids: Iterable[int]
) -> defaultdict[tuple[int, PointKind], list[str]]:
    found: defaultdict[tuple[int, PointKind], list[str]] = defaultdict(list)
    asked = sorted(ids)
    kinds = ContactPoint.kind.in_((PointKind.PHONE, PointKind.EMAIL))
    order = ContactPoint.position, ContactPoint.id
    rows: Sequence[tuple[int, PointKind, str]]
    if entity_type is EntityType.DEAL:
        query = (
            select(DealContact.deal_id, ContactPoint.kind, ContactPoint.normalised)
            .join(ContactPoint, ContactPoint.contact_id == DealContact.contact_id)
            .where(DealContact.deal_id.in_(asked), DealContact.position == 0, kinds)
        )
        rows = [(key, kind, value) for key, kind, value in session.execute(query.order_by(*order))]
    else:
        holder = ContactPoint.contact_id if entity_type is EntityType.CONTACT else ContactPoint.company_id
        of_clients = select(holder, ContactPoint.kind, ContactPoint.normalised).where(holder.in_(asked), kinds)
        rows = [(key, kind, value) for key, kind, value in session.execute(of_clients.order_by(*order)) if key]
    for key, kind, value in rows:
        found[key, kind].append(value)
    return found
