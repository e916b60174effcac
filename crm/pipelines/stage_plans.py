"""Stages as they are to be: the plan, what may be wrong with it, and writing it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from crm.errors import Violation
from crm.models import FieldDefinition, RequirementMoment, Stage, StageKind, StageRequirement, StepKind
from crm.pipelines.values import BUILTIN_FIELDS, COLORS, CUSTOM_PREFIX, StageInfo, custom_key
from crm.typed_text import block_violations, clean_block, clean_line, line_violations

STAGE_NAME_LIMIT = 100
CRITERION_LIMIT = 1000
MAX_NORM_SECONDS = 366 * 86400


@dataclass(frozen=True, slots=True)
class StagePlan:
    """A stage as it is to be; `required` are keys of fields needed to enter it, `required_exit` to go on from it.

    `step_kinds` are the next steps that count here, any when empty; `color` is one of COLORS; `win_percent` of a
    hundred deals on it are won. A won or lost stage has no exit, no next steps, no new deals and no chance.
    """

    name: str
    exit_criterion: str = ""
    norm_seconds: int | None = None
    required: tuple[str, ...] = ()
    required_exit: tuple[str, ...] = ()
    step_kinds: tuple[StepKind, ...] = ()
    color: str | None = None
    accepts_new: bool = False
    win_percent: int | None = None

    @classmethod
    def of(cls, stage: StageInfo) -> StagePlan:
        """Return a present stage as a plan, to be changed with `dataclasses.replace`."""
        return cls(
            name=stage.name,
            exit_criterion=stage.exit_criterion or "",
            norm_seconds=stage.norm_seconds,
            required=stage.required,
            required_exit=stage.required_exit,
            step_kinds=stage.step_kinds,
            color=stage.color,
            accepts_new=stage.accepts_new,
            win_percent=stage.win_percent,
        )


def stage_violations(
    session: Session, plan: StagePlan, kind: StageKind = StageKind.OPEN, present: StageInfo | None = None
) -> list[Violation]:
    """Return what is wrong with a planned stage by itself; a switched-off field that the stage has may stay."""
    found = line_violations(plan.name, "name", STAGE_NAME_LIMIT, required=True)
    found += block_violations(plan.exit_criterion, "exit_criterion", CRITERION_LIMIT)
    if plan.norm_seconds is not None and not 0 < plan.norm_seconds <= MAX_NORM_SECONDS:
        found.append(Violation("norm_invalid", "norm_seconds"))
    if plan.win_percent is not None and not 0 <= plan.win_percent <= 100:
        found.append(Violation("win_percent_invalid", "win_percent"))
    known = {*BUILTIN_FIELDS, *_custom_keys(session)} if plan.required or plan.required_exit else set()
    for moment in ("required", "required_exit"):
        keys = getattr(plan, moment)
        kept = set(getattr(present, moment)) if present else set()
        if not set(keys) <= known | kept or len(set(keys)) != len(keys):
            found.append(Violation("choice_unknown", moment))
    if plan.color is not None and plan.color not in COLORS:
        found.append(Violation("choice_unknown", "color"))
    if len(set(plan.step_kinds)) != len(plan.step_kinds):
        found.append(Violation("choice_unknown", "step_kinds"))
    if kind is not StageKind.OPEN:
        of_open = ("required_exit", "step_kinds", "accepts_new")
        found += [Violation("stage_end_setting", name) for name in of_open if getattr(plan, name)]
        found += [Violation("stage_end_setting", "win_percent")] if plan.win_percent is not None else []
    return found


def insert_stage(session: Session, pipeline_id: int, kind: StageKind, position: int, plan: StagePlan) -> Stage:
    """Insert a checked stage with what it requires."""
    stage = Stage(pipeline_id=pipeline_id, kind=kind, position=position, name=clean_line(plan.name))
    session.add(stage)
    write_plan(session, stage, plan)
    return stage


def write_plan(session: Session, stage: Stage, plan: StagePlan) -> None:
    """Make a stage what a checked plan says."""
    stage.name = clean_line(plan.name)
    stage.exit_criterion = clean_block(plan.exit_criterion) or None
    stage.norm_seconds = plan.norm_seconds
    stage.step_kinds = [kind.value for kind in plan.step_kinds]
    stage.color, stage.accepts_new, stage.win_percent = plan.color, plan.accepts_new, plan.win_percent
    session.flush()
    session.execute(delete(StageRequirement).where(StageRequirement.stage_id == stage.id))
    _require(session, stage.id, RequirementMoment.ENTRY, plan.required)
    _require(session, stage.id, RequirementMoment.EXIT, plan.required_exit)
    session.flush()


def described(stage: StageInfo) -> dict[str, object]:
    """Return a stage's settings as the journal compares them; the order of fields says nothing."""
    return {
        "name": stage.name,
        "exit_criterion": stage.exit_criterion,
        "norm_seconds": stage.norm_seconds,
        "required": sorted(stage.required),
        "required_exit": sorted(stage.required_exit),
        "step_kinds": sorted(stage.step_kinds),
        "color": stage.color,
        "accepts_new": stage.accepts_new,
        "win_percent": stage.win_percent,
    }


def _require(session: Session, stage_id: int, moment: RequirementMoment, keys: Sequence[str]) -> None:
    for key in keys:
        custom = key.startswith(CUSTOM_PREFIX)
        session.add(
            StageRequirement(
                stage_id=stage_id,
                moment=moment,
                builtin=None if custom else key,
                field_id=int(key.removeprefix(CUSTOM_PREFIX)) if custom else None,
            )
        )


def _custom_keys(session: Session) -> set[str]:
    return {custom_key(one) for one in session.scalars(select(FieldDefinition.id).where(FieldDefinition.is_active))}
