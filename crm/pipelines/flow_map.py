"""The map of pipelines: what stands on each stage, and what went along each link in a period."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.visibility import firing_visible, owner_visible
from crm.models import (
    Deal,
    DealStatus,
    LinkKind,
    LinkRun,
    LinkRunStatus,
    LinkTrigger,
    Pipeline,
    PipelineLink,
    Stage,
    StageKind,
)
from crm.pipelines.link_values import LinkInfo
from crm.pipelines.links import list_links

_ENDS = {StageKind.WON: DealStatus.WON, StageKind.LOST: DealStatus.LOST}


@dataclass(frozen=True, slots=True)
class MapStage:
    """A row of a pipeline's box; `count` are open deals that stand there, or those that ended so in the period."""

    key: str
    name: str
    kind: StageKind
    count: int | None = None


@dataclass(frozen=True, slots=True)
class MapPipeline:
    """A box of the map; stages in order, won and lost last."""

    key: str
    name: str
    stages: tuple[MapStage, ...]


@dataclass(frozen=True, slots=True)
class MapArrow:
    """A link between two rows; `flow` are deals that went along in the period, `waiting` those that are to come."""

    from_stage: str
    to_stage: str
    trigger: LinkTrigger
    kind: LinkKind
    is_active: bool = True
    flow: int | None = None
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class MapPicture:
    """What the map shows; of pipelines that are not there yet it has no counts."""

    pipelines: tuple[MapPipeline, ...]
    arrows: tuple[MapArrow, ...] = ()


@dataclass(frozen=True, slots=True)
class _Counts:
    stages: Mapping[int, int]
    flows: Mapping[int, int] = field(default_factory=dict)
    waiting: Mapping[int, int] = field(default_factory=dict)


def load_map(session: Session, actor: Actor, *, since: datetime | None = None) -> MapPicture:
    """Return the pipelines in use with their links, counted over the deals the actor sees.

    `since` begins the period of what was won, lost and passed on; without it everything counts.
    """
    rows = session.execute(
        select(Pipeline.id, Pipeline.name, Stage.id, Stage.name, Stage.kind)
        .join(Stage, Stage.pipeline_id == Pipeline.id)
        .where(Pipeline.is_archived.is_(False), Stage.retired_at.is_(None))
        .order_by(Pipeline.position, Pipeline.id, Stage.position, Stage.id)
    ).all()
    drawn_ids = sorted({row[0] for row in rows})
    ended = _ended(session, actor, drawn_ids, since)
    counts = _Counts(_standing(session, actor, drawn_ids), _flows(session, actor, since), _waiting(session, actor))
    names: dict[int, str] = {}
    stages: dict[int, list[MapStage]] = defaultdict(list)
    for pipeline_id, pipeline_name, stage_id, stage_name, kind in rows:
        names[pipeline_id] = pipeline_name
        count = ended.get((pipeline_id, kind), 0) if kind in _ENDS else counts.stages.get(stage_id, 0)
        stages[pipeline_id].append(MapStage(str(stage_id), stage_name, kind, count))
    pipelines = tuple(MapPipeline(str(one), name, tuple(stages[one])) for one, name in names.items())
    drawn = {one.key: one for one in pipelines}
    arrows = (_arrow(link, drawn, counts) for link in list_links(session))
    return MapPicture(pipelines, tuple(arrow for arrow in arrows if arrow is not None))


def _arrow(link: LinkInfo, drawn: Mapping[str, MapPipeline], counts: _Counts) -> MapArrow | None:
    """Return a link as an arrow; None when an end of it is in the archive or retired."""
    plan = link.plan
    source, target = drawn.get(str(plan.from_pipeline_id)), drawn.get(str(plan.to_pipeline_id))
    if source is None or target is None:
        return None
    starts = {
        LinkTrigger.WON: [stage.key for stage in source.stages if stage.kind is StageKind.WON],
        LinkTrigger.LOST: [stage.key for stage in source.stages if stage.kind is StageKind.LOST],
        LinkTrigger.STAGE: [stage.key for stage in source.stages if stage.key == str(plan.from_stage_id)],
    }[plan.trigger]
    open_stages = [stage.key for stage in target.stages if stage.kind is StageKind.OPEN]
    chosen = [key for key in open_stages if key == str(plan.to_stage_id)]
    ends = chosen or open_stages
    if not starts or not ends:
        return None
    flow, waiting = counts.flows.get(link.id, 0), counts.waiting.get(link.id, 0)
    return MapArrow(starts[0], ends[0], plan.trigger, plan.kind, plan.is_active, flow, waiting)


def _standing(session: Session, actor: Actor, pipeline_ids: list[int]) -> dict[int, int]:
    query = select(Deal.stage_id, func.count()).where(
        Deal.pipeline_id.in_(pipeline_ids), Deal.status == DealStatus.OPEN, owner_visible(actor, Deal.owner_id)
    )
    return dict(session.execute(query.group_by(Deal.stage_id)).all())


def _ended(
    session: Session, actor: Actor, pipeline_ids: list[int], since: datetime | None
) -> dict[tuple[int, StageKind], int]:
    # A pipeline has one stage for each end: counted by status the index of closed deals has it all.
    kinds = {status: kind for kind, status in _ENDS.items()}
    query = select(Deal.pipeline_id, Deal.status, func.count()).where(
        Deal.pipeline_id.in_(pipeline_ids), Deal.status.in_(kinds), owner_visible(actor, Deal.owner_id)
    )
    if since is not None:
        query = query.where(Deal.closed_at >= since)
    rows = session.execute(query.group_by(Deal.pipeline_id, Deal.status))
    return {(pipeline_id, kinds[status]): count for pipeline_id, status, count in rows}


def _flows(session: Session, actor: Actor, since: datetime | None) -> dict[int, int]:
    done = (LinkRunStatus.CREATED, LinkRunStatus.NOTED)
    links = LinkRun.link_id.in_(select(PipelineLink.id))  # so that the index of firings serves a period too
    query = select(LinkRun.link_id, func.count()).where(links, LinkRun.status.in_(done), firing_visible(actor))
    if since is not None:
        query = query.where(LinkRun.done_at >= since)
    return dict(session.execute(query.group_by(LinkRun.link_id)).all())


def _waiting(session: Session, actor: Actor) -> dict[int, int]:
    query = select(LinkRun.link_id, func.count())
    query = query.where(LinkRun.status == LinkRunStatus.WAITING, firing_visible(actor))
    return dict(session.execute(query.group_by(LinkRun.link_id)).all())
