"""What stages ask for: fields, where deals may begin, and how long a stay may last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, union_all
from sqlalchemy.orm import Session

from crm.analytics.lost import is_loss
from crm.analytics.population import pipelines, seconds_between
from crm.analytics.samples import samples
from crm.analytics.scope import Scope
from crm.analytics.trust.values import Facts
from crm.clock import utc_now
from crm.models import (
    DealStatus,
    FieldDefinition,
    Pipeline,
    RequirementMoment,
    Stage,
    StageKind,
    StageRequirement,
    StageVisit,
    VisitOutcome,
)
from crm.pipelines.linter.behaviour import newest_closed
from crm.pipelines.values import custom_key

USUAL_TIMES = 3  # of the median: longer stays are too long where the stage has no norm
FEWEST_STAYS = 10  # fewer make no median
_SINCE = timedelta(days=365)
_ENDS = (VisitOutcome.FORWARD, VisitOutcome.BACK, VisitOutcome.WON, VisitOutcome.LOST)


def load_facts(session: Session, scope: Scope) -> Facts:
    """Return what the scope's pipelines ask of deals now."""
    now = utc_now()
    query = (
        select(Stage.id, Stage.pipeline_id, Stage.norm_seconds, Stage.accepts_new)
        .where(pipelines(scope, Stage.pipeline_id), Stage.kind == StageKind.OPEN, Stage.retired_at.is_(None))
        .order_by(Stage.pipeline_id, Stage.position, Stage.id)
    )
    stages = session.execute(query).all()
    first: dict[int, int] = {}
    for one in stages:
        first.setdefault(one.pipeline_id, one.id)
    norms = {one.id: one.norm_seconds for one in stages if one.norm_seconds is not None}
    without = sorted({one.pipeline_id for one in stages if one.norm_seconds is None})
    usual = _usual_stays(session, without, now)
    longest = {stage_id: round(USUAL_TIMES * median) for stage_id, median in usual.items() if stage_id not in norms}
    return Facts(
        now=now,
        pipeline_ids=tuple(
            session.scalars(select(Pipeline.id).where(pipelines(scope, Pipeline.id)).order_by(Pipeline.id))
        ),
        required=_required(session, scope),
        limits={one.id: {**longest, **norms}[one.id] for one in stages if one.id in longest or one.id in norms},
        starting=frozenset(first.values()) | {one.id for one in stages if one.accepts_new},
    )


def _required(session: Session, scope: Scope) -> dict[str, tuple[int, ...]]:
    query = (
        select(StageRequirement.stage_id, StageRequirement.builtin, StageRequirement.field_id)
        .join(Stage, Stage.id == StageRequirement.stage_id)
        .outerjoin(FieldDefinition, FieldDefinition.id == StageRequirement.field_id)
        .where(
            pipelines(scope, Stage.pipeline_id), Stage.kind == StageKind.OPEN,
            StageRequirement.moment == RequirementMoment.ENTRY,
            FieldDefinition.id.is_(None) | FieldDefinition.is_active,  # a switched-off field can't be filled
        )
        .order_by(StageRequirement.id)
    )  # fmt: skip
    found: dict[str, list[int]] = {}
    for stage_id, builtin, field_id in session.execute(query):
        key = custom_key(field_id) if field_id is not None else str(builtin)
        found.setdefault(key, []).append(stage_id)
    return {key: tuple(ids) for key, ids in found.items()}


def _usual_stays(session: Session, pipeline_ids: Sequence[int], now: datetime) -> dict[int, float]:
    """Return the median stay on each stage, in seconds, of the deals that were last won and lost."""
    if not pipeline_ids:
        return {}
    newest = []
    for pipeline_id in pipeline_ids:
        for status in (DealStatus.WON, DealStatus.LOST):
            closed = newest_closed(pipeline_id, status, now - _SINCE)
            closed = closed if status is DealStatus.WON else closed.where(is_loss())
            newest.append(select(closed.subquery().c.id))
    ended = union_all(*newest).subquery()
    columns: tuple[Any, ...] = (StageVisit.stage_id, seconds_between(StageVisit.stay_entered_at, StageVisit.left_at))
    stays = (
        select(*columns)
        .join(ended, ended.c.id == StageVisit.deal_id)
        .where(StageVisit.pipeline_id.in_(pipeline_ids), StageVisit.outcome.in_(_ENDS))
    )
    found = samples(session, stays)
    return {stage_id: own.percentile(50) for (stage_id,), own in found.items() if own.size >= FEWEST_STAYS}
