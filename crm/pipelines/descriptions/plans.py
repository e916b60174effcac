"""A description turned into what the commands take: every key becomes the id of what was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crm.pipelines.descriptions.values import DescribedCondition, DescribedLink, DescribedStage
from crm.pipelines.link_values import LinkCondition, LinkPlan
from crm.pipelines.stage_plans import StagePlan


@dataclass(frozen=True, slots=True)
class MadeIds:
    """What became of the keys of a description: `stages` go by those of pipeline and stage, `fields` are field keys."""

    pipelines: Mapping[str, int]
    stages: Mapping[tuple[str, str], int]
    fields: Mapping[str, str]


def stage_plan(stage: DescribedStage, field_keys: Mapping[str, str], language: str) -> StagePlan:
    """Return a described stage; `field_keys` are those of described fields, built-in ones stay."""
    return StagePlan(
        name=stage.name.spoken(language),
        exit_criterion=stage.exit_criterion.spoken(language),
        norm_seconds=stage.norm_seconds,
        required=tuple(field_keys.get(key, key) for key in stage.required),
        required_exit=tuple(field_keys.get(key, key) for key in stage.required_exit),
        step_kinds=stage.step_kinds,
        color=stage.color,
        accepts_new=stage.accepts_new,
        win_percent=stage.win_percent,
    )


def link_plan(
    link: DescribedLink,
    made: MadeIds,
    language: str,
    *,
    owner_id: int | None = None,
    conditions: tuple[LinkCondition, ...] = (),
) -> LinkPlan:
    """Return a described link between pipelines that were made."""
    return LinkPlan(
        from_pipeline_id=made.pipelines[link.from_pipeline],
        trigger=link.trigger,
        to_pipeline_id=made.pipelines[link.to_pipeline],
        kind=link.kind,
        from_stage_id=made.stages[link.from_pipeline, link.from_stage] if link.from_stage else None,
        to_stage_id=made.stages[link.to_pipeline, link.to_stage] if link.to_stage else None,
        copied=tuple(made.fields.get(key, key) for key in link.copied),
        owner_rule=link.owner,
        owner_id=owner_id,
        delay_seconds=link.delay_seconds,
        conditions=conditions,
        cooldown_seconds=link.cooldown_seconds,
        max_rounds=link.max_rounds,
        skip_if_open=link.skip_if_open,
        step_kind=link.step_kind,
        step_text=link.step_text.spoken(language),
        step_due_seconds=link.step_due_seconds,
        is_active=link.is_active,
    )


def named_condition(condition: DescribedCondition, made: MadeIds, language: str) -> LinkCondition:
    """Return a condition whose values are still names."""
    names = tuple(value.spoken(language) for value in condition.values)
    field = made.fields.get(condition.field, condition.field)
    return LinkCondition(field, condition.op, names or condition.minor)
