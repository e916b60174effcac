"""Deals as flat records: one by its id, and lists by filter, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.merged import not_found
from crm.auth.visibility import deal_visible
from crm.deals.finding import text_condition
from crm.models import Channel, Deal, DealContact, DealStatus, Priority


class DealOrder(StrEnum):
    """Order of a list: newest first, or longest unchanged first for who fetches what has changed."""

    NEWEST = "newest"
    UPDATED = "updated"


@dataclass(frozen=True, slots=True)
class DealFilter:
    """Which deals a list holds; None does not narrow. Ranges include their beginning and leave out their end."""

    pipeline_id: int | None = None
    stage_id: int | None = None
    owner_id: int | None = None
    status: DealStatus | None = None
    priority: Priority | None = None
    source: str | None = None
    company_id: int | None = None
    contact_id: int | None = None
    text: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    updated_from: datetime | None = None
    updated_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class DealRecord:
    """A deal's own values; what it refers to stands as ids."""

    id: int
    version: int
    pipeline_id: int
    stage_id: int
    status: DealStatus
    owner_id: int
    company_id: int | None
    title: str
    amount_minor: int | None
    currency: str
    priority: Priority
    source: str | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_content: str | None
    utm_term: str | None
    expected_close_on: date | None
    custom: Mapping[str, Any]  # str(field id) -> typed value
    origin_deal_id: int | None
    origin_link_id: int | None
    round: int
    return_source: str | None
    loss_reason_id: int | None
    loss_note: str | None
    next_due_at: datetime | None
    stage_entered_at: datetime
    created_at: datetime
    created_channel: Channel
    updated_at: datetime
    closed_at: datetime | None


def load_deal_record(session: Session, actor: Actor, deal_id: int) -> DealRecord:
    """Return one deal's own values.

    Errors: NotFound, for a hidden deal too.
    """
    row = session.execute(_records().where(Deal.id == deal_id, deal_visible(actor))).one_or_none()
    if row is None:
        raise not_found(session, actor, "deal", deal_id)
    return DealRecord(*row)


def list_deals(
    session: Session,
    actor: Actor,
    wanted: DealFilter,
    *,
    order: DealOrder = DealOrder.NEWEST,
    after: tuple[int, ...] | None = None,
    limit: int = 50,
) -> list[DealRecord]:
    """Return visible deals; `after` is the `place_in` of the last one seen."""
    query = _records().where(deal_visible(actor), *_conditions(session, actor, wanted))
    return [DealRecord(*row) for row in session.execute(_ordered(query, order, after).limit(limit))]


def place_in(order: DealOrder, deal: DealRecord) -> tuple[int, ...]:
    """Return a deal's place in an order; no two deals share one."""
    return (deal.id,) if order is DealOrder.NEWEST else (int(deal.updated_at.timestamp()), deal.id)


def _records() -> Select[*tuple[Any, ...]]:
    return select(
        Deal.id, Deal.version, Deal.pipeline_id, Deal.stage_id, Deal.status, Deal.owner_id, Deal.company_id,
        Deal.title, Deal.amount_minor, Deal.currency, Deal.priority, Deal.source, Deal.utm_source, Deal.utm_medium,
        Deal.utm_campaign, Deal.utm_content, Deal.utm_term, Deal.expected_close_on, Deal.custom, Deal.origin_deal_id,
        Deal.origin_link_id, Deal.round, Deal.return_source, Deal.loss_reason_id, Deal.loss_note, Deal.next_due_at,
        Deal.stage_entered_at, Deal.created_at, Deal.created_channel, Deal.updated_at, Deal.closed_at,
    )  # fmt: skip


def _ordered(
    query: Select[*tuple[Any, ...]], order: DealOrder, after: tuple[int, ...] | None
) -> Select[*tuple[Any, ...]]:
    if order is DealOrder.NEWEST:
        query = query.order_by(Deal.id.desc())
        return query if after is None else query.where(Deal.id < after[0])
    query = query.order_by(Deal.updated_at, Deal.id)
    if after is None:
        return query
    moment = datetime.fromtimestamp(after[0], UTC)
    later = or_(Deal.updated_at > moment, and_(Deal.updated_at == moment, Deal.id > after[1]))
    # The first condition repeats the second more loosely: it is the one that the index can begin from.
    return query.where(Deal.updated_at >= moment, later)


def _conditions(session: Session, actor: Actor, wanted: DealFilter) -> list[ColumnElement[bool]]:
    pairs = (
        (Deal.pipeline_id, wanted.pipeline_id),
        (Deal.stage_id, wanted.stage_id),
        (Deal.owner_id, wanted.owner_id),
        (Deal.status, wanted.status),
        (Deal.priority, wanted.priority),
        (Deal.source, wanted.source),
        (Deal.company_id, wanted.company_id),
    )
    found: list[ColumnElement[bool]] = [column == value for column, value in pairs if value is not None]
    for column, begin, end in (
        (Deal.created_at, wanted.created_from, wanted.created_to),
        (Deal.updated_at, wanted.updated_from, wanted.updated_to),
    ):
        found += [column >= begin] if begin else []
        found += [column < end] if end else []
    if wanted.contact_id is not None:
        found.append(Deal.id.in_(select(DealContact.deal_id).where(DealContact.contact_id == wanted.contact_id)))
    if wanted.text is not None:
        found.append(text_condition(session, actor, wanted.text))
    return found
