"""Bodies of next steps."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import ConfigDict, Field

from crm.api.v1.values import Id, Input, Moment, Output, Text500, Text5000, Version
from crm.deals.step_lists import StepRecord
from crm.deals.values import StepDone, StepPlan
from crm.i18n import N_
from crm.models import StepKind, StepResult

StepKindName: TypeAlias = Literal["call", "meeting", "email", "offer", "review", "other"]
StepResultName: TypeAlias = Literal["reached", "no_answer", "done", "cancelled"]


class NextStepPlan(Input):
    """A next step to be planned."""

    kind: StepKindName
    due_at: Moment
    text: Text500 = ""
    owner_id: Id | None = Field(default=None, description=N_("Whose step it is; the deal's owner's unless named"))

    def plan(self) -> StepPlan:
        """Return the step as the commands take it."""
        return StepPlan(StepKind(self.kind), self.due_at, self.text, self.owner_id)


class NextStepNew(NextStepPlan):
    """A next step to be planned on a deal."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"deal_id": 15, "kind": "meeting", "due_at": "2027-03-01T09:00:00Z", "text": "Show the samples"}
            ]
        }
    )

    deal_id: Id


class StepEnd(Input):
    """How a next step ended."""

    result: StepResultName
    text: Text5000 = ""

    def done(self) -> StepDone:
        """Return the result as the commands take it."""
        return StepDone(StepResult(self.result), self.text)


class NextStepResult(StepEnd):
    """How a next step ended, and the one that follows; the last step of an open deal needs one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "result": "reached",
                    "text": "Wants an offer",
                    "following": {"kind": "offer", "due_at": "2027-03-02T09:00:00Z"},
                }
            ]
        }
    )

    following: NextStepPlan | None = None


class NextStepPostponed(Input):
    """A next step's new date."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"due_at": "2027-03-05T09:00:00Z", "expected_version": 1}]}
    )

    due_at: Moment
    expected_version: Version | None = Field(
        default=None, description=N_("The version you have seen; or send it as If-Match")
    )


class NextStepOut(Output):
    """A next step, open or done."""

    id: int
    version: int
    deal_id: int
    kind: StepKind
    text: str
    due_at: datetime
    owner_id: int
    created_at: datetime
    created_by: int | None
    done_at: datetime | None
    done_by: int | None
    result: StepResult | None
    result_text: str | None

    @classmethod
    def of(cls, record: StepRecord) -> NextStepOut:
        """Return the record as it is told."""
        return cls(
            id=record.id,
            version=record.version,
            deal_id=record.deal_id,
            kind=record.kind,
            text=record.text,
            due_at=record.due_at,
            owner_id=record.owner_id,
            created_at=record.created_at,
            created_by=record.created_by,
            done_at=record.done_at,
            done_by=record.done_by,
            result=record.result,
            result_text=record.result_text,
        )


class NextStepDone(Output):
    """A step that was completed, and the one planned after it."""

    completed: NextStepOut
    following: NextStepOut | None
