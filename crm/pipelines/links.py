"""Links between pipelines: reading them, making, changing and taking them away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, exists, select, true
from sqlalchemy.orm import Session, aliased

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.errors import ChangedMeanwhile, NotFound, Violation, refuse_if_any
from crm.events import record
from crm.models import Deal, LinkRun, LinkTrigger, Pipeline, PipelineLink, Stage, User
from crm.pipelines.link_checks import link_violations
from crm.pipelines.link_values import LinkInfo, LinkPlan, condition_of
from crm.typed_text import clean_line


def list_links(session: Session) -> list[LinkInfo]:
    """Return every link, also the switched-off ones, by the pipelines they come from; every user may see them."""
    return _read(session)


def links_from(session: Session, pipeline_id: int) -> list[LinkInfo]:
    """Return the links that come from a pipeline."""
    return _read(session, PipelineLink.from_pipeline_id == pipeline_id)


def links_set_off(session: Session, pipeline_id: int, trigger: LinkTrigger, stage_id: int) -> list[LinkInfo]:
    """Return the active links that a deal sets off: won or lost in a pipeline, or come to a stage of it."""
    of_stage = PipelineLink.from_stage_id == stage_id if trigger is LinkTrigger.STAGE else true()
    of_pipeline = PipelineLink.from_pipeline_id == pipeline_id
    return _read(session, of_pipeline, PipelineLink.trigger == trigger, of_stage, PipelineLink.is_active.is_(True))


def pipelines_reached(session: Session, pipeline_id: int) -> set[int]:
    """Return the pipelines that active links lead to from one, straight or through others."""
    pairs = select(PipelineLink.from_pipeline_id, PipelineLink.to_pipeline_id).where(PipelineLink.is_active)
    targets: dict[int, set[int]] = {}
    for start, end in session.execute(pairs):
        targets.setdefault(start, set()).add(end)
    reached: set[int] = set()
    waiting = [pipeline_id]
    while waiting:
        following = targets.get(waiting.pop(), set()) - reached
        reached |= following
        waiting += following
    return reached


def hold_every_pipeline(session: Session) -> None:
    """Keep all pipelines as they are until the transaction ends; whoever changes links asks for it before any lock.

    Whether a loop has a brake is asked of all links at once; who moves a deal takes pipelines in this order too.
    """
    session.execute(select(Pipeline.id).order_by(Pipeline.id).with_for_update())


def load_link(session: Session, link_id: int) -> LinkInfo:
    """Return a link.

    Errors: NotFound.
    """
    found = _read(session, PipelineLink.id == link_id)
    if not found:
        raise NotFound(entity="link", id=link_id)
    return found[0]


def create_link(session: Session, actor: Actor, *, plan: LinkPlan) -> int:
    """Link two pipelines; return the link's id.

    Errors: Forbidden; NotFound for the pipeline to come from; InvalidInput with everything that is wrong.
    """
    require(actor, Action.DESIGN_PIPELINES)
    hold_every_pipeline(session)
    refuse_if_any(link_violations(session, plan, [one.plan for one in list_links(session)]))
    row = PipelineLink(created_at=utc_now(), **_columns(plan))
    session.add(row)
    session.flush()
    record(session, actor, "link.created", "link", row.id, **_names(session, row.id))
    return row.id


def edit_link(session: Session, actor: Actor, *, link_id: int, expected_version: int, plan: LinkPlan) -> None:
    """Change a link; firings that wait keep their dates.

    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput with everything that is wrong.
    """
    row = _take(session, actor, link_id, expected_version)
    others = [one.plan for one in list_links(session) if one.id != link_id]
    refuse_if_any(link_violations(session, plan, others))
    _save(session, actor, row, _columns(plan))


def switch_link_off(session: Session, actor: Actor, *, link_id: int, expected_version: int) -> None:
    """Let a link fire no more; what waits is skipped when its time comes.

    Errors: Forbidden; NotFound; ChangedMeanwhile.
    """
    row = _take(session, actor, link_id, expected_version)
    _save(session, actor, row, {"is_active": False})


def delete_link(session: Session, actor: Actor, *, link_id: int, expected_version: int) -> None:
    """Remove a link that has never fired.

    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput for one that has fired.
    """
    row = _take(session, actor, link_id, expected_version)
    runs = exists().where(LinkRun.link_id == link_id)
    deals = exists().where(Deal.origin_link_id == link_id)
    if session.scalar(select(runs)) or session.scalar(select(deals)):
        refuse_if_any([Violation("link_has_fired")])
    names = _names(session, link_id)
    session.delete(row)
    session.flush()
    record(session, actor, "link.deleted", "link", link_id, **names)


def _read(session: Session, *conditions: ColumnElement[bool]) -> list[LinkInfo]:
    source, target = aliased(Pipeline), aliased(Pipeline)
    from_stage, to_stage = aliased(Stage), aliased(Stage)
    query = (
        select(PipelineLink, source.name, from_stage.name, target.name, to_stage.name, User.name)
        .join(source, source.id == PipelineLink.from_pipeline_id)
        .join(target, target.id == PipelineLink.to_pipeline_id)
        .outerjoin(from_stage, from_stage.id == PipelineLink.from_stage_id)
        .outerjoin(to_stage, to_stage.id == PipelineLink.to_stage_id)
        .outerjoin(User, User.id == PipelineLink.owner_id)
        .where(*conditions)
        .order_by(source.position, source.id, PipelineLink.id)
        .execution_options(populate_existing=True)
    )
    return [
        LinkInfo(row.id, row.version, _plan(row), start, start_stage, end, end_stage, owner, row.created_at)
        for row, start, start_stage, end, end_stage, owner in session.execute(query)
    ]


def _plan(row: PipelineLink) -> LinkPlan:
    return LinkPlan(
        from_pipeline_id=row.from_pipeline_id,
        trigger=row.trigger,
        to_pipeline_id=row.to_pipeline_id,
        kind=row.kind,
        from_stage_id=row.from_stage_id,
        to_stage_id=row.to_stage_id,
        copied=tuple(row.copied),
        owner_rule=row.owner_rule,
        owner_id=row.owner_id,
        delay_seconds=row.delay_seconds,
        conditions=tuple(condition_of(one) for one in row.conditions),
        cooldown_seconds=row.cooldown_seconds,
        max_rounds=row.max_rounds,
        skip_if_open=row.skip_if_open,
        step_kind=row.step_kind,
        step_text=row.step_text,
        step_due_seconds=row.step_due_seconds,
        is_active=row.is_active,
    )


def _columns(plan: LinkPlan) -> dict[str, Any]:
    return {
        "from_pipeline_id": plan.from_pipeline_id,
        "trigger": plan.trigger,
        "to_pipeline_id": plan.to_pipeline_id,
        "kind": plan.kind,
        "from_stage_id": plan.from_stage_id,
        "to_stage_id": plan.to_stage_id,
        "copied": list(plan.copied),
        "owner_rule": plan.owner_rule,
        "owner_id": plan.owner_id,
        "delay_seconds": plan.delay_seconds,
        "conditions": [one.as_json() for one in plan.conditions],
        "cooldown_seconds": plan.cooldown_seconds,
        "max_rounds": plan.max_rounds,
        "skip_if_open": plan.skip_if_open,
        "step_kind": plan.step_kind,
        "step_text": clean_line(plan.step_text),
        "step_due_seconds": plan.step_due_seconds,
        "is_active": plan.is_active,
    }


def _take(session: Session, actor: Actor, link_id: int, expected_version: int) -> PipelineLink:
    require(actor, Action.DESIGN_PIPELINES)
    hold_every_pipeline(session)
    row = session.get(PipelineLink, link_id, populate_existing=True, with_for_update=True)
    if row is None:
        raise NotFound(entity="link", id=link_id)
    if row.version != expected_version:
        raise ChangedMeanwhile(entity="link", id=link_id)
    return row


def _save(session: Session, actor: Actor, row: PipelineLink, columns: dict[str, Any]) -> None:
    changes = {key: [_json(getattr(row, key)), _json(new)] for key, new in columns.items() if getattr(row, key) != new}
    for key, value in columns.items():
        setattr(row, key, value)
    row.version += 1
    session.flush()
    if changes:
        record(session, actor, "link.edited", "link", row.id, **_names(session, row.id), changes=changes)


def _names(session: Session, link_id: int) -> dict[str, Any]:
    link = load_link(session, link_id)
    return {"from_pipeline": link.from_pipeline, "to_pipeline": link.to_pipeline}


def _json(value: Any) -> Any:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
