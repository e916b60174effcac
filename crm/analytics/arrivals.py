"""Deals by their coming to a pipeline: the reaches of those that came within the period, owned as today."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, or_, select
from sqlalchemy.orm import aliased

from crm.actor import Actor
from crm.analytics.frames import StageRow
from crm.analytics.population import OWNER, TEAM, Split, narrowed, owned, within
from crm.analytics.values import Ask
from crm.models import Deal, StageReach, User


def arrivals(ask: Ask, actor: Actor, split: Split | None, *columns: Any, needs_deal: bool = False) -> Select[Any]:
    """Select columns of the reaches of deals that came to the pipeline within the period."""
    has_owner = bool(ask.scope.owner_ids or ask.scope.team_ids) or (split is not None and split.code in (OWNER, TEAM))
    needs_deal = needs_deal or has_owner or (split is not None and split.needs_deal)
    query = select(*columns).select_from(StageReach).where(within(ask.scope, StageReach.began_at))
    query = narrowed(query, ask.scope, actor, fact=StageReach, needs_deal=needs_deal)
    if split is not None and split.needs_user:
        query = query.outerjoin(User, User.id == Deal.owner_id)
    return query.where(owned(ask.scope, Deal.owner_id)) if has_owner else query


def stands_for_deal(stages: Sequence[StageRow]) -> ColumnElement[bool]:
    """Choose one reach of each deal: the first stage's, which all have but those that were on retired stages alone."""
    return or_(StageReach.stage_id.in_(first_stages(stages)), alone_on_retired(stages))


def first_stages(stages: Sequence[StageRow]) -> list[int]:
    """Return the first stage in use of each pipeline."""
    first: dict[int, int] = {}
    for one in stages:
        if not one.is_retired:
            first.setdefault(one.pipeline_id, one.stage_id)
    return list(first.values())


def alone_on_retired(stages: Sequence[StageRow]) -> ColumnElement[bool]:
    """Choose one reach of each deal that was on retired stages alone."""
    retired = [one.stage_id for one in stages if one.is_retired]
    if not retired:
        return false()
    other = aliased(StageReach)
    before = or_(
        other.stage_id.in_(first_stages(stages)),
        and_(other.stage_id.in_(retired), other.stage_id < StageReach.stage_id),
    )
    alone = ~select(other.deal_id).where(other.deal_id == StageReach.deal_id, before).exists()
    return and_(StageReach.stage_id.in_(retired), alone)
