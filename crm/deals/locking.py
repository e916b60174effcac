"""Taking a deal for a change: seen by the actor, and still as the actor saw it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.visibility import deal_visible
from crm.errors import DealMovedMeanwhile, NotFound
from crm.models import Deal


def lock_deal(session: Session, actor: Actor, deal_id: int) -> Deal:
    """Return the deal's row, locked until the transaction ends; its version stays.

    PostgreSQL locks the row; on SQLite the write transaction already holds the whole file.
    Errors: NotFound.
    """
    query = select(Deal).where(Deal.id == deal_id, deal_visible(actor))
    deal = session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if deal is None:
        raise NotFound(entity="deal", id=deal_id)
    return deal


def take_deal(session: Session, actor: Actor, deal_id: int, expected_version: int | None) -> Deal:
    """Return the deal's row, locked, with its version raised.

    Errors: NotFound; DealMovedMeanwhile when an expected version is given and is not the present one.
    """
    deal = lock_deal(session, actor, deal_id)
    if expected_version is not None and deal.version != expected_version:
        raise DealMovedMeanwhile(deal_id=deal_id)
    deal.version += 1
    return deal
