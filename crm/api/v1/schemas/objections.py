"""Bodies of objections."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import ConfigDict, Field

from crm.api.v1.values import Input, Output, Text2000, Version
from crm.deals.objections import ObjectionInfo, ObjectionPlan
from crm.i18n import N_
from crm.models import ObjectionKind, ObjectionOutcome

ObjectionKindName: TypeAlias = Literal["real", "pretended", "unknown"]
ObjectionOutcomeName: TypeAlias = Literal["open", "overcome", "not_overcome"]
_VERSION_HELP = N_("The version you have seen; or send it as If-Match")


class ObjectionNew(Input):
    """An objection that was just said; the stage is the one where the deal stands."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "Too dear", "kind": "real", "buys_if": "5 % off for 10 t"}]}
    )

    text: Text2000
    kind: ObjectionKindName = "unknown"
    buys_if: Text2000 = Field(default="", description=N_("The condition under which the client would buy"))

    def plan(self) -> ObjectionPlan:
        """Return the objection as the commands take it."""
        return ObjectionPlan(self.text, ObjectionKind(self.kind), self.buys_if)


class ObjectionEdit(ObjectionNew):
    """An objection as it is to be; stage and outcome stay."""

    expected_version: Version | None = Field(default=None, description=_VERSION_HELP)


class ObjectionSettled(Input):
    """What became of an objection."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outcome": "overcome", "expected_version": 1}]})

    outcome: ObjectionOutcomeName
    note: Text2000 = ""
    expected_version: Version | None = Field(default=None, description=_VERSION_HELP)


class ObjectionOut(Output):
    """An objection on a deal."""

    id: int
    version: int
    stage_id: int
    stage: str
    kind: ObjectionKind
    text: str
    buys_if: str | None
    outcome: ObjectionOutcome
    outcome_note: str | None
    at: datetime
    author: str | None
    resolved_at: datetime | None

    @classmethod
    def of(cls, objection: ObjectionInfo) -> ObjectionOut:
        """Return the objection as it is told."""
        return cls(**dataclasses.asdict(objection))


class ObjectionList(Output):
    """A deal's objections, those not settled first."""

    items: list[ObjectionOut]
