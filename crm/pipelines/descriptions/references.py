"""Reading links and exceptions: what speaks of other parts of the description, by key or by name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum

from crm.i18n import current_reader
from crm.models.codes import LinkKind, LinkOwner, LinkTrigger, Role, StageKind, StepKind
from crm.pipelines.commands import PIPELINE_NAME_LIMIT
from crm.pipelines.descriptions.tables import Table
from crm.pipelines.descriptions.values import (
    DescribedCondition,
    DescribedException,
    DescribedLink,
    DescribedPipeline,
    Text,
)
from crm.pipelines.fields import NAME_LIMIT
from crm.pipelines.link_checks import MAX_CONDITIONS, MAX_ROUNDS, MAX_VALUES, STEP_TEXT_LIMIT
from crm.pipelines.link_values import CONDITION_FIELDS, COPYABLE_FIELDS, DAY_SECONDS, DEFAULT_COPIED, ConditionOp
from crm.pipelines.stage_plans import STAGE_NAME_LIMIT
from crm.pipelines.values import BUILTIN_FIELDS

MOST_KEYS = 200


class LinkMode(StrEnum):
    """What a link does with the deal it takes: here it is always copied."""

    COPY = "copy"
    MOVE = "move"


def read_link(table: Table, pipelines: Sequence[DescribedPipeline], keys: set[str]) -> DescribedLink:
    """Read a link; `keys` are those of all fields."""
    source, target = _pipeline_named(table, "from", pipelines), _pipeline_named(table, "to", pipelines)
    trigger = table.code("trigger", LinkTrigger, required=True)
    own = keys - set(BUILTIN_FIELDS)
    copyable = {*COPYABLE_FIELDS, *own}
    of_stage = trigger is LinkTrigger.STAGE
    from_stage = _open_stage(table, "from_stage", source, required=of_stage)
    if from_stage and not of_stage:
        table.wrong("from_stage", "value_unwanted")
    owner = table.code("owner", LinkOwner) or LinkOwner.SAME
    step = table.table("first_step")
    link = DescribedLink(
        from_pipeline=source.key if source else "",
        trigger=trigger or LinkTrigger.WON,
        to_pipeline=target.key if target else "",
        from_stage=from_stage if of_stage else None,
        to_stage=_open_stage(table, "to_stage", target),
        kind=table.code("kind", LinkKind) or LinkKind.CONTINUATION,
        copied=read_field_keys(table, "copied", copyable) if table.has("copied") else DEFAULT_COPIED,
        owner=owner,
        owner_email=table.line("owner_email", 254, required=owner is LinkOwner.USER),
        delay_seconds=table.seconds("delay") or 0,
        conditions=tuple(_condition(one, own) for one in table.tables("conditions", MAX_CONDITIONS)),
        cooldown_seconds=table.seconds("cooldown") or 0,
        max_rounds=table.number("max_rounds", 1, MAX_ROUNDS),
        skip_if_open=table.flag("skip_if_open"),
        step_kind=step.code("kind", StepKind) or StepKind.CALL,
        step_text=step.text("text", STEP_TEXT_LIMIT),
        step_due_seconds=step.seconds("due") or DAY_SECONDS,
        is_active=table.flag("active", default=True),
        moves=table.code("mode", LinkMode) is LinkMode.MOVE,
    )
    step.finish()
    table.finish()
    return link


def read_exception(table: Table, pipeline: DescribedPipeline) -> DescribedException:
    """Read an exception to the switches of a pipeline."""
    exception = DescribedException(
        role=table.code("role", Role, required=True) or Role.MANAGER,
        from_stage=_open_stage(table, "from", pipeline, required=True) or "",
        to_stage=_open_stage(table, "to", pipeline, required=True, ends=(StageKind.WON.value,)) or "",
        is_allowed=table.flag("allowed", default=True),
    )
    table.finish()
    return exception


def read_field_keys(table: Table, key: str, known: Collection[str]) -> tuple[str, ...]:
    """Read a list of fields, each a built-in one or a described one's key."""
    read = table.lines(key, MOST_KEYS)
    for name in read:
        if name not in known:
            table.wrong(key, "field_not_described", name=name[:100])
    return tuple(name for name in read if name in known)


def _condition(table: Table, own: Collection[str]) -> DescribedCondition:
    name = table.line("field", 50, required=True)
    if name and name not in {*CONDITION_FIELDS, *own}:
        table.wrong("field", "field_not_described", name=name)
    condition = DescribedCondition(
        field=name,
        op=table.code("op", ConditionOp, required=True) or ConditionOp.FILLED,
        minor=table.minor_units("value"),
        values=table.texts("values", NAME_LIMIT, MAX_VALUES),
    )
    is_sum = condition.op in {ConditionOp.AT_LEAST, ConditionOp.AT_MOST}
    if is_sum != (condition.minor is not None):
        table.wrong("value", "value_required" if is_sum else "value_unwanted")
    if (condition.op is ConditionOp.IS_ONE_OF) != bool(condition.values):
        table.wrong("values", "value_unwanted" if condition.values else "value_required")
    table.finish()
    return condition


def _pipeline_named(table: Table, key: str, pipelines: Sequence[DescribedPipeline]) -> DescribedPipeline | None:
    name = table.line(key, PIPELINE_NAME_LIMIT, required=True)
    named = [one for one in pipelines if one.key == name] or [one for one in pipelines if _is_called(one.name, name)]
    if name and not named:
        table.wrong(key, "pipeline_not_described", name=name)
    return named[0] if named else None


def _open_stage(
    table: Table,
    key: str,
    pipeline: DescribedPipeline | None,
    *,
    required: bool = False,
    ends: tuple[str, ...] = (),
) -> str | None:
    name = table.line(key, STAGE_NAME_LIMIT, required=required)
    if not name or pipeline is None:
        return None
    found = name if name in ends else _stage_called(pipeline, name)
    if found is None:
        table.wrong(key, "stage_not_described", name=name, pipeline=pipeline.name.spoken(current_reader().language))
    return found


def _stage_called(pipeline: DescribedPipeline, name: str) -> str | None:
    keys = [stage.key for stage in pipeline.stages if stage.key == name]
    named = keys or [stage.key for stage in pipeline.stages if _is_called(stage.name, name)]
    return named[0] if len(named) == 1 else None


def _is_called(text: Text, name: str) -> bool:
    return name in text.by_language.values()
