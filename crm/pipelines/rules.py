"""The rules of a pipeline as a whole: its two switches, who creates deals by hand, exceptions of a role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.errors import Violation, refuse_if_any
from crm.events import record
from crm.models import Role, Stage, StageTransition
from crm.pipelines.commands import lock_pipeline
from crm.pipelines.reads import load_pipeline
from crm.pipelines.values import PipelineInfo


@dataclass(frozen=True, slots=True)
class PipelineRules:
    """What holds on every stage of a pipeline; `creation_roles` create its deals by hand, nobody when empty."""

    forward_only: bool = True
    no_skipping: bool = True
    creation_roles: frozenset[Role] = frozenset(Role)


def edit_rules(
    session: Session, actor: Actor, *, pipeline_id: int, expected_version: int, rules: PipelineRules
) -> None:
    """Set the switches and the creation policy; they count from the next move and the next new deal on.

    Errors: Forbidden; NotFound; ChangedMeanwhile.
    """
    pipeline = lock_pipeline(session, actor, pipeline_id, expected_version)
    before = {
        "forward_only": pipeline.forward_only,
        "no_skipping": pipeline.no_skipping,
        "creation_roles": sorted(pipeline.creation_roles),
    }
    after: dict[str, Any] = {
        "forward_only": rules.forward_only,
        "no_skipping": rules.no_skipping,
        "creation_roles": sorted(role.value for role in rules.creation_roles),
    }
    changed = {key: [before[key], after[key]] for key in before if before[key] != after[key]}
    if not changed:
        return
    pipeline.forward_only, pipeline.no_skipping = rules.forward_only, rules.no_skipping
    pipeline.creation_roles = after["creation_roles"]
    pipeline.version += 1
    record(session, actor, "pipeline.edited", "pipeline", pipeline_id, name=pipeline.name, changes=changed)


def set_transitions(
    session: Session,
    actor: Actor,
    *,
    pipeline_id: int,
    expected_version: int,
    role: Role,
    exceptions: Mapping[tuple[int, int], bool],
) -> None:
    """Make these a role's only exceptions to the switches: (id of the stage from, id of the stage to) -> allowed.

    They lead from an open stage to another one or to the won stage; closing as lost is always allowed.
    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput.
    """
    pipeline = lock_pipeline(session, actor, pipeline_id, expected_version)
    info = load_pipeline(session, pipeline_id)
    starts = {stage.id for stage in info.open_stages}
    ends = {*starts, info.won_stage.id}
    if not all(start in starts and end in ends and start != end for start, end in exceptions):
        refuse_if_any([Violation("transition_invalid", "transitions")])
    live = {
        (start, end): allowed
        for (whose, start, end), allowed in info.transitions.items()
        if whose is role and start in starts and end in ends
    }
    if live == dict(exceptions):
        return
    of_pipeline = select(Stage.id).where(Stage.pipeline_id == pipeline_id)
    session.execute(
        delete(StageTransition).where(StageTransition.role == role, StageTransition.from_stage_id.in_(of_pipeline))
    )
    session.add_all(
        StageTransition(role=role, from_stage_id=start, to_stage_id=end, is_allowed=allowed)
        for (start, end), allowed in sorted(exceptions.items())
    )
    pipeline.version += 1
    record(
        session, actor, "pipeline.transitions_set", "pipeline", pipeline_id, name=pipeline.name, role=role.value,
        changes={"transitions": [_told(info, live), _told(info, exceptions)]},
    )  # fmt: skip


def _told(info: PipelineInfo, exceptions: Mapping[tuple[int, int], bool]) -> list[str]:
    names = {stage.id: stage.name for stage in info.stages}
    return [
        f"{'+' if allowed else '-'} {names[start]} → {names[end]}"
        for (start, end), allowed in sorted(exceptions.items())
    ]
