"""What the rules judge by: the deal as it would be after the save, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from crm.actor import Actor
from crm.models.codes import DealStatus
from crm.pipelines.values import PipelineInfo, StageInfo


@dataclass(frozen=True, slots=True)
class MoveFacts:
    """A move to be judged.

    `filled` holds the keys of the deal's filled fields, built-in and custom; `open_step_dues` when its open next
    steps are due, a newly planned one included; `to_stage` is None for a stage of another pipeline.
    """

    actor: Actor
    pipeline: PipelineInfo
    status: DealStatus
    from_stage: StageInfo
    to_stage: StageInfo | None
    filled: frozenset[str]
    amount_minor: int | None
    open_step_dues: tuple[datetime, ...]
    loss_reason_id: int | None
    loss_note: str | None
    now: datetime

    @property
    def target(self) -> StageInfo:
        """Return the stage the deal goes to; only rules behind `check_possible` ask."""
        if self.to_stage is None:
            raise LookupError("no target stage")
        return self.to_stage
