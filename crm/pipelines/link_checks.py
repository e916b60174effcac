"""What may be wrong with a link between pipelines, all of it at once."""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from crm.errors import NotFound, Violation
from crm.i18n.formats import MAX_AMOUNT_MINOR
from crm.models import LinkOwner, LinkTrigger, LossReason, Pipeline, Priority, Team, User
from crm.models.codes import FieldType, StageKind
from crm.pipelines.link_values import (
    CONDITION_FIELDS,
    COPYABLE_FIELDS,
    DAY_SECONDS,
    ConditionOp,
    LinkCondition,
    LinkPlan,
    unbraked_loops,
)
from crm.pipelines.reads import load_fields, load_pipeline
from crm.pipelines.values import FieldInfo, PipelineInfo, StageInfo
from crm.typed_text import line_violations

STEP_TEXT_LIMIT = 500
MAX_DELAY_SECONDS = 5 * 366 * DAY_SECONDS
MAX_STEP_SECONDS = 730 * DAY_SECONDS
MAX_ROUNDS = 1000
MAX_CONDITIONS = 20
MAX_VALUES = 100
_LISTED_FIELDS = frozenset({"priority", "source", "loss_reason", "team"})


def link_violations(session: Session, plan: LinkPlan, others: list[LinkPlan]) -> list[Violation]:
    """Return what is wrong with a planned link; `others` are the links beside it.

    Errors: NotFound for an unknown pipeline to come from.
    """
    source = load_pipeline(session, plan.from_pipeline_id)
    target = _target(session, plan)
    found = _trigger_violations(plan, source)
    if target is None:
        found.append(Violation("link_target_unknown", "to_pipeline"))
    else:
        found += _target_violations(plan, target)
    found += _owner_violations(session, plan)
    found += _number_violations(plan)
    found += line_violations(plan.step_text, "step_text", STEP_TEXT_LIMIT)
    fields = {field.key: field for field in load_fields(session) if field.is_active}
    if not set(plan.copied) <= {*COPYABLE_FIELDS, *fields} or len(set(plan.copied)) != len(plan.copied):
        found.append(Violation("choice_unknown", "copied"))
    found += _condition_violations(session, plan, fields)
    return found + _neighbour_violations(session, plan, others)


def _target(session: Session, plan: LinkPlan) -> PipelineInfo | None:
    try:
        target = load_pipeline(session, plan.to_pipeline_id)
    except NotFound:
        return None
    return None if target.is_archived or not target.open_stages else target


def _trigger_violations(plan: LinkPlan, source: PipelineInfo) -> list[Violation]:
    if plan.trigger is not LinkTrigger.STAGE:
        return [Violation("choice_unknown", "from_stage")] if plan.from_stage_id is not None else []
    if plan.from_stage_id is None:
        return [Violation("value_required", "from_stage")]
    return _stage_violations(source, plan.from_stage_id, "from_stage")


def _target_violations(plan: LinkPlan, target: PipelineInfo) -> list[Violation]:
    if plan.to_stage_id is not None:
        found = _stage_violations(target, plan.to_stage_id, "to_stage")
        if found:
            return found
    stage = _first_or(target, plan.to_stage_id)
    found = []
    if plan.trigger is LinkTrigger.STAGE and plan.from_stage_id == stage.id:
        found.append(Violation("link_to_itself", "to_stage", {"stage": stage.name}))
    if stage.step_kinds and plan.step_kind not in stage.step_kinds:
        found.append(Violation("link_step_kind", "step_kind", {"stage": stage.name}))
    return found


def _first_or(target: PipelineInfo, stage_id: int | None) -> StageInfo:
    stage = target.stage(stage_id) if stage_id is not None else None
    return stage or target.open_stages[0]


def _stage_violations(pipeline: PipelineInfo, stage_id: int, field: str) -> list[Violation]:
    stage = pipeline.stage(stage_id)
    if stage is None or stage.kind is not StageKind.OPEN:
        return [Violation("link_stage_unknown", field, {"pipeline": pipeline.name})]
    return [Violation("stage_retired", field)] if stage.is_retired else []


def _owner_violations(session: Session, plan: LinkPlan) -> list[Violation]:
    if plan.owner_rule is not LinkOwner.USER:
        return [Violation("choice_unknown", "owner")] if plan.owner_id is not None else []
    if plan.owner_id is None:
        return [Violation("value_required", "owner")]
    known = session.scalar(select(exists().where(User.id == plan.owner_id, User.is_active)))
    return [] if known else [Violation("choice_unknown", "owner")]


def _number_violations(plan: LinkPlan) -> list[Violation]:
    limits = (
        ("delay", plan.delay_seconds, 0, MAX_DELAY_SECONDS),
        ("cooldown", plan.cooldown_seconds, 0, MAX_DELAY_SECONDS),
        ("step_due", plan.step_due_seconds, 60, MAX_STEP_SECONDS),
    )
    found = [Violation("link_time_invalid", name) for name, value, least, most in limits if not least <= value <= most]
    if plan.max_rounds is not None and not 0 < plan.max_rounds <= MAX_ROUNDS:
        found.append(Violation("link_rounds_invalid", "max_rounds", {"limit": MAX_ROUNDS}))
    return found


def _condition_violations(session: Session, plan: LinkPlan, fields: dict[str, FieldInfo]) -> list[Violation]:
    if len(plan.conditions) > MAX_CONDITIONS:
        return [Violation("link_condition_invalid", "conditions", {"number": MAX_CONDITIONS + 1})]
    return [
        Violation("link_condition_invalid", "conditions", {"number": number})
        for number, condition in enumerate(plan.conditions, start=1)
        if not _makes_sense(session, condition, fields)
    ]


def _makes_sense(session: Session, condition: LinkCondition, fields: dict[str, FieldInfo]) -> bool:
    field = fields.get(condition.field)
    if field is None and condition.field not in CONDITION_FIELDS:
        return False
    value = condition.value
    if condition.op in {ConditionOp.FILLED, ConditionOp.EMPTY}:
        return value is None and condition.field not in {"priority", "team"}
    if condition.op is not ConditionOp.IS_ONE_OF:
        is_money = condition.field == "amount" or (field is not None and field.type is FieldType.MONEY)
        return is_money and _is_number(value)
    if not isinstance(value, tuple) or not 0 < len(value) <= MAX_VALUES:
        return False
    if field is not None:
        choice = field.type in {FieldType.CHOICE, FieldType.MULTI_CHOICE}
        return choice and set(value) <= {option.code for option in field.options}
    return condition.field in _LISTED_FIELDS and _are_known(session, condition.field, value)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_AMOUNT_MINOR


def _are_known(session: Session, field: str, values: tuple[str | int, ...]) -> bool:
    if field == "priority":
        return set(values) <= {priority.name.lower() for priority in Priority}
    if field == "source":
        return all(isinstance(one, str) and not line_violations(one, field, 100, required=True) for one in values)
    if not all(isinstance(one, int) and not isinstance(one, bool) for one in values):
        return False
    column = LossReason.id if field == "loss_reason" else Team.id
    return set(session.scalars(select(column).where(column.in_(values)))) == set(values)


def _neighbour_violations(session: Session, plan: LinkPlan, others: list[LinkPlan]) -> list[Violation]:
    found = []
    if plan.is_active and any(one.is_active and _does_the_same(one, plan) for one in others):
        found.append(Violation("link_exists", "to_pipeline"))
    before = unbraked_loops(others)
    return found + [
        Violation("link_loop_unbraked", "cooldown", {"pipelines": _names(session, loop)})
        for loop in unbraked_loops([*others, plan])
        if loop not in before and plan.from_pipeline_id in loop
    ]


def _does_the_same(one: LinkPlan, other: LinkPlan) -> bool:
    return (
        one.from_pipeline_id == other.from_pipeline_id
        and one.trigger is other.trigger
        and one.from_stage_id == other.from_stage_id
        and one.to_pipeline_id == other.to_pipeline_id
        and one.conditions == other.conditions
    )


def _names(session: Session, loop: tuple[int, ...]) -> str:
    names = dict(session.execute(select(Pipeline.id, Pipeline.name).where(Pipeline.id.in_(loop))).all())
    return " → ".join(names[one] for one in (*loop, loop[0]) if one in names)
