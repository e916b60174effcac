"""A description turned into what the commands take: every key becomes the id of what was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crm.pipelines.descriptions.values import DescribedCondition, DescribedLink
from crm.pipelines.link_values import COPYABLE_FIELDS, LinkCondition, LinkPlan


@dataclass(frozen=True, slots=True)
class MadeIds:
    """What became of the keys of a description: `stages` go by those of pipeline and stage, `fields` are field keys."""

    pipelines: Mapping[str, int]
    stages: Mapping[tuple[str, str], int]
    fields: Mapping[str, str]


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
        copied=tuple(key if key in COPYABLE_FIELDS else made.fields[key] for key in link.copied),
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
    )


def named_condition(condition: DescribedCondition, made: MadeIds, language: str) -> LinkCondition:
    """Return a condition whose values are still names."""
    names = tuple(value.spoken(language) for value in condition.values)
    field = made.fields.get(condition.field, condition.field)
    return LinkCondition(field, condition.op, names or condition.minor)
