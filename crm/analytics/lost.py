"""Deals that are lost now, and since when: what all figures of losses count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, cast, func, select

from crm.actor import Actor
from crm.analytics.credits import last_owner
from crm.analytics.population import Split, deals_of, owned, split_by, within
from crm.analytics.scope import Scope
from crm.models import Deal, DealStatus, LossReason, User

if TYPE_CHECKING:  # a worker counts without drawing
    from crm.analytics.values import Ask


def loss_split(ask: Ask) -> Split | None:
    """Return the split of losses: they are of their last owner, and of the moment of the loss."""
    return None if ask.by is None else split_by(ask.by, ask.scope, owner=last_owner(), at=Deal.closed_at)


def lost_deals(ask: Ask, actor: Actor, split: Split | None, *columns: Any) -> Select[Any]:
    """Select columns of the deals lost within the period, invalid ones too; those taken up again are no longer lost."""
    return closed_deals(ask, actor, split, *columns).where(Deal.status == DealStatus.LOST)


def closed_deals(ask: Ask, actor: Actor, split: Split | None, *columns: Any) -> Select[Any]:
    """Select columns of the deals won or lost within the period, of their last owner."""
    query = select(*columns).select_from(Deal).where(within(ask.scope, Deal.closed_at))
    query = deals_of(query, ask.scope, actor)
    if split is not None and split.needs_user:
        query = query.outerjoin(User, User.id == last_owner())
    if ask.scope.owner_ids or ask.scope.team_ids:
        query = query.where(owned(ask.scope, last_owner()))
    return query


def is_loss() -> ColumnElement[bool]:
    """Return the condition that a lost deal was one: its reason counts as a loss, or nobody told one."""
    no_losses = select(LossReason.id).where(LossReason.counts_as_loss.is_(False))
    return Deal.loss_reason_id.is_(None) | Deal.loss_reason_id.not_in(no_losses)


def amount_in(scope: Scope) -> ColumnElement[Any]:
    """Return a deal's amount where it is in the scope's currency, else None."""
    return case((Deal.currency == scope.currency, Deal.amount_minor), else_=None)


def total(amount: ColumnElement[Any]) -> ColumnElement[int]:
    """Return the sum of amounts as a whole number, 0 of none."""
    return cast(func.coalesce(func.sum(amount), 0), BigInteger)
