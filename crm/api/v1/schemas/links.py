"""Bodies of links between pipelines."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from crm.api.v1.values import Output
from crm.i18n import N_
from crm.models import LinkKind, LinkOwner, LinkTrigger, StepKind
from crm.pipelines.link_values import ConditionOp, LinkCondition, LinkInfo


class ConditionOut(Output):
    """A condition on the source deal; all of a link's conditions must hold."""

    field: str = Field(description=N_("A field of the deal, its owner's team, or a custom field by key"))
    op: ConditionOp
    value: int | list[str | int] | None = Field(description=N_("Hundredths for limits, a list for is_one_of"))

    @classmethod
    def of(cls, condition: LinkCondition) -> ConditionOut:
        """Return the condition as it is told."""
        value = list(condition.value) if isinstance(condition.value, tuple) else condition.value
        return cls(field=condition.field, op=condition.op, value=value)


class LinkOut(Output):
    """A link: what sets it off, and the deal it creates."""

    id: int
    version: int
    is_active: bool
    from_pipeline_id: int
    trigger: LinkTrigger
    from_stage_id: int | None = Field(description=N_("The stage that sets it off, for the trigger “stage”"))
    to_pipeline_id: int
    to_stage_id: int | None = Field(description=N_("Where new deals begin; the first stage without it"))
    kind: LinkKind
    copied: list[str] = Field(description=N_("Keys of the fields that go along"))
    owner_rule: LinkOwner
    owner_id: int | None
    delay_seconds: int
    conditions: list[ConditionOut]
    cooldown_seconds: int = Field(description=N_("The least time between two rounds of one client"))
    max_rounds: int | None
    skip_if_open: bool = Field(description=N_("Nothing while the client has another open deal"))
    step_kind: StepKind
    step_text: str
    step_due_seconds: int
    created_at: datetime

    @classmethod
    def of(cls, link: LinkInfo) -> LinkOut:
        """Return the link as it is told."""
        plan = link.plan
        return cls(
            id=link.id,
            version=link.version,
            is_active=plan.is_active,
            from_pipeline_id=plan.from_pipeline_id,
            trigger=plan.trigger,
            from_stage_id=plan.from_stage_id,
            to_pipeline_id=plan.to_pipeline_id,
            to_stage_id=plan.to_stage_id,
            kind=plan.kind,
            copied=list(plan.copied),
            owner_rule=plan.owner_rule,
            owner_id=plan.owner_id,
            delay_seconds=plan.delay_seconds,
            conditions=[ConditionOut.of(one) for one in plan.conditions],
            cooldown_seconds=plan.cooldown_seconds,
            max_rounds=plan.max_rounds,
            skip_if_open=plan.skip_if_open,
            step_kind=plan.step_kind,
            step_text=plan.step_text,
            step_due_seconds=plan.step_due_seconds,
            created_at=link.created_at,
        )
