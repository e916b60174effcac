"""Carrying out fixes of the linter by the commands of the designer, each in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.deals.lint_previews import stage_in_use, way_past
from crm.deals.mass_closing import close_stage_as_lost
from crm.deals.retiring import retire_stage
from crm.deals.splitting import split_pipeline
from crm.deals.stage_traces import add_objections, fill_source
from crm.errors import InvalidInput, NotFound, Violation, refuse_if_any
from crm.models import LossReason, Pipeline
from crm.models.codes import LinkKind, LinkTrigger, Role
from crm.pipelines.commands import edit_stage, lock_pipeline, open_deal_count, take_pipeline
from crm.pipelines.fields import ReasonPlan, add_loss_reason, edit_loss_reason
from crm.pipelines.link_values import LinkPlan, unbraked_loops
from crm.pipelines.links import create_link, edit_link, hold_every_pipeline, list_links, load_link
from crm.pipelines.linter.limits import LOOP_COOLDOWN_SECONDS, LOOP_ROUNDS
from crm.pipelines.linter.standing import set_stands_alone
from crm.pipelines.linter.values import (
    AddLink,
    AddReasons,
    AllowSkip,
    CloseWithReason,
    FillStage,
    Fix,
    ForwardOnly,
    MoveSourceToField,
    RenameStage,
    RetireStage,
    SetLoopLimit,
    SplitPipeline,
    StandAlone,
    SwitchOffReasons,
    TurnIntoObjections,
)
from crm.pipelines.reads import load_pipeline
from crm.pipelines.rules import PipelineRules, edit_rules, set_transitions
from crm.pipelines.stage_plans import StagePlan
from crm.pipelines.values import PipelineInfo
from crm.typed_text import block_violations, clean_block, clean_line, line_violations

NOTE_LIMIT = 5000
SOURCE_LIMIT = 100


@dataclass(frozen=True, slots=True)
class FixDone:
    """What a fix changed: how many deals left their stage, how many got a source or an objection."""

    open_deals: int = 0
    marked_deals: int = 0


def apply_fix(session: Session, actor: Actor, *, pipeline_id: int, expected_version: int, fix: Fix) -> FixDone:
    """Carry a fix out, all or nothing; what the linter said when it was offered is not asked again.

    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput, also of the commands a fix is made of.
    """
    require(actor, Action.DESIGN_PIPELINES)
    if isinstance(fix, AddLink | SetLoopLimit | SplitPipeline):  # their commands take every pipeline, and before others
        hold_every_pipeline(session)
    lock_pipeline(session, actor, pipeline_id, expected_version)
    applying = _APPLYING.get(type(fix))
    if applying is None:  # for foreign descriptions only
        raise InvalidInput([Violation("fix_not_here")])
    return applying(session, actor, load_pipeline(session, pipeline_id), fix)


def _version(session: Session, pipeline_id: int) -> int:
    # Each command of a fix raises it.
    return session.scalars(select(Pipeline.version).where(Pipeline.id == pipeline_id)).one()


def _rename(session: Session, actor: Actor, pipeline: PipelineInfo, fix: RenameStage) -> FixDone:
    plan = replace(StagePlan.of(stage_in_use(pipeline, fix.stage_id)), name=fix.name)
    edit_stage(session, actor, stage_id=fix.stage_id, expected_version=pipeline.version, plan=plan)
    return FixDone()


def _fill(session: Session, actor: Actor, pipeline: PipelineInfo, fix: FillStage) -> FixDone:
    plan = replace(
        StagePlan.of(stage_in_use(pipeline, fix.stage_id)),
        exit_criterion=fix.exit_criterion, norm_seconds=fix.norm_seconds, required=fix.required,
    )  # fmt: skip
    edit_stage(session, actor, stage_id=fix.stage_id, expected_version=pipeline.version, plan=plan)
    return FixDone()


def _retire(
    session: Session,
    actor: Actor,
    pipeline: PipelineInfo,
    fix: RetireStage | TurnIntoObjections | MoveSourceToField,
    marked: int = 0,
) -> FixDone:
    count = retire_stage(
        session, actor, stage_id=fix.stage_id, expected_version=_version(session, pipeline.id),
        target_stage_id=fix.target_stage_id,
    )  # fmt: skip
    return FixDone(count, marked)


def _turn_into_objections(session: Session, actor: Actor, pipeline: PipelineInfo, fix: TurnIntoObjections) -> FixDone:
    stage, target = stage_in_use(pipeline, fix.stage_id), stage_in_use(pipeline, fix.target_stage_id)
    marked = add_objections(session, actor, stage, target, utc_now())
    return _retire(session, actor, pipeline, fix, marked)


def _move_source(session: Session, actor: Actor, pipeline: PipelineInfo, fix: MoveSourceToField) -> FixDone:
    refuse_if_any(line_violations(fix.source, "source", SOURCE_LIMIT, required=True))
    stage = stage_in_use(pipeline, fix.stage_id)
    marked = fill_source(session, actor, stage, clean_line(fix.source), utc_now())
    return _retire(session, actor, pipeline, fix, marked)


def _close(session: Session, actor: Actor, pipeline: PipelineInfo, fix: CloseWithReason) -> FixDone:
    stage = stage_in_use(pipeline, fix.stage_id)
    reason = next((one for one in pipeline.active_reasons() if one.id == fix.reason_id), None)
    found = block_violations(fix.note, "loss_note", NOTE_LIMIT)
    if len(pipeline.open_stages) == 1:
        found.append(Violation("stage_last_open", "stage"))
    if reason is None:
        raise InvalidInput([*found, Violation("loss_reason_unknown", "loss_reason")])
    note = clean_block(fix.note)
    if reason.note_required and not note:
        found.append(Violation("loss_note_missing", "loss_note"))
    refuse_if_any(found)
    count = close_stage_as_lost(session, actor, pipeline=pipeline, stage=stage, reason=reason, note=note, now=utc_now())
    retire_stage(
        session, actor, stage_id=stage.id, expected_version=_version(session, pipeline.id), target_stage_id=None
    )
    return FixDone(count)


def _allow_skip(session: Session, actor: Actor, pipeline: PipelineInfo, fix: AllowSkip) -> FixDone:
    way = way_past(pipeline, fix.stage_id)
    if way is None:
        raise InvalidInput([Violation("transition_invalid", "transitions")])
    for role in Role:
        kept = {
            (start, end): allowed
            for (whose, start, end), allowed in pipeline.transitions.items()
            if whose is role and _is_live(pipeline, start, end)
        }
        set_transitions(
            session, actor, pipeline_id=pipeline.id, expected_version=_version(session, pipeline.id), role=role,
            exceptions={way: True, **kept},  # what an administrator forbade a role stays forbidden
        )  # fmt: skip
    return FixDone()


def _is_live(pipeline: PipelineInfo, start: int, end: int) -> bool:
    live = {one.id for one in pipeline.open_stages}
    return start in live and end in {*live, pipeline.won_stage.id}


def _forward_only(session: Session, actor: Actor, pipeline: PipelineInfo, _fix: ForwardOnly) -> FixDone:
    rules = PipelineRules(True, pipeline.no_skipping, pipeline.creation_roles)
    edit_rules(session, actor, pipeline_id=pipeline.id, expected_version=pipeline.version, rules=rules)
    return FixDone()


def _split(session: Session, actor: Actor, pipeline: PipelineInfo, fix: SplitPipeline) -> FixDone:
    count = sum(open_deal_count(session, one) for one in fix.stage_ids)
    split_pipeline(
        session, actor, pipeline_id=pipeline.id, expected_version=pipeline.version, stage_ids=fix.stage_ids,
        name=fix.name,
    )  # fmt: skip
    return FixDone(count)


def _add_link(session: Session, actor: Actor, pipeline: PipelineInfo, fix: AddLink) -> FixDone:
    kind = LinkKind.REFUSAL_WORK if fix.trigger is LinkTrigger.LOST else LinkKind.CONTINUATION
    plan = LinkPlan(pipeline.id, fix.trigger, fix.to_pipeline_id, kind=kind)
    others = [link.plan for link in list_links(session)]
    if unbraked_loops([*others, plan]):
        plan = replace(plan, cooldown_seconds=LOOP_COOLDOWN_SECONDS, max_rounds=LOOP_ROUNDS)
    take_pipeline(session, actor, pipeline.id, pipeline.version)
    create_link(session, actor, plan=plan)
    return FixDone()


def _stand_alone(session: Session, actor: Actor, pipeline: PipelineInfo, _fix: StandAlone) -> FixDone:
    set_stands_alone(session, actor, pipeline_id=pipeline.id, expected_version=pipeline.version, stands_alone=True)
    return FixDone()


def _add_reasons(session: Session, actor: Actor, pipeline: PipelineInfo, fix: AddReasons) -> FixDone:
    if not fix.names:
        raise InvalidInput([Violation("value_required", "names")])
    for name in fix.names:
        add_loss_reason(session, actor, pipeline_id=pipeline.id, plan=ReasonPlan(name))
    return FixDone()


def _switch_off(session: Session, actor: Actor, pipeline: PipelineInfo, fix: SwitchOffReasons) -> FixDone:
    own = {reason.id: reason for reason in pipeline.loss_reasons if reason.pipeline_id == pipeline.id}
    if not set(fix.reason_ids) <= set(own):
        raise NotFound(entity="loss_reason", id=pipeline.id)
    for reason_id in fix.reason_ids:
        row = session.get_one(LossReason, reason_id)
        plan = ReasonPlan(row.name, row.note_required, row.counts_as_loss, is_active=False)
        edit_loss_reason(session, actor, reason_id=reason_id, plan=plan)
    return FixDone()


def _set_loop_limit(session: Session, actor: Actor, pipeline: PipelineInfo, fix: SetLoopLimit) -> FixDone:
    link = load_link(session, fix.link_id)
    if link.plan.from_pipeline_id != pipeline.id:
        raise NotFound(entity="link", id=fix.link_id)
    plan = replace(link.plan, cooldown_seconds=fix.cooldown_seconds, max_rounds=fix.max_rounds)
    edit_link(session, actor, link_id=link.id, expected_version=link.version, plan=plan)
    return FixDone()


_APPLYING: dict[type[Any], Callable[[Session, Actor, PipelineInfo, Any], FixDone]] = {
    RenameStage: _rename,
    RetireStage: _retire,
    FillStage: _fill,
    TurnIntoObjections: _turn_into_objections,
    MoveSourceToField: _move_source,
    CloseWithReason: _close,
    AllowSkip: _allow_skip,
    ForwardOnly: _forward_only,
    SplitPipeline: _split,
    AddLink: _add_link,
    StandAlone: _stand_alone,
    AddReasons: _add_reasons,
    SwitchOffReasons: _switch_off,
    SetLoopLimit: _set_loop_limit,
}
