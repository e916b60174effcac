"""What the rules judge by: the deal as it would be after the save, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from crm.actor import Actor
from crm.models.codes import DealStatus, StageKind, StepKind
from crm.pipelines.values import PipelineInfo, StageInfo


@dataclass(frozen=True, slots=True)
class OpenStep:
    """An open next step as the rules see it."""

    kind: StepKind
    due_at: datetime


@dataclass(frozen=True, slots=True)
class MoveFacts:
    """A move to be judged.

    `filled` holds the keys of the deal's filled fields, built-in and custom; `open_steps` its open next steps, a newly
    planned one included; `to_stage` is None for a stage of another pipeline; `is_insisted` tells that the actor gives
    a reason to pass rules, so that a closed deal is judged on as one to be taken up again.
    """

    actor: Actor
    pipeline: PipelineInfo
    status: DealStatus
    from_stage: StageInfo
    to_stage: StageInfo | None
    filled: frozenset[str]
    amount_minor: int | None
    open_steps: tuple[OpenStep, ...]
    loss_reason_id: int | None
    loss_note: str | None
    now: datetime
    is_insisted: bool = False

    @property
    def target(self) -> StageInfo:
        """Return the stage the deal goes to; only rules behind `check_possible` ask."""
        if self.to_stage is None:
            raise LookupError("no target stage")
        return self.to_stage

    @property
    def is_closed(self) -> bool:
        """Tell whether the deal has ended: what leads up to an end is not asked of it again."""
        return self.status is not DealStatus.OPEN

    @property
    def goes_on(self) -> bool:
        """Tell whether the move leads from an open stage towards the win."""
        target = self.target
        ahead = target.kind is StageKind.OPEN and target.position > self.from_stage.position
        return not self.is_closed and (ahead or target.kind is StageKind.WON)

    @property
    def steps_ahead(self) -> tuple[OpenStep, ...]:
        """Return the open steps that lie in the future."""
        return tuple(step for step in self.open_steps if step.due_at > self.now)
