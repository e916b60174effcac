"""Which stays on stages count, how long each lasted, and whose it was."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    and_,
    case,
    func,
    literal,
    select,
    type_coerce,
    union_all,
)

from crm.actor import Actor
from crm.analytics.population import Column, Split, narrowed, owned, pipelines, within
from crm.analytics.scope import Scope
from crm.clock import utc_now
from crm.models import Deal, DealStatus, LossReason, Pipeline, StageVisit, User, VisitOutcome

# The last visit of a stay stands for it: whoever had the deal then has the credit; nobody where it isn't known.
VISITOR: ColumnElement[int | None] = case((StageVisit.owner_known, StageVisit.owner_id), else_=None)
IS_OPEN: ColumnElement[int] = case((StageVisit.outcome == VisitOutcome.OPEN, 1), else_=0)
# A deal taken out and put back begins another stay: the one that was cut short is none.
_CUT_SHORT = (VisitOutcome.REMOVED, VisitOutcome.DUPLICATE)


def stays(scope: Scope, actor: Actor, split: Split | None, *columns: Any) -> Select[Any]:
    """Select columns of the stays that began within the period, one row each; open ones too."""
    query = select(*columns).where(StageVisit.outcome != VisitOutcome.HANDOVER)
    return _counted(query.where(within(scope, StageVisit.stay_entered_at)), scope, actor, split)


def visits(scope: Scope, actor: Actor, split: Split | None, *columns: Any) -> Select[Any]:
    """Select columns of the owners' visits that began within the period; a hand-over ends one and begins the next."""
    return _counted(select(*columns).where(within(scope, StageVisit.entered_at)), scope, actor, split)


def seconds_since(start: Column) -> ColumnElement[int]:
    """Return the whole seconds from an instant until the visit's end, or now where it is open; named `value`."""
    now, whole = literal(int(utc_now().timestamp()), BigInteger), BigInteger()
    seconds: ColumnElement[int] = func.coalesce(type_coerce(StageVisit.left_at, whole), now) - type_coerce(start, whole)
    return seconds.label("value")


def _counted(query: Select[Any], scope: Scope, actor: Actor, split: Split | None) -> Select[Any]:
    query = query.select_from(StageVisit).where(StageVisit.outcome.not_in(_CUT_SHORT))
    narrows_deals = bool(
        scope.sources or scope.priorities or scope.segments or (split is not None and split.needs_deal)
    )
    if actor.visible_owner_ids is None and not narrows_deals:
        # Who sees all needs no look at each deal: those that don't count are few.
        out = _out_of_count().subquery()
        query = query.where(pipelines(scope, StageVisit.pipeline_id))
        query = query.outerjoin(out, out.c.id == StageVisit.deal_id).where(out.c.id.is_(None))
    else:
        invalid = and_(Deal.status == DealStatus.LOST, func.coalesce(Deal.loss_reason_id, 0).in_(_no_losses()))
        query = narrowed(query, scope, actor, fact=StageVisit).where(~invalid)
    if split is not None and split.needs_user:
        query = query.outerjoin(User, User.id == VISITOR)
    return query.where(owned(scope, VISITOR)) if scope.owner_ids or scope.team_ids else query


def _out_of_count() -> Any:
    """Select the deals that are in no figure of time, by indexes: removed, merged, and lost for what is no loss."""
    unused = Deal.pipeline_id.in_(select(Pipeline.id)), Deal.status.in_((DealStatus.REMOVED, DealStatus.MERGED))
    # A join, and an expression: SQLite would walk through all deals, or all lost ones, instead of those of few reasons.
    is_lost = type_coerce(Deal.status, Integer) + 0 == DealStatus.LOST.value
    invalid = select(Deal.id).select_from(LossReason).join(Deal, Deal.loss_reason_id == LossReason.id)
    return union_all(select(Deal.id).where(*unused), invalid.where(LossReason.counts_as_loss.is_(False), is_lost))


def _no_losses() -> Select[Any]:
    return select(LossReason.id).where(LossReason.counts_as_loss.is_(False))
