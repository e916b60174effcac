"""A pair side by side: both records with their points and deals, and the pairs around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.auth.visibility import company_visible, contact_visible, deal_visible
from crm.contacts.reads import PointLine
from crm.duplicates.calibration import band_of
from crm.duplicates.pair_records import TABLES, currency_of, pair_visible, said_different
from crm.duplicates.pair_values import PairCard, PairRow, PairSide, RecordBrief, SidePoint
from crm.duplicates.pairs import pair_rows
from crm.errors import NotFound
from crm.models import Company, Contact, ContactPoint, Deal, DealContact, DealStatus, EntityType, MatchPair, PairState

OTHERS_AT_MOST = 20


def load_pair(session: Session, actor: Actor, pair_id: int) -> PairCard:
    """Return a pair as a reviewer sees it, a decided one as well.

    Errors: Forbidden; NotFound also where one of the two is not visible.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    pair = take_pair(session, actor, pair_id)
    rows = pair_rows(session, [pair], reader=actor)
    if not rows:
        raise NotFound(entity="pair", id=pair_id)
    row = rows[0]
    points = _points(session, row)
    currency = currency_of(session)
    others = _others(session, actor, pair)
    around = {side.id for one in (row, *others) for side in (one.left, one.right)}
    return PairCard(
        row=row,
        left=_side(session, actor, row.entity_type, row.left, points, currency),
        right=_side(session, actor, row.entity_type, row.right, points, currency),
        others=others,
        apart=said_different(session, row.entity_type, around),
        band=band_of(session, row.entity_type, row.probability),
        currency=currency,
    )


def count_deals(session: Session, actor: Actor, *, entity_type: EntityType, record_ids: Sequence[int]) -> int:
    """Return how many deals that the actor sees some clients have, each once.

    Errors: Forbidden.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    of_records: ColumnElement[bool] = Deal.company_id.in_(record_ids)
    if entity_type is EntityType.CONTACT:
        of_records = Deal.id.in_(select(DealContact.deal_id).where(DealContact.contact_id.in_(record_ids)))
    elif entity_type is EntityType.DEAL:
        of_records = Deal.id.in_(record_ids)
    return session.scalar(select(func.count(Deal.id)).where(of_records, deal_visible(actor))) or 0


def take_pair(session: Session, actor: Actor, pair_id: int) -> MatchPair:
    """Return a pair both of whose records the actor sees, merged ones included.

    Errors: NotFound.
    """
    pair = session.get(MatchPair, pair_id, populate_existing=True)
    if pair is None:
        raise NotFound(entity="pair", id=pair_id)
    table = TABLES[pair.entity_type]
    sides = table.id.in_((pair.left_id, pair.right_id))
    seen = select(func.count(table.id)).where(sides, _visible(actor, pair.entity_type))
    if session.scalar(seen) != len((pair.left_id, pair.right_id)):
        raise NotFound(entity="pair", id=pair_id)
    return pair


def _visible(actor: Actor, entity_type: EntityType) -> ColumnElement[bool]:
    if entity_type is EntityType.CONTACT:
        return contact_visible(actor)
    return company_visible(actor) if entity_type is EntityType.COMPANY else deal_visible(actor)


def _others(session: Session, actor: Actor, pair: MatchPair) -> tuple[PairRow, ...]:
    sides = (pair.left_id, pair.right_id)
    near = or_(MatchPair.left_id.in_(sides), MatchPair.right_id.in_(sides))
    query = select(MatchPair).where(
        MatchPair.entity_type == pair.entity_type, near, MatchPair.id != pair.id, MatchPair.state == PairState.OPEN
    )
    seen = query.where(pair_visible(actor, (pair.entity_type,))).order_by(MatchPair.rank.desc(), MatchPair.id.desc())
    return pair_rows(session, session.scalars(seen.limit(OTHERS_AT_MOST)).all(), reader=actor)


def _points(session: Session, row: PairRow) -> Mapping[int, Sequence[PointLine]]:
    ids = (row.left.id, row.right.id)
    order = ContactPoint.position, ContactPoint.id
    columns = ContactPoint.id, ContactPoint.kind, ContactPoint.value, ContactPoint.normalised
    found: dict[int, list[PointLine]] = {one: [] for one in ids}
    if row.entity_type is EntityType.DEAL:
        of_deals = (
            select(DealContact.deal_id, *columns)
            .join(ContactPoint, ContactPoint.contact_id == DealContact.contact_id)
            .where(DealContact.deal_id.in_(ids))
        )
        for deal_id, point_id, kind, value, normalised in session.execute(
            of_deals.order_by(DealContact.position, *order)
        ):
            found[deal_id].append(PointLine(point_id, kind, value, normalised))
        return found
    holder = ContactPoint.contact_id if row.entity_type is EntityType.CONTACT else ContactPoint.company_id
    of_clients = select(holder, *columns).where(holder.in_(ids)).order_by(*order)
    for client_id, point_id, kind, value, normalised in session.execute(of_clients):
        if client_id is not None:
            found[client_id].append(PointLine(point_id, kind, value, normalised))
    return found


def _side(
    session: Session,
    actor: Actor,
    entity_type: EntityType,
    brief: RecordBrief,
    points: Mapping[int, Sequence[PointLine]],
    currency: str,
) -> PairSide:
    version, created_at = _stamp(session, entity_type, brief.id)
    total, open_deals, open_minor = _deals(session, actor, entity_type, brief.id, currency)
    others = {(point.kind, point.normalised) for key, lines in points.items() if key != brief.id for point in lines}
    return PairSide(
        id=brief.id,
        version=version,
        name=brief.name,
        owner_id=brief.owner_id,
        owner_name=brief.owner_name,
        created_at=created_at,
        points=tuple(
            SidePoint(
                id=point.id,
                kind=point.kind,
                value=point.value,
                normalised=point.normalised,
                in_both=(point.kind, point.normalised) in others,
            )
            for point in points[brief.id]
        ),
        deals=total,
        open_deals=open_deals,
        open_minor=open_minor,
    )


def _stamp(session: Session, entity_type: EntityType, record_id: int) -> tuple[int, datetime]:
    table: type[Contact] | type[Company] | type[Deal] = TABLES[entity_type]
    version, created_at = session.execute(select(table.version, table.created_at).where(table.id == record_id)).one()
    return version, created_at


def _deals(
    session: Session, actor: Actor, entity_type: EntityType, record_id: int, currency: str
) -> tuple[int, int, int]:
    of_record: ColumnElement[bool] = Deal.id == record_id
    if entity_type is EntityType.CONTACT:
        of_record = Deal.id.in_(select(DealContact.deal_id).where(DealContact.contact_id == record_id))
    elif entity_type is EntityType.COMPANY:
        of_record = Deal.company_id == record_id
    is_open = Deal.status == DealStatus.OPEN
    worth = func.coalesce(func.sum(Deal.amount_minor).filter(is_open, Deal.currency == currency), 0)
    counts = select(func.count(Deal.id), func.count(Deal.id).filter(is_open), worth)
    total, open_deals, open_minor = session.execute(counts.where(of_record, deal_visible(actor))).one()
    return total, open_deals, int(open_minor or 0)
